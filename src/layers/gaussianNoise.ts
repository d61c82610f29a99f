import { number } from '../options.js'
import { Gaussian, type GaussianOptions } from './gaussian.js'

/** Options of {@link gaussianNoise}. */
export interface GaussianNoiseOptions extends GaussianOptions {
  /** The standard deviation of the noise, at least 0. */
  readonly stddev: number
}

/** The layer that {@link gaussianNoise} makes. */
export class GaussianNoise extends Gaussian {
  static override readonly className = 'GaussianNoise'
  override readonly baseName = 'gaussian_noise'

  constructor(options: GaussianNoiseOptions) {
    super('layers.gaussianNoise', options, ['stddev', number(0)], 'term', (stddev) => stddev)
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
