import '../dispose.js'
import { convertOne } from '../data/index.js'
import { runSync } from '../data/slices.js'
import type { Data, Tensor } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import type { Session } from '../model/session.js'
import type { NativeTransducerSearch } from '../native/index.js'
import { missing, type PrefixScores, scoresOf, type Transcript, transcripts } from './transcripts.js'

/** @internal What a stream needs of a model. */
export interface TransducerStreamParts {
  readonly session: Session<Tensor>
  /** A search from the beginning. */
  readonly begin: () => NativeTransducerSearch
  readonly symbols: number
  readonly languageModel: PrefixScores | undefined
}

/** Writes with an RNN transducer while its input comes; `text.transducerStream` makes it. */
export class TransducerStream implements Disposable {
  readonly #parts: TransducerStreamParts
  #search: NativeTransducerSearch
  #state: 'open' | 'ended' | 'disposed' = 'open'

  /** @internal */
  constructor(parts: TransducerStreamParts) {
    this.#parts = parts
    try {
      this.#search = parts.begin()
    } catch (error) {
      parts.session.dispose()
      throw error
    }
  }

  /**
   * Takes further steps, `[time, …]`, any number of them, and returns what they add that is final: the symbols and the
   * steps, counted from the beginning, at which they were written; and the score of the best transcript so far. Greedy
   * decoding adds what it writes; a beam, what all of its prefixes have in common. Errors: `ERR_DATA`, `ERR_SHAPE`;
   * `ERR_STATE` after `end` and `dispose`; and what the language model throws: the next call asks it again.
   */
  write(steps: Data): Transcript {
    this.#check('write', 'open')
    const { session } = this.#parts
    const encoded = this.#steps(steps).map((step) => session.step(step).data as Float32Array)
    const width = encoded[0]?.length ?? 0
    const all = new Float32Array(encoded.length * width)
    for (const [at, values] of encoded.entries()) all.set(values, at * width)
    if (width > 0) callNative(() => this.#search.feed(all, [1, encoded.length, width], Uint32Array.of(encoded.length)))
    this.#score()
    return transcripts(callNative(() => this.#search.settle()))[0] as Transcript
  }

  /**
   * What the most probable transcript so far has after all that is final; further steps may change it. With `nBest` above
   * 1 the next best ones are its `alternatives`. Errors: `ERR_STATE` after `end` and `dispose`.
   */
  interim(): Transcript {
    this.#check('interim', 'open')
    this.#score()
    return transcripts(callNative(() => this.#search.transcripts()))[0] as Transcript
  }

  /** Ends the sequence; the same as {@link interim}, which is final now. Errors: `ERR_STATE` after `end` and `dispose`. */
  end(): Transcript {
    this.#check('end', 'open')
    const rest = this.interim()
    this.#state = 'ended'
    return rest
  }

  /** Goes back to the beginning, for another sequence. Errors: `ERR_STATE` after `dispose`. */
  reset(): void {
    this.#check('reset', 'open', 'ended')
    this.#search.free()
    this.#search = this.#parts.begin()
    this.#parts.session.reset()
    this.#state = 'open'
  }

  /** Frees the native memory at once. */
  dispose(): void {
    this.#state = 'disposed'
    this.#parts.session.dispose()
    this.#search.free()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #check(what: string, ...states: string[]): void {
    if (states.includes(this.#state)) return
    const why = this.#state === 'ended' ? 'the sequence has ended: reset() begins another' : 'the stream was disposed'
    throw new SeqloomError('ERR_STATE', `TransducerStream.${what}: ${why}`)
  }

  /** Goes through the steps with the scores of the language model, if there is one. */
  #score(): void {
    const { languageModel, symbols } = this.#parts
    if (!languageModel) return
    while (!callNative(() => this.#search.done())) {
      const prefixes = missing(this.#search)
      const scores = prefixes.length === 0 ? [] : languageModel(prefixes)
      callNative(() => this.#search.step(scoresOf('TransducerStream.write', symbols, prefixes, scores)))
    }
  }

  /** Each step on its own. */
  #steps(steps: Data): Data[] {
    const slot = { where: 'TransducerStream.write', name: 'steps', dtype: 'float32', shape: [null, null] } as const
    const { data, shape } = runSync(convertOne({ ...slot, looseLast: false }, steps))
    const width = shape[1] as number
    return Array.from({ length: shape[0] as number }, (_, at) => data.slice(at * width, (at + 1) * width))
  }
}
