import type {
  AttentionEvent,
  ConfusionEvent,
  EpochEvent,
  HistogramsEvent,
  RunEvent,
  RunState,
  SampleEvent,
  StartEvent,
  StatesEvent,
} from '../src/record/event.js'

/** After how many batches an epoch of a length that is not known is drawn as half done. */
const usualBatches = 100

/** A point of a curve. */
export type Point = readonly [x: number, y: number]

/** Pictures of one kind by epoch, in order. */
export type ByEpoch<T> = Map<number, T>

/** What is known of a run. */
export class Run {
  state: RunState = 'running'
  start: StartEvent | undefined
  message: string | undefined
  epochs = 0
  /** Where it is, in epochs, and when it was there. */
  place = 0
  /** Whether nobody knows yet how long an epoch is. */
  #isOpen = false
  time = 0
  /** Where this process began, and when. */
  #from: Point = [0, 0]
  rate: number | undefined
  /** What the epochs came to, by number. */
  readonly ended = new Map<number, EpochEvent>()
  /** What the batches since the last end of an epoch came to. */
  readonly batches: { readonly x: number; readonly values: Readonly<Record<string, number>> }[] = []
  readonly rates: Point[] = []
  readonly weights: ByEpoch<HistogramsEvent> = new Map()
  readonly gradients: ByEpoch<HistogramsEvent> = new Map()
  readonly confusion: ByEpoch<ConfusionEvent> = new Map()
  readonly attention: ByEpoch<AttentionEvent> = new Map()
  readonly states: ByEpoch<StatesEvent> = new Map()
  readonly sample: ByEpoch<SampleEvent> = new Map()
  #goesOn = false

  constructor(
    readonly name: string,
    readonly number: number,
  ) {}

  add(event: RunEvent): void {
    if ('time' in event) this.time = event.time
    if ('epoch' in event && this.#goesOn) this.#takeBack(event.epoch)
    switch (event.type) {
      case 'start':
        this.start = event
        this.epochs = event.epochs
        this.#from = [0, event.time]
        break
      case 'continue':
        this.epochs = event.epochs
        this.message = undefined
        this.#goesOn = true
        break
      case 'batch': {
        // An epoch whose length is not known is never over before its end.
        this.place = event.epoch - 1 + event.batch / (event.batches || event.batch + usualBatches)
        this.#isOpen = event.batches === 0
        this.rate = Number(event.rate)
        this.rates.push([this.place, this.rate])
        this.batches.push({ x: this.place, values: numbers(event.values) })
        break
      }
      case 'epoch':
        this.place = event.epoch
        this.#isOpen = false
        this.batches.length = 0
        this.ended.set(event.epoch, event)
        break
      case 'histograms':
        this[event.of].set(event.epoch, event)
        break
      case 'end':
        this.message = event.message
        break
      default:
        ;(this[event.type] as ByEpoch<typeof event>)?.set(event.epoch, event)
    }
  }

  /** Seconds until its last epoch ends, at the speed so far. */
  get left(): number | undefined {
    const [place, time] = this.#from
    if (this.state !== 'running' || this.#isOpen || this.place <= place) return undefined
    return Math.max(0, ((this.epochs - this.place) * (this.time - time)) / (this.place - place) / 1000)
  }

  /** The epochs from which there are pictures, in order. */
  get pictured(): number[] {
    const kinds = [this.weights, this.gradients, this.confusion, this.attention, this.states, this.sample]
    return [...new Set(kinds.flatMap((kind) => [...kind.keys()]))].sort((a, b) => a - b)
  }

  /** The names of losses and metrics. */
  get metrics(): string[] {
    const last = [...this.ended.values()].at(-1)?.values ?? this.batches.at(-1)?.values ?? {}
    return Object.keys(last).filter((name) => !name.startsWith('val_') && !name.startsWith(norm))
  }

  /** The layers of which there are norms of gradients. */
  get layers(): string[] {
    const last = [...this.ended.values()].at(-1)?.values ?? {}
    return Object.keys(last).flatMap((name) => (name.startsWith(norm) ? [name.slice(norm.length)] : []))
  }

  /** The values of a name after the epochs. */
  curve(name: string): Point[] {
    const points: Point[] = []
    for (const [epoch, { values }] of this.ended)
      if (values[name] !== undefined) points.push([epoch, Number(values[name])])
    return points
  }

  /** The same, with what the epoch that has not ended came to so far. */
  running(name: string): Point[] {
    const points = this.curve(name)
    for (const { x, values } of this.batches) if (values[name] !== undefined) points.push([x, values[name]])
    return points
  }

  /** A resumed training repeats epochs from here on. */
  #takeBack(epoch: number): void {
    this.#goesOn = false
    this.#from = [epoch - 1, this.time]
    for (const kind of [
      this.ended,
      this.weights,
      this.gradients,
      this.confusion,
      this.attention,
      this.states,
      this.sample,
    ]) {
      for (const each of [...kind.keys()]) if (each >= epoch) kind.delete(each)
    }
    this.batches.length = 0
    while ((this.rates.at(-1)?.[0] ?? 0) > epoch - 1) this.rates.pop()
  }
}

/** What the names of norms of gradients begin with. */
export const norm = 'gradient_norm/'

const numbers = (values: Readonly<Record<string, number | string>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]))
