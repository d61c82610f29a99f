import { describe, reading, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { makeSchedule as make, rate, type Schedule } from './schedule.js'

interface NamedSchedule {
  /** Changes nothing. */
  readonly name?: string | null
}

/** Options of {@link exponentialDecay} and {@link inverseTimeDecay}. */
export interface DecayOptions extends NamedSchedule {
  /** The learning rate at step 0. */
  readonly initialLearningRate: number
  /** The steps after which it has decayed once by `decayRate`. */
  readonly decaySteps: number
  /** How much it decays. */
  readonly decayRate: number
  /** Whether it falls in steps, once every `decaySteps`, instead of a little every step; default false. */
  readonly staircase?: boolean
}

/** Options of {@link piecewiseConstantDecay}. */
export interface PiecewiseConstantDecayOptions extends NamedSchedule {
  /** The last step of each value but the last one, ascending. */
  readonly boundaries: readonly number[]
  /** The learning rates, one more than boundaries. */
  readonly values: readonly number[]
}

/** Options of {@link polynomialDecay}. */
export interface PolynomialDecayOptions extends NamedSchedule {
  /** The learning rate at step 0. */
  readonly initialLearningRate: number
  /** The steps until `endLearningRate` is reached. */
  readonly decaySteps: number
  /** Default 1e-4. */
  readonly endLearningRate?: number
  /** Default 1, which is linear. */
  readonly power?: number
  /** Whether it begins again, with more steps, when the end is reached; default false. */
  readonly cycle?: boolean
}

/** Options of {@link cosineDecay}. */
export interface CosineDecayOptions extends NamedSchedule {
  /** The learning rate at step 0. */
  readonly initialLearningRate: number
  /** The steps until the least is reached. */
  readonly decaySteps: number
  /** The least, as a share of the first rate, or of `warmupTarget`; default 0. */
  readonly alpha?: number
  /**
   * The rate that a straight line from `initialLearningRate` reaches in `warmupSteps`, after which the decay begins
   * from it. Default null: no warm-up.
   */
  readonly warmupTarget?: number | null
  /** Default 0. */
  readonly warmupSteps?: number
}

/** Options of {@link cosineDecayRestarts}. */
export interface CosineDecayRestartsOptions extends NamedSchedule {
  /** The learning rate at step 0. */
  readonly initialLearningRate: number
  /** The steps of the first period. */
  readonly firstDecaySteps: number
  /** The length of each period relative to the previous one; default 2. */
  readonly tMul?: number
  /** The height of each period relative to the previous one; default 1. */
  readonly mMul?: number
  /** The least, as a share of the first rate; default 0. */
  readonly alpha?: number
}

/** Options of {@link oneCycle}. */
export interface OneCycleOptions {
  /** The highest learning rate. */
  readonly maxLearningRate: number
  /** The steps of the whole cycle; after it, the rate stays. */
  readonly totalSteps: number
  /** The share of the steps in which the rate rises; default 0.3. */
  readonly pctStart?: number
  /** The shape of its ways up and down: half a cosine, or a straight line. Default `'cos'`. */
  readonly annealStrategy?: 'cos' | 'linear'
  /** How many times the first rate the highest one is; default 25. */
  readonly divFactor?: number
  /** How many times the last rate the first one is; default 1e4. */
  readonly finalDivFactor?: number
  /** Whether it falls to the first rate as fast as it rose, and then to the last; default false. */
  readonly threePhase?: boolean
}

/** Options of {@link warmup}. */
export interface WarmupOptions {
  /** What follows: a number, or a schedule that begins after the warm-up. */
  readonly learningRate: number | Schedule
  /** The steps until its first rate is reached. */
  readonly warmupSteps: number
  /** The learning rate at step 0; default 0. */
  readonly initialLearningRate?: number
}

/** `initialLearningRate * decayRate ** (step / decaySteps)`. Errors: `ERR_OPTION`. */
export function exponentialDecay(options: DecayOptions): Schedule {
  return make('exponentialDecay', options)
}

/** `initialLearningRate / (1 + decayRate * step / decaySteps)`. Errors: `ERR_OPTION`. */
export function inverseTimeDecay(options: DecayOptions): Schedule {
  return make('inverseTimeDecay', options)
}

/** Steps: `values[0]` up to and with step `boundaries[0]`, then `values[1]`, and so on. Errors: `ERR_OPTION`. */
export function piecewiseConstantDecay(options: PiecewiseConstantDecayOptions): Schedule {
  const made = make('piecewiseConstantDecay', options)
  const { boundaries, values } = options
  const ascend = boundaries.every((boundary, index) => index === 0 || boundary > (boundaries[index - 1] as number))
  if (values.length !== boundaries.length + 1 || !ascend) {
    throw new SeqloomError(
      'ERR_OPTION',
      `optimizers.schedules.piecewiseConstantDecay: boundaries must ascend and values have one entry more, not ${describe(boundaries)} and ${describe(values)}`,
    )
  }
  return made
}

/**
 * `(initialLearningRate - endLearningRate) * (1 - step / decaySteps) ** power + endLearningRate`. Errors: `ERR_OPTION`.
 */
export function polynomialDecay(options: PolynomialDecayOptions): Schedule {
  return make('polynomialDecay', options)
}

/**
 * Half a cosine from `initialLearningRate` down to `alpha` times that (Loshchilov and Hutter 2017). With
 * `warmupTarget`, {@link warmup} to that rate in front of it, as in Keras. Errors: `ERR_OPTION`.
 */
export function cosineDecay(options: CosineDecayOptions): Schedule {
  if (!isRecord(options)) return make('cosineDecay', options)
  const { warmupTarget, warmupSteps, ...others } = reading('ERR_OPTION', 'optimizers.schedules.cosineDecay', () => {
    const { warmupTarget = null, warmupSteps = 0, ...others } = options
    return { warmupTarget, warmupSteps, ...others }
  })
  if (warmupTarget !== null && !rate.accepts(warmupTarget)) {
    const wanted = `${rate.expected}, or null, not ${describe(warmupTarget)}`
    throw new SeqloomError('ERR_OPTION', `optimizers.schedules.cosineDecay: warmupTarget must be ${wanted}`)
  }
  if (warmupTarget === null) {
    if (warmupSteps === 0) return make('cosineDecay', others)
    throw new SeqloomError('ERR_OPTION', 'optimizers.schedules.cosineDecay: warmupSteps are given without warmupTarget')
  }
  const { initialLearningRate } = others
  const decay = make('cosineDecay', { ...others, initialLearningRate: warmupTarget })
  return warmupSteps === 0 ? decay : make('warmup', { learningRate: decay, warmupSteps, initialLearningRate })
}

/** {@link cosineDecay} repeated, each period longer and lower (Loshchilov and Hutter 2017). Errors: `ERR_OPTION`. */
export function cosineDecayRestarts(options: CosineDecayRestartsOptions): Schedule {
  return make('cosineDecayRestarts', options)
}

/**
 * Up from `maxLearningRate / divFactor` to `maxLearningRate`, and down to the first rate over `finalDivFactor` (Smith and
 * Topin 2018), as PyTorch's `OneCycleLR`, which also changes the momentum. Errors: `ERR_OPTION`.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  return make('oneCycle', options)
}

/** A straight line up to any learning rate or schedule, which begins after it. Errors: `ERR_OPTION`. */
export function warmup(options: WarmupOptions): Schedule {
  return make('warmup', options)
}
