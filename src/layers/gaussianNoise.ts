import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { number, optionalSeed } from '../options.js'
import { seeded } from './dropout.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link gaussianNoise}. */
export interface GaussianNoiseOptions extends LayerOptions {
  /** The standard deviation of the noise, at least 0. */
  readonly stddev: number
  /** Makes the noise repeatable whatever the model's seed. */
  readonly seed?: number | null
}

/** The layer that {@link gaussianNoise} makes. */
export class GaussianNoise extends Layer {
  static override readonly className = 'GaussianNoise'
  override readonly baseName = 'gaussian_noise'
  override readonly stepwise = true
  readonly #stddev: number
  readonly #seed: number | undefined

  constructor(options: GaussianNoiseOptions) {
    super('layers.gaussianNoise', options, {
      accepted: { stddev: number(0), seed: optionalSeed },
      required: ['stddev'],
    })
    this.#stddev = options.stddev
    this.#seed = options.seed ?? undefined
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [this.single(inputs, '[batch, …]', 2, 8)]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const noise = { noise: 'term', deviation: this.#stddev } as const
    return [scope.node('dropout', [x], [], x.shape, { rate: 0, shareSteps: false, ...noise, ...seeded(this.#seed) })]
  }

  override config(): Record<string, unknown> {
    return { stddev: this.#stddev, ...seeded(this.#seed) }
  }
}

/**
 * Adds normally distributed noise of mean 0 to every element while training and does nothing otherwise. Shapes stay. The
 * draws depend on the model's seed or the layer's own, the step and the element only. As Keras's `GaussianNoise`. Source:
 * Bishop 1995. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function gaussianNoise(options: GaussianNoiseOptions): GaussianNoise {
  return new GaussianNoise(options)
}
