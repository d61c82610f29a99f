import { SeqloomError } from '../errors.js'
import { type Check, custom, isRecord, seed } from '../options.js'
import { readSettings, type Settings, type ValuesOf } from '../settings.js'
import { initializers } from '../table.js'
import { type ComputedInitializer, checkComputed, isComputed } from './computed.js'

/**
 * A number that makes the draw repeatable whatever the model's seed; by default draws are keyed by the model's seed and
 * the weight.
 */
export interface Seeded {
  readonly seed?: number
}

type Table = typeof initializers

/** How a weight gets its first values, as data. */
export type Initializer =
  | {
      [Kind in Exclude<keyof Table, 'lstmBias'>]: { readonly kind: Kind } & ValuesOf<Table[Kind]['settings']> &
        (Table[Kind]['seeded'] extends true ? Seeded : unknown)
    }[Exclude<keyof Table, 'lstmBias'>]
  | { readonly kind: 'lstmBias'; readonly base?: Initializer }
  | ComputedInitializer

/** The kinds that the engine draws. */
type DrawnKind = keyof Table

/** Initializers that can be named by a string; each stands for its factory's defaults. */
export type InitializerName = Exclude<keyof Table, 'constant'>

/** Makes an initializer from its kind and options: checks them and fills in the defaults. */
export function makeInitializer(kind: DrawnKind, options: object = {}): Initializer {
  const { seeded, settings } = initializers[kind]
  const where = `initializers.${kind}`
  const others = {
    ...(seeded && { seed }),
    ...(kind === 'lstmBias' && { base: custom('an initializer', isDrawn) }),
  }
  const { base: _, ...own }: Settings = settings
  const made = { kind, ...readSettings(where, options, own, { others }) } as Initializer
  if (made.kind === 'randomUniform' && made.minval > made.maxval) {
    throw new SeqloomError('ERR_OPTION', `${where}: minval ${made.minval} is above maxval ${made.maxval}`)
  }
  return made.kind === 'lstmBias' && made.base ? { kind: 'lstmBias', base: resolveInitializer(made.base) } : made
}

function isKind(value: unknown): value is DrawnKind {
  return typeof value === 'string' && Object.hasOwn(initializers, value)
}

/** The option check of initializers: a name or an object with a known kind. */
export const initializerCheck: Check = custom(
  `an initializer: one of ${Object.keys(initializers)
    .map((name) => `'${name}'`)
    .join(', ')}, or what initializers.* returns`,
  isInitializer,
)

function isInitializer(value: unknown): boolean {
  return isDrawn(value) || (isRecord(value) && isComputed(value))
}

function isDrawn(value: unknown): boolean {
  return isKind(value) || (isRecord(value) && isKind(value.kind))
}

/** The initializer that a name or an object (from a factory or a saved configuration) stands for. */
export function resolveInitializer(given: InitializerName | Initializer): Initializer {
  if (typeof given === 'string') return makeInitializer(given)
  if (isComputed(given)) return checkComputed(given)
  const { kind, ...options } = given
  return makeInitializer(kind, options)
}
