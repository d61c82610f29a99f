import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { flag, number } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'
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
  /** Only -1, the last dimension, is supported. */
  readonly axis?: -1
}

/** The layer that {@link layerNormalization} makes. */
export class LayerNormalization extends Layer {
  static override readonly className = 'LayerNormalization'
  override readonly baseName = 'layer_normalization'
  override readonly stepwise = true
  readonly #attributes: { readonly epsilon: number; readonly center: boolean; readonly scale: boolean }
  readonly #beta: Initializer
  readonly #gamma: Initializer

  constructor(options: LayerNormalizationOptions) {
    super('layers.layerNormalization', options, {
      accepted: {
        epsilon: number(0),
        center: flag,
        scale: flag,
        betaInitializer: initializerCheck,
        gammaInitializer: initializerCheck,
      },
      roles: ['gamma', 'beta'],
      refused: { axis: [-1], rmsScaling: [false] },
    })
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
    this.features(shape)
    return [shape]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const size = this.features(x.shape)
    const weights: number[] = []
    if (this.#attributes.scale) weights.push(scope.weight('gamma', [size], this.#gamma))
    if (this.#attributes.center) weights.push(scope.weight('beta', [size], this.#beta))
    return [scope.node('layerNorm', [x], weights, x.shape, this.#attributes)]
  }

  override config(): Record<string, unknown> {
    return { ...this.#attributes, betaInitializer: this.#beta, gammaInitializer: this.#gamma }
  }
}

/**
 * Normalises the last dimension to mean 0 and variance 1, then scales by gamma and adds beta.
 *
 * Shapes stay. Weights: gamma and beta, `[features]` each. Source: Ba et al. 2016. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function layerNormalization(options: LayerNormalizationOptions = {}): LayerNormalization {
  return new LayerNormalization(options)
}
