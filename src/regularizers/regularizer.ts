import { SeqloomError } from '../errors.js'
import { type Check, custom, isRecord } from '../options.js'
import { readSettings, type Setting } from '../settings.js'

/** What the sum of a weight's or an output's magnitudes and squares adds to the loss, as data: l1 · Σ|w| + l2 · Σw². */
export type Regularizer =
  | { readonly kind: 'l1'; readonly l1: number }
  | { readonly kind: 'l2'; readonly l2: number }
  | { readonly kind: 'l1l2'; readonly l1: number; readonly l2: number }

/** Regularizers that can be named by a string; each stands for its factory's default. */
export type RegularizerName = 'l1' | 'l2'

const factor = (value: number): Setting => ({ type: 'number', least: 0, default: value })

const kinds: Readonly<Record<Regularizer['kind'], Readonly<Record<string, Setting>>>> = {
  l1: { l1: factor(0.01) },
  l2: { l2: factor(0.01) },
  l1l2: { l1: factor(0), l2: factor(0) },
}

const isKind = (value: unknown): value is Regularizer['kind'] =>
  typeof value === 'string' && Object.hasOwn(kinds, value)

/** Makes a regularizer of its kind and options: checks them and fills in the defaults. */
export function makeRegularizer(kind: Regularizer['kind'], options: object = {}): Regularizer {
  return { kind, ...readSettings(`regularizers.${kind}`, options, kinds[kind]) } as Regularizer
}

/** The option check of regularizers: null for none, a name, or an object with a known kind. */
export const regularizerCheck: Check = custom(
  "a regularizer: 'l1', 'l2', what regularizers.* returns, or null",
  (value) => value === null || value === 'l1' || value === 'l2' || (isRecord(value) && isKind(value.kind)),
)

/** The regularizer that a name or an object (from a factory or a saved configuration) stands for. */
export function resolveRegularizer(given: RegularizerName | Regularizer | null | undefined): Regularizer | undefined {
  if (given === null || given === undefined) return undefined
  if (typeof given === 'string') return makeRegularizer(given)
  const { kind, ...options } = given
  if (!isKind(kind)) throw new SeqloomError('ERR_OPTION', `there is no regularizer '${kind}'`)
  return makeRegularizer(kind, options)
}
