import {
  batchPause,
  type Callback,
  checkCallbacks,
  closing,
  type Ending,
  type History,
  type KeptMoment,
  type KeptTraining,
  keeper,
  type Logs,
  type Moment,
  type Training,
  type TrainingState,
} from '../callbacks/callback.js'
import { TrainingHistory } from '../callbacks/history.js'
import { awaited, callAwaited, isAwaited, type LoopEvent, scoresOf, wantsAny } from '../callbacks/moments.js'
import { shownProgress } from '../callbacks/shownProgress.js'
import type { Staged } from '../data/index.js'
import type { Ranks } from '../distributed.js'
import { AbortError, callNative, SeqloomError } from '../errors.js'
import type { CancelFlag, NativeModel } from '../native/index.js'
import { apartLater } from '../rank.js'
import { warn } from '../warn.js'
import { unlessAborted } from './cancel.js'
import { classWeights } from './classWeight.js'
import type { TrainPlan } from './compile.js'
import type { Engine } from './engine.js'
import { Feeder } from './feeder.js'
import type { Model } from './model.js'
import { beginTogether, callbacksOf } from './ranks.js'
import { defaultBatchSize, type GivenFitOptions } from './runOptions.js'

/** Rows in memory, or what reads them while the loop runs. */
export type Supply = readonly Staged[] | Feeder

/** What a training works with. */
export interface FitRequest {
  readonly model: Model
  readonly engine: Engine
  readonly native: NativeModel
  readonly plan: TrainPlan
  readonly data: Supply
  readonly validation: Supply | undefined
  readonly options: GivenFitOptions
  /** Tells the data from others. */
  readonly identity: string
  /** The processes that train together. */
  readonly ranks: Ranks
}

/** Checks that a validation split leaves rows on both sides. */
export function checkSplit(rows: number, split: number): void {
  if (split === 0) return
  const trained = Math.floor(rows * (1 - split))
  if (trained === 0 || trained === rows) {
    const side = trained === 0 ? 'train on' : 'validate'
    throw new SeqloomError('ERR_DATA', `fit: validationSplit ${split} of ${rows} rows leaves none to ${side}`)
  }
}

/** Where a training is, as its progress says. */
interface Position {
  readonly epoch: number
  readonly batch: number
  /** Of a stream: the pass over it, and how many of its batches are done. */
  readonly place?: readonly [pass: number, batches: number]
}

const given = (supply: Supply) => (supply instanceof Feeder ? supply.feed : [...supply])

/** Seconds between two events of batches that nobody waits for: the last of an epoch is told anyway. */
const seldom = 1e9

const levelOf = ({ verbose = 0 }: GivenFitOptions): number => (verbose === 'auto' ? 1 : Number(verbose))

/** Runs the native training loop and the callbacks around it. */
export async function runFit(request: FitRequest): Promise<History> {
  const given = callbacksOf(checkCallbacks(request.options.callbacks), request.ranks)
  const verbose = request.ranks.rank === 0 ? levelOf(request.options) : 0
  const callbacks = verbose === 0 ? given : [...given, await shownProgress(verbose === 1 ? 1 : 2)]
  const taken = take(given)
  let ending: Ending = {}
  try {
    return await new FitLoop(request, callbacks).run()
  } catch (error) {
    ending = { failure: { error } }
    throw error
  } finally {
    for (const callback of taken) busy.delete(callback)
    for (const callback of callbacks) await callback[closing]?.(ending)
  }
}

/** Callbacks that keep something of a training which is running. */
const busy = new WeakSet<Callback>()

/** Takes the callbacks that keep something of a training. `ERR_STATE` for one that does so for another training. */
function take(callbacks: readonly Callback[]): Set<Callback> {
  const keeping = new Set(callbacks.filter(({ getState }) => getState !== undefined))
  for (const callback of keeping) {
    if (!busy.has(callback)) continue
    throw new SeqloomError(
      'ERR_STATE',
      'fit: one of the callbacks takes part in another training that is running, and keeps what it knows of that; make one for each',
    )
  }
  for (const callback of keeping) busy.add(callback)
  return keeping
}

/** The functions of callbacks that an event is for. */
function momentsOf(type: string): readonly Moment[] {
  if (isAwaited(type)) return awaited[type]
  if (type === 'epochBegin') return ['onEpochBegin']
  return type === 'epochEnd' ? ['onEpochEnd'] : []
}

