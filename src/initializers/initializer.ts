import { SeqloomError } from '../errors.js'
import type { Check } from '../options.js'
import { checkOptions, custom, isRecord, number, oneOf, positive, seed } from '../options.js'

/**
 * A number that makes the draw repeatable whatever the model's seed; by default draws are keyed by the model's seed and
 * the weight.
 */
export interface Seeded {
  readonly seed?: number
}

/** How a weight gets its first values, as data. */
export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'constant'; readonly value: number }
  | ({ readonly kind: 'randomUniform'; readonly minval: number; readonly maxval: number } & Seeded)
  | ({ readonly kind: 'randomNormal' | 'truncatedNormal'; readonly mean: number; readonly stddev: number } & Seeded)
  | ({ readonly kind: ScaledInitializerName } & Seeded)
  | ({
      readonly kind: 'varianceScaling'
      readonly scale: number
      readonly mode: 'fanIn' | 'fanOut' | 'fanAvg'
      readonly distribution: 'normal' | 'uniform' | 'truncatedNormal'
    } & Seeded)
  | ({ readonly kind: 'orthogonal'; readonly gain: number } & Seeded)
  | { readonly kind: 'identity'; readonly gain: number }
  | { readonly kind: 'lstmBias'; readonly base?: Initializer }

const scaledNames = ['glorotUniform', 'glorotNormal', 'heUniform', 'heNormal', 'lecunUniform', 'lecunNormal'] as const

/** Initializers whose spread follows from the weight's fan-in and fan-out. */
export type ScaledInitializerName = (typeof scaledNames)[number]

/** Initializers that can be named by a string; each stands for its factory's defaults. */
export type InitializerName =
  | ScaledInitializerName
  | 'zeros'
  | 'ones'
  | 'randomUniform'
  | 'randomNormal'
  | 'truncatedNormal'
  | 'varianceScaling'
  | 'orthogonal'
  | 'identity'
  | 'lstmBias'

const defaults: Readonly<Record<Initializer['kind'], Readonly<Record<string, unknown>>>> = {
  zeros: {},
  ones: {},
  constant: { value: 0 },
  randomUniform: { minval: -0.05, maxval: 0.05 },
  randomNormal: { mean: 0, stddev: 0.05 },
  truncatedNormal: { mean: 0, stddev: 0.05 },
  glorotUniform: {},
  glorotNormal: {},
  heUniform: {},
  heNormal: {},
  lecunUniform: {},
  lecunNormal: {},
  varianceScaling: { scale: 1, mode: 'fanIn', distribution: 'truncatedNormal' },
  orthogonal: { gain: 1 },
  identity: { gain: 1 },
  lstmBias: {},
}

const checks: Readonly<Record<string, Check>> = {
  value: number(),
  minval: number(),
  maxval: number(),
  mean: number(),
  stddev: number(0),
  scale: positive,
  mode: oneOf(['fanIn', 'fanOut', 'fanAvg']),
  distribution: oneOf(['normal', 'uniform', 'truncatedNormal']),
  gain: number(),
}

const seedless = new Set(['zeros', 'ones', 'constant', 'identity', 'lstmBias'])

/** Makes an initializer from its kind and options: checks them and fills in the defaults. */
export function makeInitializer(kind: Initializer['kind'], options: object = {}): Initializer {
  const own = defaults[kind]
  const accepted: Record<string, Check> = {}
  for (const name of Object.keys(own)) accepted[name] = checks[name] as Check
  if (!seedless.has(kind)) accepted.seed = seed
  if (kind === 'lstmBias') accepted.base = custom('an initializer', isInitializer)
  const where = `initializers.${kind}`
  checkOptions(where, options, { accepted })
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const made = { kind, ...own, ...given } as Initializer
  if (made.kind === 'randomUniform' && made.minval > made.maxval) {
    throw new SeqloomError('ERR_OPTION', `${where}: minval ${made.minval} is above maxval ${made.maxval}`)
  }
  return made.kind === 'lstmBias' && made.base ? { kind: 'lstmBias', base: resolveInitializer(made.base) } : made
}

function isKind(value: unknown): value is Initializer['kind'] {
  return typeof value === 'string' && Object.hasOwn(defaults, value)
}

/** The option check of initializers: a name or an object with a known kind. */
export const initializerCheck: Check = custom(
  `an initializer: one of ${Object.keys(defaults)
    .map((name) => `'${name}'`)
    .join(', ')}, or what initializers.* returns`,
  isInitializer,
)

function isInitializer(value: unknown): boolean {
  return isKind(value) || (isRecord(value) && isKind(value.kind))
}

/** The initializer that a name or an object (from a factory or a saved configuration) stands for. */
export function resolveInitializer(given: InitializerName | Initializer): Initializer {
  if (typeof given === 'string') return makeInitializer(given)
  const { kind, ...options } = given
  return makeInitializer(kind, options)
}
