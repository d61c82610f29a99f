import { type SeparableConvOptions, SeparableConvolution } from './separableConvolution.js'

/** The layer that {@link separableConv1d} makes. */
export class SeparableConv1D extends SeparableConvolution {
  static override readonly className = 'SeparableConv1D'
  override readonly baseName = 'separable_conv1d'

  constructor(options: SeparableConvOptions) {
    super('layers.separableConv1d', 1, options)
  }
}

/**
 * A convolution over the steps of a sequence that first keeps channels apart, like `depthwiseConv1d`, and then combines
 * them at every step.
 *
 * Input `[batch, time, channels]`; output `[batch, places, filters]`. Weights: depthwise_kernel
 * `[kernelSize, channels, depthMultiplier]`, pointwise_kernel `[1, channels · depthMultiplier, filters]`, bias
 * `[filters]`. Masks, lengths and sessions as in `conv1d`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function separableConv1d(options: SeparableConvOptions): SeparableConv1D {
  return new SeparableConv1D(options)
}
