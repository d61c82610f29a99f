import { callNative, describe, reading, SeqloomError } from '../errors.js'
import type { NativeCtcSearch, NativeTranscripts, NativeTransducerSearch } from '../native/index.js'
import { isRecord } from '../options.js'

/** What a row of predictions writes. */
export interface Transcript {
  /** Its symbols. */
  readonly labels: number[]
  /**
   * The natural logarithm of its probability, plus what a language model and insertion bonuses add: of `ctcDecode` over all
   * alignments, of a transducer over those that the search has gone through.
   */
  readonly score: number
  /** The step, from 0, at which each symbol begins in the most probable alignment. */
  readonly times: number[]
  /** With `nBest` above 1: the next best ones. */
  readonly alternatives?: readonly Transcript[]
}

/**
 * Scores of what may come next: for each prefix (symbols so far, perhaps none) one number for each symbol, usually
 * log-probabilities. That of the blank is not read. All prefixes of a step come together.
 */
export type PrefixScores<Result = readonly ArrayLike<number>[]> = (prefixes: readonly (readonly number[])[]) => Result

/** The prefixes that the next step needs scores for. */
export function missing(search: Pick<NativeCtcSearch | NativeTransducerSearch, 'missing'>): number[][] {
  const { lengths, labels } = callNative(() => search.missing())
  let from = 0
  return Array.from(lengths, (length) => {
    from += length
    return Array.from(labels.subarray(from - length, from))
  })
}

/** The scores that a language model gives after prefixes, one after the other. `ERR_DATA` for anything else. */
export function scoresOf(
  where: string,
  symbols: number,
  prefixes: readonly (readonly number[])[],
  given: unknown,
): Float32Array {
  const scores = new Float32Array(prefixes.length * symbols)
  reading('ERR_DATA', `${where}: languageModel`, () => {
    if (!Array.isArray(given) || given.length !== prefixes.length) {
      const got = Array.isArray(given) ? `${given.length} lists` : describe(given)
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: languageModel must return an array of ${symbols} scores for each of ${prefixes.length} prefixes, got ${got}`,
      )
    }
    for (const [at, list] of given.entries()) {
      const own = isRecord(list) || Array.isArray(list) ? (list as unknown as ArrayLike<number>) : []
      if (own.length !== symbols) {
        throw new SeqloomError(
          'ERR_DATA',
          `${where}: languageModel gave ${own.length ?? 'no'} scores after prefix ${at}, but there are ${symbols} symbols`,
        )
      }
      scores.set(own, at * symbols)
    }
  })
  return scores
}

/**
 * What was found, row by row. Where masks have holes, `kept` says which step of a row each of those was that counted.
 */
export function transcripts(found: NativeTranscripts, kept?: readonly (readonly number[])[]): Transcript[] {
  let [first, from] = [0, 0]
  return Array.from(found.counts, (count, row) => {
    const all = Array.from({ length: count }, (_, at): Transcript => {
      const length = found.lengths[first + at] as number
      from += length
      const times = Array.from(found.times.subarray(from - length, from))
      return {
        labels: Array.from(found.labels.subarray(from - length, from)),
        score: found.scores[first + at] as number,
        times: kept ? times.map((time) => kept[row]?.[time] as number) : times,
      }
    })
    first += count
    const [best, ...alternatives] = all as [Transcript, ...Transcript[]]
    return alternatives.length > 0 ? { ...best, alternatives } : best
  })
}

/** The valid steps of `[batch, time, width]` at the beginning of each row, how many they are, and which steps they were. */
export function withoutHoles(
  data: Float32Array,
  [batch, time, width]: readonly [number, number, number],
  mask: ArrayLike<unknown>,
): { readonly data: Float32Array; readonly lengths: Uint32Array; readonly kept: readonly (readonly number[])[] } {
  const all = Array.from({ length: time }, (_, step) => step)
  const kept = Array.from({ length: batch }, (_, row) => all.filter((step) => mask[row * time + step]))
  const packed = new Float32Array(data.length)
  for (const [row, steps] of kept.entries()) {
    for (const [at, step] of steps.entries()) {
      const from = (row * time + step) * width
      packed.set(data.subarray(from, from + width), (row * time + at) * width)
    }
  }
  return { data: packed, lengths: Uint32Array.from(kept, (steps) => steps.length), kept }
}
