import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { number, optionalSeed } from '../options.js'
import { seeded } from './dropout.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link gaussianDropout}. */
export interface GaussianDropoutOptions extends LayerOptions {
  /** The rate of the dropout that varies as much, from 0 to below 1. */
  readonly rate: number
  /** Makes the factors repeatable whatever the model's seed. */
  readonly seed?: number | null
}

/** The layer that {@link gaussianDropout} makes. */
export class GaussianDropout extends Layer {
  static override readonly className = 'GaussianDropout'
  override readonly baseName = 'gaussian_dropout'
  override readonly stepwise = true
  readonly #rate: number
  readonly #seed: number | undefined

  constructor(options: GaussianDropoutOptions) {
    super('layers.gaussianDropout', options, {
      accepted: { rate: number(0, 1), seed: optionalSeed },
      required: ['rate'],
    })
    this.#rate = options.rate
    this.#seed = options.seed ?? undefined
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [this.single(inputs, '[batch, …]', 2, 8)]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const noise = { noise: 'factor', deviation: Math.sqrt(this.#rate / (1 - this.#rate)) } as const
    return [scope.node('dropout', [x], [], x.shape, { rate: 0, shareSteps: false, ...noise, ...seeded(this.#seed) })]
  }

  override config(): Record<string, unknown> {
    return { rate: this.#rate, ...seeded(this.#seed) }
  }
}

/**
 * Multiplies every element by normally distributed noise of mean 1 and standard deviation √(rate / (1 - rate)) while
 * training and does nothing otherwise. Shapes stay. The draws depend on the model's seed or the layer's own, the step and
 * the element only. As Keras's `GaussianDropout`. Source: Srivastava et al. 2014, section 10. Errors: `ERR_OPTION`,
 * `ERR_SHAPE`.
 */
export function gaussianDropout(options: GaussianDropoutOptions): GaussianDropout {
  return new GaussianDropout(options)
}
