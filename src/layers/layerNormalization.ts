import type { LayerScope, Value } from '../graph/builder.js'
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
import { flag, number } from '../options.js'
import { axesCheck, axisOf, type GivenAxes, placesOf } from './axes.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { sizesOf, spreadOver, standardized } from './standardized.js'
import { TracedLayer } from './traced.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link layerNormalization}. */
export interface LayerNormalizationOptions extends LayerOptions, RuleOptions<'gamma' | 'beta'> {
  /** Added to the variance; default 1e-3. */
  readonly epsilon?: number
  /** Whether to add a learned offset; default true. */
  readonly center?: boolean
  /** Whether to multiply by a learned factor; default true. */
  readonly scale?: boolean
  /** Default `'zeros'`. */
  readonly betaInitializer?: InitializerName | Initializer
  /** Default `'ones'`. */
  readonly gammaInitializer?: InitializerName | Initializer
  /** The dimensions over which a row is normalised, one or several, counted with the batch or from the end; default -1. */
  readonly axis?: GivenAxes
}

const where = 'layers.layerNormalization'

/** The layer that {@link layerNormalization} makes. */
export class LayerNormalization extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'LayerNormalization'
  override readonly baseName = 'layer_normalization'
  override readonly stepwise: boolean
  protected override readonly outputCount = 1
  readonly #axis: GivenAxes
  readonly #attributes: { readonly epsilon: number; readonly center: boolean; readonly scale: boolean }
  readonly #beta: Initializer
  readonly #gamma: Initializer

  constructor(options: LayerNormalizationOptions) {
    super(where, options, {
      accepted: {
        axis: axesCheck,
        epsilon: number(0),
        center: flag,
        scale: flag,
        betaInitializer: initializerCheck,
        gammaInitializer: initializerCheck,
      },
      roles: ['gamma', 'beta'],
      refused: { rmsScaling: [false] },
    })
    this.#axis = options.axis ?? -1
    this.stepwise = [this.#axis].flat().every((axis) => axis === -1)
    this.#attributes = {
      epsilon: options.epsilon ?? 1e-3,
      center: options.center ?? true,
      scale: options.scale ?? true,
    }
    this.#beta = resolveInitializer(options.betaInitializer ?? 'zeros')
    this.#gamma = resolveInitializer(options.gammaInitializer ?? 'ones')
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, …, features]', 2, 8)
    for (const axis of this.#axes(shape)) this.inLayer(() => axisOf(axis, shape))
    return [shape]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const axes = this.#axes(x.shape)
    if (axes.length > 1 || axes[0] !== x.shape.length - 1) return super.lower(scope, inputs)
    const size = this.features(x.shape)
    const weights: number[] = []
    if (this.#attributes.scale) weights.push(scope.weight('gamma', [size], this.#gamma))
    if (this.#attributes.center) weights.push(scope.weight('beta', [size], this.#beta))
    return [scope.node('layerNorm', [x], weights, x.shape, this.#attributes)]
  }

  /** For dimensions that the native operation does not have. */
  protected override program([shape]: readonly [Shape]): Program {
    const axes = this.#axes(shape)
    const sizes = axes.map((axis) => shape[axis] as number)
    const { epsilon, center, scale } = this.#attributes
    const { program } = traceFunction(
      where,
      { x: sizesOf(shape) },
      {
        ...(scale && { gamma: { shape: sizes, initializer: this.#gamma } }),
        ...(center && { beta: { shape: sizes, initializer: this.#beta } }),
      },
      ({ x }: { x: SymbolicValue }, weights: { gamma: SymbolicValue; beta: SymbolicValue }) => {
        let y = standardized(x, axes, epsilon)
        if (scale) y = y.mul(spreadOver(x, weights.gamma, axes))
        return center ? y.add(spreadOver(x, weights.beta, axes)) : y
      },
    )
    return program
  }

  #axes(shape: Shape): number[] {
    return this.inLayer(() => placesOf(this.#axis, shape))
  }

  override config(): Record<string, unknown> {
    const axis = this.#axis === -1 ? {} : { axis: this.#axis }
    return { ...axis, ...this.#attributes, betaInitializer: this.#beta, gammaInitializer: this.#gamma }
  }
}

/**
 * Normalises the last dimension, or others (`axis`), to mean 0 and variance 1, then scales by gamma and adds beta. Masked
 * steps are left out of statistics along the time.
 *
 * Shapes stay. Weights: gamma and beta, with the sizes of the dimensions: `[features]` each. Source: Ba et al. 2016. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function layerNormalization(options: LayerNormalizationOptions = {}): LayerNormalization {
  return new LayerNormalization(options)
}
