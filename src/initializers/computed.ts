import { SeqloomError } from '../errors.js'
import { type Check, checkOptions, custom, flag, number, optionalSeed, positive } from '../options.js'
import type { Initializer } from './initializer.js'

/**
 * First values by a formula, for weights whose papers give one: computed here, from what the engine draws. All but `ring`
 * are the same for everything in front of the last dimension, or drawn for each element.
 */
export type ComputedInitializer =
  /** Given values along the last dimension, each for an equal share of it. */
  | { readonly kind: 'blocks'; readonly values: readonly number[] }
  /** start + (end - start) · (i / n)^power for place i of the last dimension: n is its last place, or its size if the end is left out. */
  | {
      readonly kind: 'ramp'
      readonly start: number
      readonly end: number
      readonly power?: number
      readonly endIncluded?: boolean
    }
  /** The logarithm of uniform numbers. */
  | { readonly kind: 'logUniform'; readonly minval: number; readonly maxval: number; readonly seed?: number }
  /** What softplus makes numbers of whose logarithms are uniform: steps of time between two bounds. */
  | { readonly kind: 'timeSteps'; readonly minval: number; readonly maxval: number; readonly seed?: number }
  /**
   * Three rows, of eigenvalues λ uniform on a part of a ring: log(-log |λ|), the logarithm of the angle, and log √(1 - |λ|²)
   * (Orvieto et al., arXiv 2303.06349).
   */
  | {
      readonly kind: 'ring'
      readonly minRadius: number
      readonly maxRadius: number
      readonly maxPhase: number
      readonly seed?: number
    }

/** How values are computed. */
interface Formula<Settings> {
  readonly accepted: Readonly<Record<string, Check>>
  readonly optional?: readonly string[]
  /** What the engine draws first. */
  from(settings: Settings): Initializer
  /** Replaces what was drawn. */
  fill(drawn: Float32Array, shape: readonly number[], settings: Settings): void
}

type Formulas = {
  readonly [Kind in ComputedInitializer['kind']]: Formula<Extract<ComputedInitializer, { readonly kind: Kind }>>
}

const zeros: Initializer = { kind: 'zeros' }

const uniform = (minval: number, maxval: number, seed: number | undefined): Initializer => ({
  kind: 'randomUniform',
  minval,
  maxval,
  ...(seed !== undefined && { seed }),
})

const numbers = custom(
  'an array of finite numbers',
  (value) => Array.isArray(value) && value.length > 0 && value.every((each) => Number.isFinite(each)),
)

/** The smallest share of a uniform draw whose logarithm is taken. */
const least = 1e-9

const formulas: Formulas = {
  blocks: {
    accepted: { values: numbers },
    from: () => zeros,
    fill(drawn, shape, { values }) {
      const size = shape.at(-1) as number
      if (size % values.length !== 0) {
        throw new SeqloomError('ERR_SHAPE', `${values.length} first values cannot be spread over ${size} equally`)
      }
      const each = size / values.length
      drawn.forEach((_, at) => {
        drawn[at] = values[Math.floor((at % size) / each)] as number
      })
    },
  },
  ramp: {
    accepted: { start: number(), end: number(), power: positive, endIncluded: flag },
    optional: ['power', 'endIncluded'],
    from: () => zeros,
    fill(drawn, shape, { start, end, power = 1, endIncluded = true }) {
      const size = shape.at(-1) as number
      const last = Math.max(endIncluded ? size - 1 : size, 1)
      drawn.forEach((_, at) => {
        drawn[at] = start + (end - start) * ((at % size) / last) ** power
      })
    },
  },
  logUniform: {
    accepted: { minval: number(0), maxval: positive, seed: optionalSeed },
    optional: ['seed'],
    from: ({ minval, maxval, seed }) => uniform(minval, maxval, seed),
    fill(drawn, _, { maxval }) {
      drawn.forEach((value, at) => {
        drawn[at] = Math.log(Math.max(value, least * maxval))
      })
    },
  },
  timeSteps: {
    accepted: { minval: positive, maxval: positive, seed: optionalSeed },
    optional: ['seed'],
    from: ({ minval, maxval, seed }) => uniform(Math.log(minval), Math.log(maxval), seed),
    fill(drawn) {
      drawn.forEach((value, at) => {
        drawn[at] = Math.log(Math.expm1(Math.exp(value)))
      })
    },
  },
  ring: {
    accepted: { minRadius: number(0), maxRadius: positive, maxPhase: positive, seed: optionalSeed },
    optional: ['seed'],
    from: ({ seed }) => uniform(0, 1, seed),
    fill(drawn, shape, { minRadius, maxRadius, maxPhase }) {
      const [rows, size] = shape as readonly [number, number]
      if (shape.length !== 2 || rows !== 3) {
        throw new SeqloomError('ERR_SHAPE', `eigenvalues on a ring need a weight [3, n], not [${shape.join(', ')}]`)
      }
      for (let at = 0; at < size; at++) {
        const share = drawn[at] as number
        const square = share * (maxRadius ** 2 - minRadius ** 2) + minRadius ** 2
        // Neither a state that forgets at once nor one that grows has such a logarithm.
        const within = Math.min(Math.max(square, least), 1 - 1e-7)
        drawn[at] = Math.log(-0.5 * Math.log(within))
        drawn[size + at] = Math.log(maxPhase * Math.max(drawn[size + at] as number, least))
        drawn[2 * size + at] = 0.5 * Math.log1p(-within)
      }
    },
  },
}

const formulaOf = (initializer: ComputedInitializer): Formula<ComputedInitializer> =>
  formulas[initializer.kind] as Formula<ComputedInitializer>

/** Whether an initializer is computed here. */
export const isComputed = (initializer: { readonly kind?: unknown }): initializer is ComputedInitializer =>
  typeof initializer.kind === 'string' && Object.hasOwn(formulas, initializer.kind)

/** Checks a computed initializer; `ERR_OPTION`. */
export function checkComputed(initializer: ComputedInitializer): ComputedInitializer {
  const { kind, ...settings } = initializer
  const { accepted, optional = [] } = formulaOf(initializer)
  const required = Object.keys(accepted).filter((name) => !optional.includes(name))
  checkOptions(`initializer '${kind}'`, settings, { accepted, required })
  return initializer
}

/** What the engine draws for an initializer. */
export const drawnFor = (initializer: Initializer): Initializer =>
  isComputed(initializer) ? formulaOf(initializer).from(initializer) : initializer

/** The first values that come of what was drawn; `ERR_SHAPE` for a weight that they do not fit. */
export function computeFirst(
  initializer: ComputedInitializer,
  drawn: Float32Array,
  shape: readonly number[],
): Float32Array {
  const values = Float32Array.from(drawn)
  formulaOf(initializer).fill(values, shape, initializer)
  return values
}
