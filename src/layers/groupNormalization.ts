import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { custom, flag, positive } from '../options.js'
import { axisCheck, axisOf, type GivenAxis, singleAxis } from './axes.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { otherAxes, sizesOf, spreadOver, standardized } from './standardized.js'
import { TracedLayer } from './traced.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link groupNormalization}. */
export interface GroupNormalizationOptions extends LayerOptions, RuleOptions<'gamma' | 'beta'> {
  /** The number of groups, which divides that of the channels; -1 for one channel each (instance normalization); default 32. */
  readonly groups?: number
  /** The dimension of the channels: counted with the batch, or from the end; default -1. */
  readonly axis?: GivenAxis
  /** Added to the variance, above 0; default 1e-3. */
  readonly epsilon?: number
  /** Whether to add a learned offset; default true. */
  readonly center?: boolean
  /** Whether to multiply by a learned factor; default true. */
  readonly scale?: boolean
  /** Default `'zeros'`. */
  readonly betaInitializer?: InitializerName | Initializer
  /** Default `'ones'`. */
  readonly gammaInitializer?: InitializerName | Initializer
}

const where = 'layers.groupNormalization'

/** The layer that {@link groupNormalization} makes. */
export class GroupNormalization extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'GroupNormalization'
  override readonly baseName = 'group_normalization'
  protected override readonly outputCount = 1
  readonly #groups: number
  readonly #axis: number
  readonly #settings: { readonly epsilon: number; readonly center: boolean; readonly scale: boolean }
  readonly #initializers: { readonly beta: Initializer; readonly gamma: Initializer }

  constructor(options: GroupNormalizationOptions) {
    super(where, options, {
      accepted: {
        groups: custom(
          'an integer of at least 1, or -1',
          (v) => v === -1 || (Number.isInteger(v) && (v as number) > 0),
        ),
        axis: axisCheck,
        epsilon: positive,
        center: flag,
        scale: flag,
        betaInitializer: initializerCheck,
        gammaInitializer: initializerCheck,
      },
      roles: ['gamma', 'beta'],
    })
    this.#groups = options.groups ?? 32
    this.#axis = singleAxis(options.axis)
    this.#settings = {
      epsilon: options.epsilon ?? 1e-3,
      center: options.center ?? true,
      scale: options.scale ?? true,
    }
    this.#initializers = {
      beta: resolveInitializer(options.betaInitializer ?? 'zeros'),
      gamma: resolveInitializer(options.gammaInitializer ?? 'ones'),
    }
  }

  protected override program(inputs: readonly Shape[]): Program {
    const shape = this.single(inputs, '[batch, …]', 2, 7)
    const { axis, size } = this.inLayer(() => axisOf(this.#axis, shape))
    const groups = this.#groups === -1 ? size : this.#groups
    if (size % groups !== 0) {
      throw this.shapeError(`${size} channels do not divide into ${groups} groups of the same size`)
    }
    const { epsilon, center, scale } = this.#settings
    const { gamma, beta } = this.#initializers
    // Along the other dimensions first: so masks are heeded, and only means of channels are mixed.
    const others = otherAxes(shape, [axis])
    const mix = (statistic: SymbolicValue) => {
      const parts = statistic.reshape([groups, size / groups])
      const mean = parts.mean({ axis: 2, keepDims: true })
      return parts
        .equal(parts)
        .mul(mean)
        .reshape(shape.slice(1).map((_, at) => (at + 1 === axis ? size : 1)))
    }
    const { program } = traceFunction(
      where,
      { x: sizesOf(shape) },
      {
        ...(scale && { gamma: { shape: [size], initializer: gamma } }),
        ...(center && { beta: { shape: [size], initializer: beta } }),
      },
      ({ x }: { x: SymbolicValue }, weights: { gamma: SymbolicValue; beta: SymbolicValue }) => {
        let y = standardized(x, others, epsilon, mix)
        if (scale) y = y.mul(spreadOver(x, weights.gamma, [axis]))
        return center ? y.add(spreadOver(x, weights.beta, [axis])) : y
      },
    )
    return program
  }

  override config(): Record<string, unknown> {
    const { beta, gamma } = this.#initializers
    return {
      groups: this.#groups,
      axis: this.#axis,
      ...this.#settings,
      betaInitializer: beta,
      gammaInitializer: gamma,
    }
  }
}

/**
 * Normalises each group of channels of a row to mean 0 and variance 1 over all its other dimensions, then scales each
 * channel by gamma and adds beta. Unlike `batchNormalization` it does not depend on the other rows. As Keras's
 * `GroupNormalization`, but masked steps are left out of the statistics.
 *
 * Input `[batch, …]` of up to seven dimensions; shapes stay. Weights: gamma and beta, `[channels]` each. Over sequences it
 * needs all steps, so it cannot stream. Source: Wu and He, arXiv 1803.08494. Errors: `ERR_OPTION`; `ERR_SHAPE`, also if the
 * groups do not divide the channels.
 */
export function groupNormalization(options: GroupNormalizationOptions = {}): GroupNormalization {
  return new GroupNormalization(options)
}
