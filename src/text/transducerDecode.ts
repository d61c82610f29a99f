import type { DataSet, Tensor } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import { cancellable } from '../model/cancel.js'
import { tokenList } from '../model/head.js'
import type { Model, Prediction } from '../model/model.js'

import { type TransducerSearchSettings, transducerNetworks, transducerSearch } from '../model/transducer.js'
import { abortSignal, checkOptions, custom, integer, isCallable, number } from '../options.js'
import { missing, type PrefixScores, scoresOf, type Transcript, transcripts, withoutHoles } from './transcripts.js'
import { TransducerStream } from './transducerStream.js'

/** Options of {@link transducerStream}. */
export interface TransducerStreamOptions {
  /** The symbol that writes nothing; default 0. */
  readonly blank?: number
  /** The symbol that the predictor read first in training; default the blank. */
  readonly start?: number
  /** The most symbols that one step writes; default 10. */
  readonly maxSymbols?: number
  /** Symbols that are never written, such as padding; default none. */
  readonly exclude?: readonly number[] | Int32Array
  /**
   * How many prefixes are kept at each step. 1 (default) writes the most probable symbol as long as it is not the blank;
   * more search for the most probable text. With `languageModel` default 16.
   */
  readonly beamWidth?: number
  /** How many transcripts each row gets, the others as `alternatives`; at most `beamWidth`, default 1. */
  readonly nBest?: number
  /** Scores that are added for each symbol, times `languageModelWeight` (default 0.5): a function as for `ctcDecode`. */
  readonly languageModel?: PrefixScores
  readonly languageModelWeight?: number
  /** What each symbol adds to the score, so that a language model does not prefer short texts; default 0. */
  readonly insertionBonus?: number
}

/** Options of {@link transducerDecode}. */
export interface TransducerDecodeOptions extends Omit<TransducerStreamOptions, 'languageModel'> {
  /** As for {@link transducerStream}, but the function may also return a promise. */
  readonly languageModel?: PrefixScores<readonly ArrayLike<number>[] | PromiseLike<readonly ArrayLike<number>[]>>
  /** How many rows the encoder reads at once; default 32. */
  readonly batchSize?: number
  /** Stops the work, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

const streamChecks = {
  blank: integer(0),
  start: integer(0),
  maxSymbols: integer(1),
  exclude: tokenList,
  beamWidth: integer(1, 1024),
  nBest: integer(1),
  languageModel: custom('a function of prefixes', isCallable),
  languageModelWeight: number(),
  insertionBonus: number(),
}

/**
 * What an RNN transducer writes: a model that ends in `layers.transducerJoint`, trained with `losses.transducer`. `x` is
 * what its encoder reads; one transcript for each row. The labels' input is not given: the predictor reads what is written.
 *
 * The beam search goes through the steps one after another (time-synchronous decoding: Saon, Tüske and Audhkhasi 2020). At
 * each, a prefix writes up to `maxSymbols` symbols and then a blank; prefixes that are the same are added up. `score` is
 * the log of the probability of those alignments that the search has gone through, `times` the steps at which symbols
 * were written in the most probable of them.
 *
 * ```ts
 * const [{ labels, times }] = await text.transducerDecode(model, frames, { beamWidth: 8 })
 * ```
 *
 * Rejects with `ERR_OPTION`, `ERR_DATA` and `ERR_SHAPE` for unsuitable options and data, also for scores that are no
 * numbers, `ERR_UNSUPPORTED` for other models and predictors that cannot stream, and an AbortError.
 */
export async function transducerDecode(
  model: Model<Prediction>,
  x: DataSet,
  options: TransducerDecodeOptions = {},
): Promise<Transcript[]> {
  const where = 'text.transducerDecode'
  checkOptions(where, options, { accepted: { ...streamChecks, batchSize: integer(1), signal: abortSignal } })
  const { languageModel, signal } = options
  const settings = settingsOf(where, options)
  const networks = transducerNetworks(where, model)
  const encoded = await networks.encoder.predict(x, { batchSize: options.batchSize ?? 32, ...(signal && { signal }) })
  const { data, shape, lengths, kept } = valid(encoded)
  const search = transducerSearch(where, networks, settings, shape[0] as number)
  callNative(() => search.feed(data, shape, lengths))
  while (languageModel && !signal?.aborted && !callNative(() => search.done())) {
    const prefixes = missing(search)
    const scores = prefixes.length === 0 ? [] : await languageModel(prefixes)
    callNative(() => search.step(scoresOf(where, networks.joint.units, prefixes, scores)))
  }
  return transcripts(await cancellable(signal, (cancel) => search.finishLater(cancel)), kept)
}

/**
 * Writes with an RNN transducer while its input comes: what {@link transducerDecode} writes of the whole with these options.
 * A beam may change its mind about the last symbols, so `write` returns what is final, `interim` the rest as it looks now,
 * and `end` the rest. Frees its native memory with `dispose`.
 *
 * ```ts
 * using stream = text.transducerStream(model, { beamWidth: 8 })
 * for await (const frames of microphone) console.log(stream.write(frames).labels, stream.interim().labels)
 * console.log(stream.end().labels)
 * ```
 *
 * Errors: `ERR_OPTION`; `ERR_UNSUPPORTED` for other models, and for an encoder or a predictor that cannot stream.
 */
export function transducerStream(model: Model<Prediction>, options: TransducerStreamOptions = {}): TransducerStream {
  const where = 'text.transducerStream'
  checkOptions(where, options, { accepted: streamChecks })
  const settings = settingsOf(where, options)
  const networks = transducerNetworks(where, model)
  return new TransducerStream({
    session: networks.encoder.session(),
    begin: () => transducerSearch(where, networks, settings, 1),
    symbols: networks.joint.units,
    languageModel: options.languageModel,
  })
}

/** The settings of a search, with their defaults. */
function settingsOf(
  where: string,
  options: Omit<TransducerStreamOptions, 'languageModel'> & { readonly languageModel?: unknown },
): TransducerSearchSettings {
  const scored = options.languageModel !== undefined
  const { blank = 0, start = blank, maxSymbols = 10, exclude = [], nBest = 1 } = options
  const { beamWidth = scored ? 16 : nBest, languageModelWeight: weight = 0.5, insertionBonus = 0 } = options
  if (nBest > beamWidth) {
    throw new SeqloomError('ERR_OPTION', `${where}: nBest is ${nBest}, more than beamWidth, ${beamWidth}`)
  }
  return { exclude, blank, start, beamWidth, nBest, maxSymbols, scored, weight, insertionBonus }
}

/** The encoder's values of valid steps. */
interface Encoded {
  readonly data: Float32Array
  readonly shape: number[]
  readonly lengths: Uint32Array
  readonly kept?: readonly (readonly number[])[]
}

/** The values of valid steps, which come first; where masks have holes, with the steps that they were. */
function valid({ data, shape, lengths, mask }: Tensor): Encoded {
  const [batch, time, width] = shape as [number, number, number]
  const dims = [batch, time, width] as const
  if (!mask) {
    return {
      data: data as Float32Array,
      shape: [...dims],
      lengths: Uint32Array.from(lengths ?? new Array(batch).fill(time)),
    }
  }
  return { shape: [...dims], ...withoutHoles(data as Float32Array, dims, mask) }
}
