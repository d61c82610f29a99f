import { SeqloomError } from '../errors.js'
import { type Check, custom, isRecord } from '../options.js'
import { readSettings, type Setting } from '../settings.js'

/** The dimensions that a norm is taken over: one or several. */
export type NormAxis = number | readonly number[]

/** What a weight is made to fulfil after every step, as data. */
export type Constraint =
  | { readonly kind: 'maxNorm'; readonly maxValue: number; readonly axis: NormAxis }
  | {
      readonly kind: 'minMaxNorm'
      readonly minValue: number
      readonly maxValue: number
      readonly rate: number
      readonly axis: NormAxis
    }
  | { readonly kind: 'nonNeg' }
  | { readonly kind: 'unitNorm'; readonly axis: NormAxis }

/** Constraints that can be named by a string; each stands for its factory's defaults. */
export type ConstraintName = Constraint['kind']

const bound = (value: number): Setting => ({ type: 'number', least: 0, default: value })

const kinds: Readonly<Record<ConstraintName, Readonly<Record<string, Setting>>>> = {
  maxNorm: { maxValue: bound(2) },
  minMaxNorm: { minValue: bound(0), maxValue: bound(1), rate: bound(1) },
  nonNeg: {},
  unitNorm: {},
}

/** All constraints. */
export const constraintNames = Object.keys(kinds) as readonly ConstraintName[]

const isAxis = (value: unknown): boolean => Number.isInteger(value)

const axis = custom(
  'an integer or an array of them',
  (value) => isAxis(value) || (Array.isArray(value) && value.length > 0 && value.every(isAxis)),
)

const isKind = (value: unknown): value is ConstraintName => typeof value === 'string' && Object.hasOwn(kinds, value)

/** Makes a constraint of its kind and options: checks them and fills in the defaults. */
export function makeConstraint(kind: ConstraintName, options: object = {}): Constraint {
  const where = `constraints.${kind}`
  const others = kind === 'nonNeg' ? {} : { axis }
  const made = { kind, ...(kind !== 'nonNeg' && { axis: 0 }), ...readSettings(where, options, kinds[kind], { others }) }
  const { minValue = 0, maxValue = 0 } = made as { readonly minValue?: number; readonly maxValue?: number }
  if (kind === 'minMaxNorm' && minValue > maxValue) {
    throw new SeqloomError('ERR_OPTION', `${where}: minValue ${minValue} is above maxValue ${maxValue}`)
  }
  return made as Constraint
}

/** The option check of constraints: null for none, a name, or an object with a known kind. */
export const constraintCheck: Check = custom(
  `a constraint: one of ${constraintNames.map((name) => `'${name}'`).join(', ')}, what constraints.* returns, or null`,
  (value) => value === null || isKind(value) || (isRecord(value) && isKind(value.kind)),
)

/** The constraint that a name or an object (from a factory or a saved configuration) stands for. */
export function resolveConstraint(given: ConstraintName | Constraint | null | undefined): Constraint | undefined {
  if (given === null || given === undefined) return undefined
  if (typeof given === 'string') return makeConstraint(given)
  const { kind, ...options } = given
  if (!isKind(kind)) throw new SeqloomError('ERR_OPTION', `there is no constraint '${kind}'`)
  return makeConstraint(kind, options)
}
