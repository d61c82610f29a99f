import { describe, SeqloomError } from '../../errors.js'
import { camelCase } from '../../interop/keras/saved.js'
import { isRecord } from '../../options.js'

// What TensorFlow.js calls activations, initializers, regularizers and constraints, and what stands for them here.

/** A value object of TensorFlow.js, or its description. */
interface Described {
  readonly className: string
  readonly config: Readonly<Record<string, unknown>>
}

/** A class and a configuration, of an object that has them in any way; undefined for anything else. */
export function described(given: unknown): Described | undefined {
  if (!isRecord(given)) return undefined
  const object = given as { getClassName?: () => string; getConfig?: () => Record<string, unknown> }
  if (typeof object.getClassName === 'function') {
    return { className: object.getClassName(), config: object.getConfig?.() ?? {} }
  }
  const className = given.className ?? given.class_name
  if (typeof className !== 'string') return undefined
  return { className, config: isRecord(given.config) ? given.config : {} }
}

/** A name, which stands for a class with its defaults, or what {@link described} finds. */
export const named = (given: unknown): Described | undefined =>
  typeof given === 'string' ? { className: given, config: {} } : described(given)

/** Activations that our layers have under another name. */
const activationNames: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...['elu', 'gelu', 'linear', 'logSoftmax', 'mish', 'relu', 'relu6', 'selu', 'sigmoid', 'softmax', 'softplus'],
      ...['softsign', 'tanh'],
    ].map((name) => [name, name]),
  ),
  hardSigmoid: 'hardSigmoidKeras2',
  swish: 'silu',
}

/** Activations that are written out: they are no single operation here. */
export const composedActivations = ['gelu_new'] as const

/** An activation of {@link composedActivations}. */
export type ComposedActivation = (typeof composedActivations)[number]

/** The name of an activation as TensorFlow.js writes it. */
export function activationName(where: string, given: unknown): string {
  if (given === undefined || given === null) return 'linear'
  const name = typeof given === 'string' ? given : described(given)?.className
  const found = name === 'gelu_new' || name === 'geluNew' ? 'gelu_new' : name && camelCase(name)
  if (found !== undefined && (Object.hasOwn(activationNames, found) || isComposed(found))) return found
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: unknown activation ${describe(given)}; there are ${[...Object.keys(activationNames), ...composedActivations].join(', ')}`,
  )
}

const isComposed = (name: string): name is ComposedActivation =>
  (composedActivations as readonly string[]).includes(name)

/** What stands for an activation in a layer of ours, and what is to be applied after that layer, if anything. */
export function activationOf(name: string): { readonly fused: string; readonly after: ComposedActivation | undefined } {
  if (isComposed(name)) return { fused: 'linear', after: name }
  return { fused: activationNames[name] as string, after: undefined }
}

/** An activation inside of a recurrent cell; `ERR_UNSUPPORTED` for those that are written out. */
export function cellActivationOf(where: string, name: string): string {
  const { fused, after } = activationOf(name)
  if (after === undefined) return fused
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `${where}: the activation '${after}' is not there inside of a cell; write the cell with defineCell of 'seqloom'`,
  )
}

const initializerKinds: Readonly<Record<string, string>> = {
  Zeros: 'zeros',
  Ones: 'ones',
  Constant: 'constant',
  RandomUniform: 'randomUniform',
  RandomNormal: 'randomNormal',
  TruncatedNormal: 'truncatedNormal',
  Identity: 'identity',
  VarianceScaling: 'varianceScaling',
  GlorotUniform: 'glorotUniform',
  GlorotNormal: 'glorotNormal',
  HeUniform: 'heUniform',
  HeNormal: 'heNormal',
  LeCunUniform: 'lecunUniform',
  LeCunNormal: 'lecunNormal',
  Orthogonal: 'orthogonal',
}

const scaling = (scale: number, mode: string, distribution: string) => ({
  className: 'VarianceScaling',
  config: { scale, mode, distribution, seed: null },
})

/** What the names of initializers stand for, as tfjs's configurations have it. */
const standardInitializers = {
  zeros: { className: 'Zeros', config: {} },
  ones: { className: 'Ones', config: {} },
  randomUniform: { className: 'RandomUniform', config: { minval: -0.05, maxval: 0.05 } },
  randomNormal: { className: 'RandomNormal', config: { mean: 0, stddev: 0.05 } },
  truncatedNormal: { className: 'TruncatedNormal', config: { mean: 0, stddev: 0.05 } },
  orthogonal: { className: 'Orthogonal', config: { gain: 1 } },
  identity: { className: 'Identity', config: { gain: 1 } },
  glorotNormal: scaling(1, 'fanAvg', 'normal'),
  glorotUniform: scaling(1, 'fanAvg', 'uniform'),
  heNormal: scaling(2, 'fanIn', 'normal'),
  heUniform: scaling(2, 'fanIn', 'uniform'),
  leCunNormal: scaling(1, 'fanIn', 'normal'),
  leCunUniform: scaling(1, 'fanIn', 'uniform'),
} as const

/** The initializers of a layer's weights that it has by default, by what its options call the weights. */
export type StandardInitializers = Readonly<Record<string, keyof typeof standardInitializers>>

/** What a configuration says of weights: their initializers and rules as they are by default, or as options give them. */
export function weightConfig(
  standard: StandardInitializers,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const entries = Object.entries(standard).flatMap(([role, name]): [string, unknown][] => {
    const key = `${role}Initializer`
    const asked = given[key] ?? name
    const known = Object.entries(standardInitializers).find(([each]) => each === asked)
    return [
      [key, known?.[1] ?? asked],
      // Statistics are not learned.
      ...(role.startsWith('moving')
        ? []
        : ['Regularizer', 'Constraint'].map((rule): [string, unknown] => [role + rule, given[role + rule] ?? null])),
    ]
  })
  return Object.fromEntries(entries)
}

/** What stands for an initializer: a name, a value object or its description. */
export function initializerOf(where: string, given: unknown): never {
  const unknown = () =>
    new SeqloomError(
      'ERR_OPTION',
      `${where}: unknown initializer ${describe(given)}; there are ${Object.keys(initializerKinds).map(uncapitalized).join(', ')}, and what tf.initializers.* returns`,
    )
  const { className, config } = named(given) ?? {}
  if (className === undefined) throw unknown()
  const kind = initializerKinds[capitalized(camelCase(className))] ?? initializerKinds[className]
  if (kind === undefined) throw unknown()
  return { kind, ...initializerSettings(kind, config ?? {}) } as never
}

/** The settings that our initializers of a kind have. */
function initializerSettings(kind: string, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names: Readonly<Record<string, readonly string[]>> = {
    constant: ['value'],
    randomUniform: ['minval', 'maxval', 'seed'],
    randomNormal: ['mean', 'stddev', 'seed'],
    truncatedNormal: ['mean', 'stddev', 'seed'],
    identity: ['gain'],
    varianceScaling: ['scale', 'mode', 'distribution', 'seed'],
    orthogonal: ['gain', 'seed'],
  }
  const settings: Record<string, unknown> = {}
  for (const name of names[kind] ?? ['seed']) {
    const value = config[name]
    if (value === undefined || value === null) continue
    settings[name] = typeof value === 'string' ? camelCase(value) : value
  }
  return settings
}

/** Options that a program gave, without those that are undefined or null, which mean that they were left out. */
export function givenOnly<T extends object>(options: T | null | undefined): { [K in keyof T]: Exclude<T[K], null> } {
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined && value !== null)
  return Object.fromEntries(given) as never
}

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)
const uncapitalized = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)
