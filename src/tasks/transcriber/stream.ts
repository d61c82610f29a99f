import '../../dispose.js'
import { runSync } from '../../data/slices.js'
import type { Tensor } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import type { Session } from '../../model/session.js'
import type { Units } from '../decoding/units.js'
import { type Frames, readFrames } from './rows.js'
import { type Scaling, scaled } from './steps.js'

/** What reads steps, and says which symbols they add. */
export interface StepReader {
  /** What steps add that is final. */
  write(steps: readonly Float32Array[]): { readonly labels: readonly number[] }
  /** What may still change. */
  interim(): { readonly labels: readonly number[] }
  dispose(): void
}

/** What a stream needs of a transcriber. */
export interface StreamParts {
  readonly reader: StepReader
  readonly target: Units
  readonly scaling: Scaling
  readonly stack: number
}

/** The ids of padding and of unknown tokens. */
export const unwritten = ({ unknownId }: Units): number[] => [0, ...(unknownId === undefined ? [] : [unknownId])]

/** The most probable symbol of each step of a model of `losses.ctc`, without blanks and repetitions. */
export function bestPath(session: Session<Tensor>, target: Units): StepReader {
  const never = unwritten(target)
  let last = target.size
  const labelOf = (step: Float32Array): number[] => {
    const { data } = session.step(step)
    let best = target.size
    for (let symbol = 0; symbol < target.size; symbol++) {
      if (!never.includes(symbol) && (data[symbol] as number) > (data[best] as number)) best = symbol
    }
    const adds = best !== last && best !== target.size
    last = best
    return adds ? [best] : []
  }
  return {
    write: (steps) => ({ labels: steps.flatMap(labelOf) }),
    interim: () => ({ labels: [] }),
    dispose: () => session.dispose(),
  }
}

/** Transcribes frames as they come. */
export class TranscriptStream implements Disposable {
  readonly #parts: StreamParts
  /** Frames that do not make a step yet. */
  #rest = new Float32Array(0)
  #ids: number[] = []
  #text = ''
  #ended = false

  /** @internal */
  constructor(parts: StreamParts) {
    this.#parts = parts
  }

  /** The text so far, as far as it is final. */
  get text(): string {
    return this.#text
  }

  /** The text so far, with what further frames may still change where there is a beam; after `end` the whole text. */
  get interim(): string {
    return this.#ended ? this.#text : this.#textOf([...this.#ids, ...this.#parts.reader.interim().labels])
  }

  /** Takes further frames and returns what they add to the text that is final. Errors: `ERR_DATA`; `ERR_STATE` after `end`. */
  write(frames: Frames): string {
    this.#check('write')
    const { features, rows } = runSync(readFrames('TranscriptStream.write: frames', [frames], this.#features))
    const given = rows[0] as Float32Array
    const all = new Float32Array(this.#rest.length + given.length)
    all.set(this.#rest)
    all.set(given, this.#rest.length)
    const width = features * this.#parts.stack
    const whole = all.length - (all.length % width)
    for (let from = 0; from < whole; from += width) this.#step(all.subarray(from, from + width))
    this.#rest = all.slice(whole)
    return this.#grown()
  }

  /** Reads frames that do not fill a step yet, and ends; returns what they add to the text. */
  end(): string {
    this.#check('end')
    if (this.#rest.length > 0) this.#step(this.#rest)
    this.#ids.push(...this.#parts.reader.interim().labels)
    this.#ended = true
    this.dispose()
    return this.#grown()
  }

  /** Frees the native memory at once. */
  dispose(): void {
    this.#ended = true
    this.#parts.reader.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  get #features(): number {
    return this.#parts.scaling.mean.length
  }

  #check(what: string): void {
    if (this.#ended) throw new SeqloomError('ERR_STATE', `TranscriptStream.${what}: the stream has ended`)
  }

  #step(frames: Float32Array): void {
    const { reader, scaling, stack } = this.#parts
    const input = new Float32Array(this.#features * stack)
    scaled(frames, scaling, input)
    this.#ids.push(...reader.write([input]).labels)
  }

  /** Brings the text up to date, and returns what has been added. */
  #grown(): string {
    const before = this.#text
    this.#text = this.#textOf(this.#ids)
    return this.#text.slice(before.length)
  }

  #textOf(ids: readonly number[]): string {
    return this.#parts.target.decode(Int32Array.from(ids))
  }
}
