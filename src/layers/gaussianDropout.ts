import { number } from '../options.js'
import { Gaussian, type GaussianOptions } from './gaussian.js'

/** Options of {@link gaussianDropout}. */
export interface GaussianDropoutOptions extends GaussianOptions {
  /** The rate of the dropout that varies as much, from 0 to below 1. */
  readonly rate: number
}

/** The layer that {@link gaussianDropout} makes. */
export class GaussianDropout extends Gaussian {
  static override readonly className = 'GaussianDropout'
  override readonly baseName = 'gaussian_dropout'

  constructor(options: GaussianDropoutOptions) {
    super('layers.gaussianDropout', options, ['rate', number(0, 1)], 'factor', (rate) => Math.sqrt(rate / (1 - rate)))
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
