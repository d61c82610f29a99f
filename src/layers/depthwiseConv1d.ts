import { type DepthwiseConvOptions, DepthwiseConvolution } from './depthwiseConvolution.js'

/** The layer that {@link depthwiseConv1d} makes. */
export class DepthwiseConv1D extends DepthwiseConvolution {
  static override readonly className = 'DepthwiseConv1D'
  override readonly baseName = 'depthwise_conv1d'

  constructor(options: DepthwiseConvOptions) {
    super('layers.depthwiseConv1d', 1, options)
  }
}

/**
 * A convolution over the steps of a sequence that keeps channels apart: each is convolved with `depthMultiplier`
 * kernels of its own.
 *
 * Input `[batch, time, channels]`; output `[batch, places, channels · depthMultiplier]`, the results of a channel side
 * by side. Weights: depthwise_kernel `[kernelSize, channels, depthMultiplier]` and bias. Masks and lengths as in
 * `conv1d`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function depthwiseConv1d(options: DepthwiseConvOptions): DepthwiseConv1D {
  return new DepthwiseConv1D(options)
}
