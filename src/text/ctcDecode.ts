import { allocated } from '../data/allocated.js'
import { convertOne, runSync } from '../data/index.js'
import type { Data } from '../data/tensor.js'
import { checkLengths, checkMask } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import { cancellable } from '../model/cancel.js'
import { native } from '../native/index.js'
import { abortSignal, checkOptions, custom, integer, isCallable, number } from '../options.js'
import { missing, type PrefixScores, scoresOf, type Transcript, transcripts, withoutHoles } from './transcripts.js'

/** How {@link ctcDecode} reads predictions. */
export interface CtcDecodeOptions<Scores = PrefixScores> {
  /** The symbol that writes nothing; default 0. */
  readonly blank?: number
  /**
   * How many prefixes are kept at each step. 1 (default) takes the most probable symbol of each step, the best path; more
   * search for the most probable text. With `languageModel` default 16.
   */
  readonly beamWidth?: number
  /** How many transcripts each row gets, the others as `alternatives`; at most `beamWidth`, default 1. */
  readonly nBest?: number
  /** How many leading steps of each row count; default those of the predictions. */
  readonly lengths?: ArrayLike<number>
  /** Scores that are added for each symbol, times `languageModelWeight` (default 0.5). */
  readonly languageModel?: Scores
  readonly languageModelWeight?: number
  /** What each symbol adds to the score, so that a language model does not prefer short texts; default 0. */
  readonly insertionBonus?: number
}

/** Options of {@link ctcDecodeAsync}. */
export interface CtcDecodeAsyncOptions
  extends CtcDecodeOptions<PrefixScores<readonly ArrayLike<number>[] | PromiseLike<readonly ArrayLike<number>[]>>> {
  /** Stops the work, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/**
 * What predictions of a model that was trained with `losses.ctc` write: logits or log-probabilities `[batch, time,
 * symbols]`, such as `predict` gives. One transcript for each row. The search is a prefix beam search (Hannun et al.
 * 2014); `score` and `times` are computed for what it found.
 *
 * ```ts
 * const [{ labels, times }] = text.ctcDecode(await model.predict(x), { beamWidth: 8 })
 * ```
 *
 * Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_DATA`, also for scores that are no numbers.
 */
export function ctcDecode(logits: Data, options: CtcDecodeOptions = {}): Transcript[] {
  const where = 'text.ctcDecode'
  const { search, settings, steps } = begin(where, logits, options)
  for (let step = 0; settings.scored && step < steps.longest; step++) {
    const prefixes = missing(search)
    const scores = prefixes.length === 0 ? [] : options.languageModel?.(prefixes)
    callNative(() => search.step(scoresOf(where, settings.symbols, prefixes, scores)))
  }
  return transcripts(
    callNative(() => search.finish()),
    steps.kept,
  )
}

/** {@link ctcDecode} on another thread; `languageModel` may return a promise. Rejects with its errors, or an AbortError. */
export async function ctcDecodeAsync(logits: Data, options: CtcDecodeAsyncOptions = {}): Promise<Transcript[]> {
  const where = 'text.ctcDecodeAsync'
  const { search, settings, steps } = begin(where, logits, options)
  const { signal } = options
  for (let step = 0; settings.scored && step < steps.longest && !signal?.aborted; step++) {
    const prefixes = missing(search)
    const scores = prefixes.length === 0 ? [] : await options.languageModel?.(prefixes)
    callNative(() => search.step(scoresOf(where, settings.symbols, prefixes, scores)))
  }
  return transcripts(await cancellable(signal, (cancel) => search.finishLater(cancel)), steps.kept)
}

/** Checks the options and begins a search. */
function begin(where: string, logits: Data, options: CtcDecodeAsyncOptions | CtcDecodeOptions) {
  checkOptions(where, options, {
    accepted: {
      blank: integer(0),
      beamWidth: integer(1),
      nBest: integer(1),
      lengths: custom('an array of integers', (value) => Array.isArray(value) || ArrayBuffer.isView(value)),
      languageModel: custom('a function of prefixes', isCallable),
      languageModelWeight: number(),
      insertionBonus: number(),
      signal: abortSignal,
    },
  })
  const { blank = 0, languageModel, languageModelWeight: weight = 0.5, insertionBonus = 0, nBest = 1 } = options
  const scored = languageModel !== undefined
  const { beamWidth = scored ? 16 : Math.max(1, nBest) } = options
  if (nBest > beamWidth) {
    throw new SeqloomError('ERR_OPTION', `${where}: nBest is ${nBest}, more than beamWidth, ${beamWidth}`)
  }
  const { data, shape, lengths, steps } = read(where, logits, options.lengths)
  const settings = { blank, beamWidth, nBest, scored, weight, insertionBonus }
  const search = callNative(() => new native.NativeCtcSearch(data, shape, lengths, JSON.stringify(settings)))
  return { search, settings: { scored, symbols: shape[2] as number }, steps }
}

/** Predictions with the lengths of their rows; where a mask has holes, without them. */
function read(where: string, logits: Data, given: ArrayLike<number> | undefined) {
  const slot = { where, name: 'logits', dtype: 'float32', shape: [null, null, null], looseLast: false } as const
  const converted = runSync(convertOne(slot, logits))
  const { shape } = converted
  const [batch, time, symbols] = shape as [number, number, number]
  const data = converted.ragged
    ? padded(where, converted.data, converted.lengths as Uint32Array, shape)
    : converted.data
  const own = given === undefined ? converted.lengths : checkLengths(where, given, shape)
  const mask = given === undefined && converted.mask ? checkMask(where, converted.mask, shape) : undefined
  if (!mask) {
    const lengths = own ?? new Uint32Array(batch).fill(time)
    return { data: data as Float32Array, shape, lengths, steps: { longest: longestOf(lengths) } }
  }
  const { kept, ...packed } = withoutHoles(data as Float32Array, [batch, time, symbols], mask)
  return { ...packed, shape, steps: { longest: longestOf(packed.lengths), kept } }
}

const longestOf = (lengths: Uint32Array): number => lengths.reduce((most, length) => Math.max(most, length), 0)

/** Rows of their own lengths, filled up with zeros. */
function padded(where: string, data: ArrayLike<number>, lengths: Uint32Array, shape: readonly number[]): Float32Array {
  const [batch, time, symbols] = shape as [number, number, number]
  const dense = allocated(where, Float32Array, batch * time * symbols)
  let from = 0
  for (const [row, length] of lengths.entries()) {
    dense.set((data as Float32Array).subarray(from, from + length * symbols), row * time * symbols)
    from += length * symbols
  }
  return dense
}
