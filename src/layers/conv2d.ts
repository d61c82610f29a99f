import { Convolution, type ConvolutionOptions } from './convolution.js'

/** Options of {@link conv2d}. */
export interface Conv2DOptions extends ConvolutionOptions {
  /** `'valid'`, the default: windows lie within the image. `'same'`: zeros are added around it. */
  readonly padding?: 'valid' | 'same'
}

/** The layer that {@link conv2d} makes. */
export class Conv2D extends Convolution {
  static override readonly className = 'Conv2D'
  override readonly baseName = 'conv2d'

  constructor(options: Conv2DOptions) {
    super('layers.conv2d', 2, options)
  }
}

/**
 * A convolution over the height and width of images, of which one may be known per call alone. `kernelSize`, `strides`
 * and `dilationRate` are numbers or `[height, width]`.
 *
 * Input `[batch, height, width, channels]`; output `[batch, …places, filters]`. Weights: kernel
 * `[…kernelSize, channels / groups, filters]` and bias `[filters]`. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function conv2d(options: Conv2DOptions): Conv2D {
  return new Conv2D(options)
}
