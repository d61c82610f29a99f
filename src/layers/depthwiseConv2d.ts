import { type DepthwiseConvOptions, DepthwiseConvolution } from './depthwiseConvolution.js'

/** The layer that {@link depthwiseConv2d} makes. */
export class DepthwiseConv2D extends DepthwiseConvolution {
  static override readonly className = 'DepthwiseConv2D'
  override readonly baseName = 'depthwise_conv2d'

  constructor(options: DepthwiseConvOptions) {
    super('layers.depthwiseConv2d', 2, options)
  }
}

/**
 * A convolution over the height and width of images that keeps channels apart: each is convolved with `depthMultiplier`
 * kernels of its own.
 * `kernelSize`, `strides` and `dilationRate` are numbers or `[height, width]`.
 *
 * Input `[batch, height, width, channels]`; output `[batch, …places, channels · depthMultiplier]`, the results of a
 * channel side by side. Weights: depthwise_kernel `[…kernelSize, channels, depthMultiplier]` and bias
 * `[channels · depthMultiplier]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function depthwiseConv2d(options: DepthwiseConvOptions): DepthwiseConv2D {
  return new DepthwiseConv2D(options)
}
