import { describe, reading, SeqloomError } from './errors.js'
import { isPath } from './path.js'

/** A test of one option's value, with the words that say what is accepted. */
export interface Check {
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
}

const maxSize = 2 ** 31 - 1

/** An integer within bounds, both included. */
export function integer(min: number, max: number = maxSize): Check {
  const expected = max === maxSize ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  return { expected, accepts: (v) => Number.isInteger(v) && (v as number) >= min && (v as number) <= max }
}

/** A finite number of at least `min` and, when given, below `below`. */
export function number(min = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY): Check {
  const low = min === Number.NEGATIVE_INFINITY ? '' : ` of at least ${min}`
  const high = below === Number.POSITIVE_INFINITY ? '' : `${low ? ' and' : ''} below ${below}`
  return {
    expected: `a finite number${low}${high}`,
    accepts: (v) => typeof v === 'number' && Number.isFinite(v) && v >= min && v < below,
  }
}

/** A finite number greater than zero. */
export const positive: Check = {
  expected: 'a finite number above 0',
  accepts: (v) => typeof v === 'number' && Number.isFinite(v) && v > 0,
}

/** `true` or `false`. */
export const flag: Check = { expected: 'true or false', accepts: (v) => typeof v === 'boolean' }

/** A path of a file or folder. */
export const filePath: Check = { expected: 'a path or a file: URL', accepts: isPath }

/**
 * A name: a non-empty string without slashes, which separate the parts of a weight's name, and without characters that
 * cannot be written to a file or seen on a screen.
 */
export const label: Check = {
  expected: "a non-empty string without '/' and control characters",
  accepts: (v) => typeof v === 'string' && v.length > 0 && !/[/\p{Cc}\p{Cs}]/u.test(v),
}

/** One of a list of strings. */
export function oneOf(values: readonly string[]): Check {
  return {
    expected: `one of ${values.map((value) => `'${value}'`).join(', ')}`,
    accepts: (v) => typeof v === 'string' && values.includes(v),
  }
}

/** An array of dimensions: positive integers, or null for a size that is known only per call. */
export const dimensions: Check = {
  expected: 'an array of positive integers and nulls',
  accepts: (v) => Array.isArray(v) && v.every((d) => d === null || (Number.isInteger(d) && d > 0 && d <= maxSize)),
}

/** Whether something is a function that can be called, as a class cannot. */
export const isCallable = (value: unknown): boolean =>
  typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value))

/** A value that a given test accepts. */
export function custom(expected: string, accepts: (value: unknown) => boolean): Check {
  return { expected, accepts }
}

/** A seed: an integer from 0 to 2^53 - 1. */
export const seed: Check = {
  expected: 'an integer from 0 to 2^53 - 1',
  accepts: (v) => Number.isSafeInteger(v) && (v as number) >= 0,
}

/** A seed, or null for none. */
export const optionalSeed: Check = {
  expected: `${seed.expected}, or null`,
  accepts: (v) => v === null || seed.accepts(v),
}

/** A value that a check accepts, or null, which many programs write for what is left out. */
export const orNull = (check: Check): Check =>
  custom(`${check.expected}, or null`, (value) => value === null || check.accepts(value))

/** Whether a value is an object that is neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    // A revoked proxy.
    return false
  }
}

/** An `AbortSignal`. */
export const abortSignal: Check = custom(
  'an AbortSignal',
  (value) => isRecord(value) && 'aborted' in value && 'addEventListener' in value,
)

/** What {@link checkOptions} accepts. */
export interface OptionRules {
  /** The options and the values they take. */
  readonly accepted: Readonly<Record<string, Check>>
  /** Names of the options that must be given. */
  readonly required?: readonly string[]
  /**
   * Options that Keras or tfjs has but this version lacks, with the values that are accepted because they ask for
   * nothing.
   */
  readonly refused?: Readonly<Record<string, readonly unknown[]>>
}