class FitLoop {
  readonly #request: FitRequest
  readonly #callbacks: readonly Callback[]
  #history: History = new TrainingHistory()
  readonly #settings: Readonly<Record<string, number | boolean>>
  /** Batches of an epoch; 0 while that is not known. */
  #steps: number
  /** Where a training that goes on was. */
  #resumed: Position = { epoch: 0, batch: 0 }
  readonly #training: Training
  readonly #kept: KeptTraining
  readonly #names: readonly string[]
  readonly #apart = apartLater()
  #last: Logs = {}
  #failure: { readonly error: unknown } | undefined
  /** The names of the values of the last epoch that are in the history. */
  #recorded: ReadonlySet<string> = new Set()
  #stop = false
  #ended = false
  /** Whether rows are being read. */
  #reading = false
  /** Batches of the epoch so far. */
  #done = 0
  /** Where the training goes on, if it does not begin. */
  #from: TrainingState | undefined
  #giveUp: () => void = () => undefined

  constructor(request: FitRequest, callbacks: readonly Callback[]) {
    this.#request = request
    this.#callbacks = callbacks
    const names = ['loss', ...request.plan.metricNames]
    this.#names = [...names, ...names.map((name) => `val_${name}`)]
    this.#training = {
      model: request.model,
      epochs: request.options.epochs ?? 1,
      validationFreq: request.options.validationFreq ?? 1,
      stop: () => {
        this.#stop = true
      },
    }
    const { options, data, validation } = request
    const { batchSize = defaultBatchSize, distributed } = options
    const averageEvery = typeof distributed === 'object' ? (distributed.averageEvery ?? 1) : 1
    const swaps = callbacks.flatMap(({ swapEmaWeights }) => swapEmaWeights ?? [])
    this.#settings = {
      epochs: options.epochs ?? 1,
      batchSize,
      shuffle: Boolean(options.shuffle ?? !request.model.layers.some(({ stateful }) => stateful)),
      ...(options.shuffle === 'batch' && { shuffleBatches: true }),
      bucketByLength: options.bucketByLength ?? false,
      seed: options.seed ?? request.model.seed,
      validationSplit: options.validationSplit ?? 0,
      validationBatchSize: options.validationBatchSize ?? batchSize,
      initialEpoch: options.initialEpoch ?? 0,
      ...(options.stepsPerEpoch === undefined ? {} : { stepsPerEpoch: options.stepsPerEpoch }),
      ...(options.validationSteps === undefined ? {} : { validationSteps: options.validationSteps }),
      ...(options.validationFreq === undefined ? {} : { validationFreq: options.validationFreq }),
      ...(swaps.length > 0 && { swapAverage: true }),
      ...(swaps.some(({ swapOnEpoch }) => swapOnEpoch) && { swapOnEpoch: true }),
      ...(averageEvery > 1 && { averageEvery }),
    }
    const rows = (supply: Supply | undefined) => (supply instanceof Feeder ? 0 : (supply?.[0]?.shape[0] ?? 0))
    const trained = options.validationSplit ? Math.floor(rows(data) * (1 - options.validationSplit)) : rows(data)
    this.#steps = options.stepsPerEpoch ?? Math.ceil(trained / batchSize)
    const { epochs: _, ...identity } = this.#settings
    this.#kept = {
      ...this.#training,
      callbacks,
      identity: {
        ...identity,
        rows: rows(data),
        validationRows: rows(validation),
        data: request.identity,
        classWeight: classWeights('fit', request.plan, options.classWeight).identity,
      },
      state: () => ({
        progress: callNative(() => request.native.trainingProgress()),
        stopped: this.#stopped,
        history: this.#history,
      }),
      goOn: (from) => {
        const { progress, stopped, history } = from
        this.#from = from
        this.#resumed = JSON.parse(progress) as Position
        this.#stop = stopped
        this.#history = new TrainingHistory(history)
        this.#last = Object.fromEntries(
          Object.entries(history.history).map(([name, values]) => [name, values.at(-1) ?? Number.NaN]),
        )
      },
    }
  }

  async run(): Promise<History> {
    const { model, engine, native, data, validation, options } = this.#request
    model.stopTraining = false
    const params = { epochs: this.#training.epochs, steps: this.#steps, verbose: levelOf(options) }
    for (const callback of this.#callbacks) {
      callback.setParams?.(params)
      callback.setModel?.(model)
    }
    if (options.signal?.aborted) throw new AbortError(options.signal)
    let begun = false
    const beginning = this.#pause(['onTrainBegin'], async () => {
      await this.#call('onTrainBegin', (callback) => callback.onTrainBegin?.({}, this.#training))
      await this.#keep('begin')
    })
    await unlessAborted(beginning, options.signal)
    const { ranks } = this.#request
    const isSeeded = options.seed !== undefined
    const shared = ranks.size > 1 && {
      seed: await beginTogether(ranks, engine.identity(), this.#kept, this.#from, isSeeded),
      distributed: true,
    }
    engine.fetch()
    const checkpoints = ranks.rank === 0 ? this.#callbacks.map((callback) => callback[keeper]?.checkpoints) : []
    const start = this.#from === undefined ? {} : { start: this.#from.progress }
    const told = this.#callbacks.filter(({ onBatchEnd }) => onBatchEnd)
    // What is told of a training changes nothing of it: one that goes on may be told of other things.
    const reports = {
      gradientNorms: this.#callbacks.some(({ gradientNorms }) => gradientNorms),
      batchEventSeconds: Math.min(seldom, ...told.map((callback) => callback[batchPause] ?? 0)),
      awaitBatches: wantsAny(this.#callbacks, ['trainBatchBegin', 'trainBatchEnd']),
      awaitTests: wantsAny(this.#callbacks, ['testBegin', 'testBatchBegin', 'testBatchEnd', 'testEnd']),
    }
    const settings = JSON.stringify(
      Object.assign({ ...this.#settings, ...start, ...reports, ...shared }, ...checkpoints),
    )
    // The loop may be waiting for a callback.
    const wake = () => native.interrupt()
    options.signal?.addEventListener('abort', wake, { once: true })
    const training = async (cancel: CancelFlag) => {
      if (this.#stop) return
      begun = true
      this.#giveUp = () => cancel.cancel()
      const onEvent = (event: LoopEvent | undefined) => this.#receive(event)
      await native.fit(given(data), validation ? given(validation) : null, settings, cancel, onEvent)
    }
    try {
      await engine.cancellable(options.signal, training)
    } catch (error) {
      engine.tell(engine.trained)
      if (error instanceof AbortError && begun && !this.#failure) await this.#pause([], () => this.#keep('abort'))
      // A callback that throws cancels the loop; `fit` then rejects with what it threw, not with the cancellation.
      if (!this.#failure && !this.#ends(error)) throw error
    } finally {
      this.#ended = true
      for (const supply of [data, validation]) if (supply instanceof Feeder) supply.close()
      options.signal?.removeEventListener('abort', wake)
    }
    engine.tell(engine.trained)
    if (this.#failure) throw this.#failure.error
    const ending = this.#pause(['onTrainEnd'], async () => {
      await this.#keep('trained')
      await this.#call('onTrainEnd', (callback) => callback.onTrainEnd?.(this.#last, this.#training))
    })
    await unlessAborted(ending, options.signal)
    await this.#keep('end')
    return this.#history
  }

  /** Whether an error ends the training as a callback asks for, instead of making it fail. */
  #ends(error: unknown): boolean {
    const ends = error instanceof SeqloomError && error.code === 'ERR_NUMERIC'
    if (!ends || !this.#callbacks.some(({ terminateOnNaN }) => terminateOnNaN)) return false
    this.#request.model.stopTraining = true
    warn('WARN_NAN', `fit: the training was ended: ${error.message}`)
    return true
  }

  /** Whether the loop has ended, or is about to because of an abort. */
  get #over(): boolean {
    return this.#ended || this.#request.options.signal?.aborted === true
  }

  get #stopped(): boolean {
    return this.#stop || this.#request.model.stopTraining
  }

  #receive(event: LoopEvent | undefined): void {
    this.#apart(() => this.#told(event))
  }

  #told(event: LoopEvent | undefined): void {
    if (event === undefined || event.type === 'overtaken') return
    if (event.type === 'batchEnd') {
      this.#batchEnd(event)
      return
    }
    if (event.type === 'epochEnd') {
      this.#record(event.epoch, this.#logsOf(event))
      if (this.#steps === 0) this.#steps = this.#done
    }
    void this.#parked(event)
  }

  async #parked(event: LoopEvent): Promise<void> {
    const { epoch } = event
    const { engine } = this.#request
    try {
      engine.tell(engine.trained)
      await this.#pause(momentsOf(event.type), async () => {
        if (isAwaited(event.type)) {
          await callAwaited(this.#callbacks, event, event.type, this.#logsOf(event), this.#training)
        } else if (event.type === 'epochBegin') {
          await this.#call('onEpochBegin', (callback) => callback.onEpochBegin?.(epoch, {}, this.#training))
        } else if (event.type === 'checkpoint') {
          await this.#keep('checkpoint')
        } else {
          const shown = { ...this.#logsOf(event), seconds: Number(event.seconds) }
          await this.#call('onEpochEnd', (callback) => callback.onEpochEnd?.(epoch, shown, this.#training))
          this.#addLogs(shown)
          await this.#keep('epochEnd')
        }
      })
      if (event.type === 'epochBegin' && !this.#over) {
        engine.giveRates(this.#steps)
        await this.#read(epoch)
      }
      if (!this.#over) engine.fetch()
    } catch (error) {
      if (!this.#over) this.#fail(error)
    }
    // An abort does not wait for callbacks.
    if (this.#over) return
    // Asking for an end between two batches means the end of the epoch, unless the loop waits for each of them.
    const ends = ['epochBegin', 'epochEnd', 'trainBatchEnd'].includes(event.type)
    const stop = this.#failure !== undefined || (this.#stopped && ends)
    try {
      callNative(() => this.#request.native.resume(stop))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Lets the rows of an epoch be read. */
  async #read(epoch: number): Promise<void> {
    const { data, validation, options, ranks } = this.#request
    const fail = (error: unknown) => {
      // An abort also ends waiting for rows; it is no failure of theirs, and is followed by a last backup.
      if (!this.#over) this.#fail(error)
    }
    const { batch, place, epoch: first } = this.#resumed
    if (data instanceof Feeder) {
      const done = epoch === first ? batch : 0
      if (options.stepsPerEpoch === undefined) data.start(epoch, done, undefined, ranks, fail)
      else if (!this.#reading) {
        const most = (this.#training.epochs - epoch) * options.stepsPerEpoch - done
        data.start(place?.[0] ?? 0, place?.[1] ?? 0, most, ranks, fail)
      }
    }
    this.#reading = true
    if (validation instanceof Feeder && (epoch + 1) % (options.validationFreq ?? 1) === 0) {
      await validation.stop()
      validation.start(0, 0, undefined, ranks, fail)
    }
  }

  #batchEnd(event: LoopEvent): void {
    const [batch, size] = [Number(event.batch), Number(event.size)]
    this.#done = batch + 1
    // How many there are in a stream is known after its first end.
    const batches = Number(event.batches) || this.#steps || undefined
    const seconds = Number(event.seconds)
    const shown = { ...this.#logsOf(event), epoch: event.epoch, batch, size, seconds, ...(batches && { batches }) }
    for (const callback of this.#callbacks) {
      try {
        const result = callback.onBatchEnd?.(batch, shown, this.#training)
        if (result instanceof Promise) result.catch((error: unknown) => this.#fail(error))
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** Adds what callbacks have put into the logs of an epoch to the history. */
  #addLogs({ seconds: _, ...logs }: Logs): void {
    this.#last = logs
    for (const [name, value] of Object.entries(logs)) {
      if (typeof value !== 'number') continue
      const values = this.#valuesOf(name)
      if (this.#recorded.has(name)) values[values.length - 1] = value
      else values.push(value)
    }
  }

  /** Lets callbacks use the model during `work`, if any callback takes part in the event. */
  async #pause(moments: readonly Moment[], work: () => Promise<void>): Promise<void> {
    const concerned = this.#callbacks.some((callback) => moments.some((moment) => callback[moment]) || callback[keeper])
    if (concerned) await this.#request.engine.turns.park(work)
  }

  async #call(moment: Moment, call: (callback: Callback) => unknown): Promise<void> {
    for (const callback of this.#callbacks) {
      if (callback[moment]) await call(callback)
    }
  }

  /** Runs the callbacks that back the training up, after the other callbacks of the moment. */
  async #keep(moment: KeptMoment): Promise<void> {
    if (this.#request.ranks.rank > 0) return
    for (const callback of this.#callbacks) await callback[keeper]?.at(moment, this.#kept)
  }

  #record(epoch: number, logs: Logs): void {
    this.#last = logs
    this.#history.epoch.push(epoch)
    this.#recorded = new Set(Object.keys(logs))
    for (const [name, value] of Object.entries(logs)) this.#valuesOf(name).push(value)
  }

  #valuesOf(name: string): number[] {
    this.#history.history[name] ??= []
    return this.#history.history[name]
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#giveUp()
  }

  #logsOf(event: LoopEvent): Logs {
    const norms = Object.keys(event).filter((name) => name.startsWith('gradient_norm/'))
    return scoresOf(event, [...this.#names, ...norms])
  }
}
