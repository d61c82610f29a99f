import '../dispose.js'
import { convertOne } from '../data/index.js'
import { runSync } from '../data/slices.js'
import type { Data, Tensor } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import type { Session } from '../model/session.js'
import type { NativeTransducerSearch } from '../native/index.js'
import { type Transcript, transcripts } from './transcripts.js'

/** Writes with an RNN transducer while its input comes; `text.transducerStream` makes it. */
export class TransducerStream implements Disposable {
  readonly #session: Session<Tensor>
  readonly #begin: () => NativeTransducerSearch
  #search: NativeTransducerSearch
  #ended = false

  /** @internal */
  constructor(session: Session<Tensor>, begin: () => NativeTransducerSearch) {
    this.#session = session
    this.#begin = begin
    try {
      this.#search = begin()
    } catch (error) {
      session.dispose()
      throw error
    }
  }

  /**
   * Takes further steps, `[time, …]`, any number of them, and returns what they add: the symbols and the steps, counted
   * from the beginning, at which they were written; and the score of all so far. Errors: `ERR_DATA`, `ERR_SHAPE`;
   * `ERR_STATE` after `dispose`.
   */
  write(steps: Data): Transcript {
    this.#check('write')
    const encoded = this.#steps(steps).map((step) => this.#session.step(step).data as Float32Array)
    const width = encoded[0]?.length ?? 0
    const all = new Float32Array(encoded.length * width)
    for (const [at, values] of encoded.entries()) all.set(values, at * width)
    if (width > 0) callNative(() => this.#search.feed(all, [1, encoded.length, width], Uint32Array.of(encoded.length)))
    return transcripts(callNative(() => this.#search.written()))[0] as Transcript
  }

  /** Goes back to the beginning, for another sequence. Errors: `ERR_STATE` after `dispose`. */
  reset(): void {
    this.#check('reset')
    this.#search.free()
    this.#search = this.#begin()
    this.#session.reset()
  }

  /** Frees the native memory at once. */
  dispose(): void {
    this.#ended = true
    this.#session.dispose()
    this.#search.free()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #check(what: string): void {
    if (this.#ended) throw new SeqloomError('ERR_STATE', `TransducerStream.${what}: the stream was disposed`)
  }

  /** Each step on its own. */
  #steps(steps: Data): Data[] {
    const slot = { where: 'TransducerStream.write', name: 'steps', dtype: 'float32', shape: [null, null] } as const
    const { data, shape } = runSync(convertOne({ ...slot, looseLast: false }, steps))
    const width = shape[1] as number
    return Array.from({ length: shape[0] as number }, (_, at) => data.slice(at * width, (at + 1) * width))
  }
}
