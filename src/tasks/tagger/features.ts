import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** What is given of tokens, by name: a text, a number or a boolean for each token. */
export type TokenFeatures = Readonly<Record<string, readonly (string | number | boolean)[]>>

/** A sequence of tokens, and what else is given of each. */
export interface TokenSequence {
  readonly tokens: readonly string[]
  /** The features that the tagger was made with. */
  readonly features?: TokenFeatures
}

/**
 * A feature of tokens as training found it: numbers, which are scaled to a mean of 0 and a deviation of 1, or categories,
 * whose id 0 stands for those that are unknown.
 */
export type Feature =
  | { readonly name: string; readonly kind: 'number'; readonly mean: number; readonly deviation: number }
  | { readonly name: string; readonly kind: 'category'; readonly categories: readonly string[] }

/** The features of names, as they are in training rows, which were checked. */
export function featuresOf(names: readonly string[], rows: readonly TokenSequence[]): Feature[] {
  return names.map((name) => {
    const values = rows.flatMap(({ features }) => features?.[name] ?? [])
    if (!values.every((value) => typeof value === 'number')) {
      return { name, kind: 'category', categories: [...new Set(values.map(String))].sort() }
    }
    const numbers = values as number[]
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length
    const square = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length
    return { name, kind: 'number', mean, deviation: Math.sqrt(square) || 1 }
  })
}

/** The values of a feature for sequences, as the model reads them. */
export function encodeFeature(feature: Feature, sequences: readonly TokenSequence[]): (Int32Array | number[][])[] {
  const values = sequences.map(({ features }) => features?.[feature.name] ?? [])
  if (feature.kind === 'number') {
    const { mean, deviation } = feature
    return values.map((numbers) => numbers.map((value) => [(Number(value) - mean) / deviation]))
  }
  const ids = new Map(feature.categories.map((category, at) => [category, at + 1]))
  return values.map((each) => Int32Array.from(each, (value) => ids.get(String(value)) ?? 0))
}

/** Throws `ERR_DATA`, naming the place, unless a sequence has a value of each feature for each token; `known` tells which must be numbers. */
export function checkFeatures(
  place: string,
  names: readonly string[],
  { tokens, features }: TokenSequence,
  known: readonly Feature[] = [],
): void {
  if (names.length === 0 && features === undefined) return
  const wrong = (why: string) => new SeqloomError('ERR_DATA', `${place}: ${why}`)
  if (!isRecord(features)) {
    throw wrong(`features must be an object with ${names.join(', ')}, not ${describe(features)}`)
  }
  const other = Object.keys(features).find((name) => !names.includes(name))
  if (other !== undefined) {
    const those = names.length === 0 ? 'it was made without features' : `they are ${names.join(', ')}`
    throw wrong(`features has ${describe(other)}, which the tagger does not read; ${those}`)
  }
  for (const name of names) {
    const values: unknown = features[name]
    if (!Array.isArray(values) || values.length !== tokens.length) {
      const got = Array.isArray(values) ? `${values.length} values` : describe(values)
      throw wrong(`features.${name} must have a value for each of ${tokens.length} tokens, not ${got}`)
    }
    const numeric = known.find((feature) => feature.name === name)?.kind === 'number'
    const at = values.findIndex((value) => !isFeature(value) || (numeric && typeof value !== 'number'))
    if (at >= 0) {
      const expected = numeric ? 'a finite number, as in training' : 'a text, a finite number or a boolean'
      throw wrong(`features.${name}: value ${at} must be ${expected}, not ${describe(values[at])}`)
    }
  }
}

const isFeature = (value: unknown): boolean =>
  typeof value === 'number' ? Number.isFinite(value) : typeof value === 'string' || typeof value === 'boolean'

/** Reads saved features; `ERR_FORMAT` for anything else. */
export function parseFeatures(saved: unknown): readonly Feature[] {
  if (Array.isArray(saved) && saved.every(isSavedFeature)) return saved
  throw new SeqloomError('ERR_FORMAT', 'reading.json: features must be an array of { name, kind, … }')
}

function isSavedFeature(value: unknown): value is Feature {
  if (!isRecord(value) || typeof value.name !== 'string') return false
  if (value.kind === 'number') return Number.isFinite(value.mean) && Number.isFinite(value.deviation)
  return (
    value.kind === 'category' &&
    Array.isArray(value.categories) &&
    value.categories.every((each) => typeof each === 'string')
  )
}
