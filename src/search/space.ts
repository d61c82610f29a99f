import { randomOf } from '../data/random.js'
import { describe, isInstance, reading, SeqloomError } from '../errors.js'
import { checkOptions, flag, isRecord } from '../options.js'

/** A value that an option may have in a search: what a file of trials can hold. */
export type Value = string | number | boolean | null

/** The values that an option may have, and how they are drawn: made by `search.choice`, `uniform`, `logUniform` and `integer`. */
export class Dimension<out T extends Value = Value> {
  /** How it was made, as JSON. */
  readonly kind: string
  readonly values: readonly Value[]
  /** How many values there are. */
  readonly count: number
  readonly #at: (share: number) => T

  /** @internal `at` gives the value at a share from 0 to below 1 of the probability. */
  constructor(kind: string, values: readonly Value[], count: number, at: (share: number) => T) {
    this.kind = kind
    this.values = values
    this.count = count
    this.#at = at
  }

  /** @internal */
  at(share: number): T {
    return this.#at(share)
  }
}

/** The options of a search by name. */
export type Space = Readonly<Record<string, Dimension>>

/** What a space gives for a trial. */
export type Sampled<S extends Space> = { readonly [Name in keyof S]: S[Name] extends Dimension<infer T> ? T : never }

/**
 * One of some texts, numbers, booleans or nulls, each as likely as the others (Optuna's `suggest_categorical`, Keras
 * Tuner's `Choice`). For anything else, such as layers, choose a name and let the function that makes the model look it
 * up. `ERR_OPTION` for none, for one twice, and for other values.
 */
export function choice<const T extends Value>(values: readonly T[]): Dimension<T> {
  return reading('ERR_OPTION', 'search.choice', () => {
    const isValue = (each: unknown) =>
      each === null ||
      ['string', 'boolean'].includes(typeof each) ||
      (typeof each === 'number' && Number.isFinite(each))
    if (
      !Array.isArray(values) ||
      values.length === 0 ||
      !values.every(isValue) ||
      new Set(values).size < values.length
    ) {
      throw new SeqloomError(
        'ERR_OPTION',
        `search.choice: expected an array of different texts, finite numbers, booleans or nulls, not ${describe(values)}`,
      )
    }
    const own = [...values]
    return new Dimension('choice', own, own.length, (share) => own[Math.floor(share * own.length)] as T)
  })
}

/** A number from `low` to below `high`, each as likely as the others. `ERR_OPTION` unless `low` is below `high`. */
export function uniform(low: number, high: number): Dimension<number> {
  checkRange('search.uniform', low, high)
  return new Dimension('uniform', [low, high], Number.POSITIVE_INFINITY, (share) => low + share * (high - low))
}

/**
 * A number from `low` to below `high` whose logarithm is uniform, so that every power of ten is as likely as the
 * others: for learning rates and the like. `ERR_OPTION` unless 0 < `low` < `high`.
 */
export function logUniform(low: number, high: number): Dimension<number> {
  checkRange('search.logUniform', low, high, Number.MIN_VALUE)
  const at = (share: number) => Math.min(Math.max(low * (high / low) ** share, low), high)
  return new Dimension('logUniform', [low, high], Number.POSITIVE_INFINITY, at)
}

/**
 * An integer from `low` to `high`, both included; with `log`, its logarithm is uniform. `ERR_OPTION` for others than
 * integers, and with `log` for `low` below 1.
 */
export function integer(low: number, high: number, options: { readonly log?: boolean } = {}): Dimension<number> {
  checkOptions('search.integer', options, { accepted: { log: flag } })
  const { log = false } = options
  if (![low, high].every(Number.isSafeInteger) || low > high) {
    throw wrongRange('search.integer', 'two integers, the lower one first', low, high)
  }
  checkRange('search.integer', low, high + 1, log ? 1 : undefined)
  const at = (share: number) =>
    Math.min(Math.floor(log ? low * ((high + 1) / low) ** share : low + share * (high + 1 - low)), high)
  return new Dimension(log ? 'logInteger' : 'integer', [low, high], high - low + 1, at)
}

function checkRange(where: string, low: number, high: number, least = Number.NEGATIVE_INFINITY): void {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high && low >= least && Number.isFinite(high - low)) return
  throw wrongRange(where, `two numbers, the lower one first${least > 0 ? ', both above 0' : ''}`, low, high)
}

const wrongRange = (where: string, expected: string, low: unknown, high: unknown) =>
  new SeqloomError('ERR_OPTION', `${where}: expected ${expected}, not ${describe(low)} and ${describe(high)}`)

/** Throws `ERR_OPTION` for anything but a space. */
export function checkSpace(where: string, space: unknown): asserts space is Space {
  reading('ERR_OPTION', `${where}: space`, () => {
    const expected = 'an object of what search.choice, uniform, logUniform and integer make, by the names of options'
    if (!isRecord(space) || Object.keys(space).length === 0) {
      throw new SeqloomError('ERR_OPTION', `${where}: space must be ${expected}, not ${describe(space)}`)
    }
    for (const [name, each] of Object.entries(space)) {
      if (isInstance(each, Dimension)) continue
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: space must be ${expected}; ${describe(name)} is ${describe(each)}`,
      )
    }
  })
}

/** How many different combinations a space has. */
export const sizeOf = (space: Space): number => Object.values(space).reduce((size, { count }) => size * count, 1)

/**
 * The options of one trial after another, all different, until there are no more. A seed gives the same ones, however
 * many are used.
 */
export function* candidates<S extends Space>(space: S, seed: number): Generator<Sampled<S>> {
  const seen = new Set<string>()
  const size = sizeOf(space)
  for (let draw = 0; seen.size < size; draw++) {
    const random = randomOf(seed, draw)
    const options = Object.fromEntries(
      Object.entries(space).map(([name, dimension]) => [name, dimension.at(random(2 ** 32) / 2 ** 32)]),
    )
    const key = JSON.stringify(options)
    if (seen.has(key)) continue
    seen.add(key)
    yield options as Sampled<S>
  }
}
