import { type Initializer, makeInitializer, type Seeded } from './initializer.js'

export type { ComputedInitializer } from './computed.js'
export type { Initializer, InitializerName, Seeded } from './initializer.js'

/** All zeros. */
export const zeros = (): Initializer => makeInitializer('zeros')

/** All ones. */
export const ones = (): Initializer => makeInitializer('ones')

/** One value everywhere; `value` defaults to 0. */
export const constant = (options: { readonly value?: number } = {}): Initializer => makeInitializer('constant', options)

/** Uniform on `[minval, maxval)`; defaults -0.05 and 0.05. */
export const randomUniform = (
  options: { readonly minval?: number; readonly maxval?: number } & Seeded = {},
): Initializer => makeInitializer('randomUniform', options)

/** Normal; `mean` defaults to 0, `stddev` to 0.05. */
export const randomNormal = (
  options: { readonly mean?: number; readonly stddev?: number } & Seeded = {},
): Initializer => makeInitializer('randomNormal', options)

/** Normal, redrawn beyond two standard deviations; `mean` defaults to 0, `stddev` to 0.05. */
export const truncatedNormal = (
  options: { readonly mean?: number; readonly stddev?: number } & Seeded = {},
): Initializer => makeInitializer('truncatedNormal', options)

/** Uniform within √(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
export const glorotUniform = (options: Seeded = {}): Initializer => makeInitializer('glorotUniform', options)

/** Truncated normal of variance 2 / (fanIn + fanOut) (Glorot and Bengio 2010). */
export const glorotNormal = (options: Seeded = {}): Initializer => makeInitializer('glorotNormal', options)

/** Uniform within √(6 / fanIn) (He et al. 2015). */
export const heUniform = (options: Seeded = {}): Initializer => makeInitializer('heUniform', options)

/** Truncated normal of variance 2 / fanIn (He et al. 2015). */
export const heNormal = (options: Seeded = {}): Initializer => makeInitializer('heNormal', options)

/** Uniform within √(3 / fanIn) (LeCun et al. 1998). */
export const lecunUniform = (options: Seeded = {}): Initializer => makeInitializer('lecunUniform', options)

/** Truncated normal of variance 1 / fanIn (LeCun et al. 1998). */
export const lecunNormal = (options: Seeded = {}): Initializer => makeInitializer('lecunNormal', options)

/**
 * Variance `scale / n` with n the fan-in (default), fan-out or their average; `distribution` defaults to
 * `truncatedNormal`, which `normal` means too.
 */
export const varianceScaling = (
  options: {
    readonly scale?: number
    readonly mode?: 'fanIn' | 'fanOut' | 'fanAvg'
    readonly distribution?: 'truncatedNormal' | 'untruncatedNormal' | 'uniform' | 'normal'
  } & Seeded = {},
): Initializer => makeInitializer('varianceScaling', options)

/** An orthogonal matrix times `gain` (default 1): the Q of a normal matrix's QR decomposition (Saxe et al. 2013). */
export const orthogonal = (options: { readonly gain?: number } & Seeded = {}): Initializer =>
  makeInitializer('orthogonal', options)

/** The identity matrix times `gain` (default 1). */
export const identity = (options: { readonly gain?: number } = {}): Initializer => makeInitializer('identity', options)

/**
 * For a bias `[4 units]` of gates in the order input, forget, candidate, output: ones for the forget gate (Jozefowicz
 * et al. 2015), `base` (default zeros) for the others.
 */
export const lstmBias = (options: { readonly base?: Initializer } = {}): Initializer =>
  makeInitializer('lstmBias', options)