/** Why some options are refused, and what to do instead. */
const reasons: Readonly<Record<string, string>> = {
  loraRank: 'low-rank adaptation is not there; freeze the layer (trainable: false) and train the ones after it',
  loraAlpha: 'low-rank adaptation is not there; freeze the layer (trainable: false) and train the ones after it',
  quantizationConfig: 'weights are float32',
  dtype: 'everything is computed in float32',
  inputDType: 'everything is computed in float32; tokens are int32 by themselves',
  timeMajor: 'sequences are [batch, time, features]; transpose the data',
  dropoutFunc: 'dropout is that of the option dropout',
  dropout: 'layers.spatialDropout1d before the layer drops the same features at every step',
  recurrentDropout:
    'a cell drops its states itself, as cells.lstm and cells.gru do; cells.zoneout keeps units of any cell',
  zoneout: 'cells.zoneout({ cell, rate }) makes a cell that keeps units of its states',
  ...Object.fromEntries(
    ['kernel', 'recurrent', 'bias'].flatMap((role) =>
      ['Regularizer', 'Constraint'].map((rule) => [`${role}${rule}`, `layers.rnn({ cell, ${role}${rule} }) takes it`]),
    ),
  ),
  ragged: 'rows are filled up, and their lengths go with them',
  sparse: 'results are dense',
  encoding: 'texts of JavaScript are read as UTF-8',
  useGate: 'attention with gates is not there',
  histogramFreq: 'pictureFreq says how often there are histograms',
  writeGraph: 'graphs are not written; the summary of the model is, as a text',
  writeImages: 'weights are shown as histograms',
  writeStepsPerSecond: 'the page of callbacks.dashboard shows the speed',
  profileBatch: 'there is no profile; the page of callbacks.dashboard shows the speed',
  embeddingsFreq: 'embeddings are not written',
  embeddingsMetadata: 'embeddings are not written',
  slidingWindow: 'attention within a window is not there',
}

/**
 * Checks options that may come from plain JavaScript or from a file. Unknown names and wrong values are `ERR_OPTION`;
 * the message says where and what is accepted. Options that are known but not supported are `ERR_UNSUPPORTED`, unless
 * their value asks for nothing.
 */
export function checkOptions(where: string, given: unknown, rules: OptionRules): void {
  reading('ERR_OPTION', where, () => checkEach(where, given, rules))
}

function checkEach(where: string, given: unknown, rules: OptionRules): void {
  if (!isRecord(given)) {
    throw new SeqloomError('ERR_OPTION', `${where}: the options must be an object, not ${describe(given)}`)
  }
  // Options may also come from a class that has getters for them.
  const inherited = Object.keys(rules.accepted).filter((name) => name in given && !Object.hasOwn(given, name))
  for (const name of [...Object.keys(given), ...inherited]) {
    const value = given[name]
    if (value === undefined) continue
    const check = Object.hasOwn(rules.accepted, name) ? rules.accepted[name] : undefined
    if (check) {
      if (!check.accepts(value)) {
        throw new SeqloomError('ERR_OPTION', `${where}: ${name} must be ${check.expected}, not ${describe(value)}`)
      }
      continue
    }
    const neutral = rules.refused && Object.hasOwn(rules.refused, name) ? rules.refused[name] : undefined
    if (!neutral) {
      const names = Object.keys(rules.accepted).join(', ')
      throw new SeqloomError('ERR_OPTION', `${where}: there is no option '${name}'; the options are ${names}`)
    }
    if (!neutral.includes(value)) {
      const reason = Object.hasOwn(reasons, name) ? `: ${reasons[name]}` : ' yet'
      throw new SeqloomError('ERR_UNSUPPORTED', `${where}: ${name} ${describe(value)} is not supported${reason}`)
    }
  }
  for (const name of rules.required ?? []) {
    if (given[name] === undefined) {
      const check = rules.accepted[name]
      throw new SeqloomError('ERR_OPTION', `${where}: ${name} is missing; it must be ${check?.expected}`)
    }
  }
}

/** The options that have a value. */
export function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
