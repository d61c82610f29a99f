import { convertAll, runSliced } from '../data/index.js'
import { type Data, Tensor } from '../data/tensor.js'
import { describe, SeqloomError } from '../errors.js'
import type { NativeHypotheses, NativeModel } from '../native/index.js'
import { abortSignal, checkOptions, custom, flag, integer, isRecord, number } from '../options.js'
import { cancellable } from './cancel.js'
import { type HeadOptions, headChecks, outputNumber, tokenList } from './head.js'
import { splitInputs } from './session.js'
import { inputSlots } from './slots.js'
import type { Topology } from './topology.js'

/** Options of {@link Model.beamSearch}. */
export interface BeamSearchOptions extends HeadOptions {
  /** The values of all inputs except the tokens that come step by step, by name; a sequence is written for each row. */
  readonly constants: Readonly<Record<string, Data>>
  /** The token that begins every sequence and is not part of it. */
  readonly start: number
  /** The token that ends a sequence and is not part of it. */
  readonly end: number
  /**
   * The most tokens of a sequence including its end, as one number or one per row. A sequence that has not ended by
   * then is cut after this many tokens; one that ends has at most one fewer.
   */
  readonly maxLength: number | ArrayLike<number>
  /** How many hypotheses of a sequence are kept side by side; default 1, greedy search. */
  readonly beamWidth?: number
  /** How many hypotheses to return per row, at most `beamWidth`; default 1. */
  readonly nBest?: number
  /**
   * The exponent α of the length normalisation of Wu et al. 2016 (arXiv 1609.08144): hypotheses are ordered by log P(Y)
   * / lp(Y) with lp(Y) = ((5 + |Y|) / 6)^α, where |Y| counts the end; 0 orders them by probability alone. Default 0.6.
   */
  readonly lengthPenalty?: number
  /** Whether to return the first of the model's other outputs, the attention weights of each step; default false. */
  readonly alignments?: boolean
  /** Tokens that are never written, such as the unknown token; default none. */
  readonly exclude?: readonly number[] | Int32Array
  /** Aborting it makes the call reject with an AbortError. */
  readonly signal?: AbortSignal
}

/** A sequence that {@link Model.beamSearch} found. */
export interface Hypothesis {
  /** The tokens, without start and end. */
  readonly tokens: Int32Array
  /** The sum of the logarithms of the tokens' probabilities, including that of the end. */
  readonly logProbability: number
  /** The same divided by the length penalty. */
  readonly score: number
  /** Whether it ended; false if it was cut at the maximum length. */
  readonly finished: boolean
  /**
   * What each token, and then the end, attends to, `[tokens, steps]`; steps are those of the longest row in the same
   * search.
   */
  readonly alignments?: Tensor
}

const byName = custom('an object of values by input name', (value) => isRecord(value) && !Array.isArray(value))
const lengths = custom('an integer of at least 1, or one for each row', (value) => {
  const fits = (length: unknown) => Number.isSafeInteger(length) && (length as number) >= 1
  if (typeof value === 'number') return fits(value)
  const list = Array.isArray(value) || ArrayBuffer.isView(value)
  return list && Array.from(value as unknown as ArrayLike<unknown>, fits).every(Boolean)
})
/** Searches for sequences with a model's engine. Errors: see {@link Model.beamSearch}. */
export async function runBeamSearch(
  engine: NativeModel,
  topology: Topology,
  options: BeamSearchOptions,
): Promise<Hypothesis[][]> {
  const { beamWidth = 1, nBest = 1, start, end, signal } = options
  const inputs = inputSlots(topology)
  const { step, others } = splitInputs('beamSearch', Object.keys(options.constants), inputs)
  if (inputs[step]?.dtype !== 'int32') {
    throw new SeqloomError('ERR_UNSUPPORTED', `beamSearch: ${inputs[step]?.where} must be one of tokens`)
  }
  if (others.length === 0) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      'beamSearch: the model has no constants, so there are no rows to write for',
    )
  }
  const constants = await runSliced(convertAll(others, { ...options.constants }, 'constant'), signal)
  const rows = constants[0]?.shape[0] ?? 0
  const { maxLength } = options
  const maxLengths = typeof maxLength === 'number' ? new Array<number>(rows).fill(maxLength) : Array.from(maxLength)
  if (maxLengths.length !== rows) {
    throw new SeqloomError(
      'ERR_OPTION',
      `beamSearch: maxLength must be one number or one for each of ${rows} rows, not ${describe(maxLength)}`,
    )
  }
  const native = JSON.stringify({
    ...{ start, end, maxLengths, width: beamWidth, best: nBest },
    lengthPenalty: options.lengthPenalty ?? 0.6,
    alignments: options.alignments ?? false,
    exclude: Array.from(options.exclude ?? []),
    output: outputNumber('beamSearch', topology, options.output),
    from: options.from,
  })
  return hypotheses(await cancellable(signal, (cancel) => engine.search(step, [...constants], native, cancel)))
}

/** Checks the options; `ERR_OPTION`. */
export function checkBeamSearch(options: BeamSearchOptions): void {
  checkOptions('beamSearch', options, {
    accepted: {
      constants: byName,
      start: integer(0),
      end: integer(0),
      maxLength: lengths,
      beamWidth: integer(1, 1024),
      nBest: integer(1),
      lengthPenalty: number(0),
      alignments: flag,
      exclude: tokenList,
      ...headChecks,
      signal: abortSignal,
    },
    required: ['constants', 'start', 'end', 'maxLength'],
  })
  const { beamWidth = 1, nBest = 1 } = options
  if (nBest > beamWidth) {
    throw new SeqloomError('ERR_OPTION', `beamSearch: nBest ${nBest} must not be above beamWidth ${beamWidth}`)
  }
}

/** Splits the concatenated results into hypotheses. */
function hypotheses(found: NativeHypotheses): Hypothesis[][] {
  let [index, token, weight] = [0, 0, 0]
  return Array.from(found.counts, (count) =>
    Array.from({ length: count }, () => {
      const [length, aligned] = [found.lengths[index] as number, found.aligned[index] as number]
      const finished = found.finished[index] === 1
      const steps = length + (finished ? 1 : 0)
      const hypothesis: Hypothesis = {
        tokens: found.tokens.slice(token, token + length),
        logProbability: found.logProbabilities[index] as number,
        score: found.scores[index] as number,
        finished,
        ...(aligned > 0 && {
          alignments: new Tensor(found.alignments.slice(weight, weight + aligned), [steps, aligned / steps]),
        }),
      }
      index++
      token += length
      weight += aligned
      return hypothesis
    }),
  )
}
