import { type SeparableConvOptions, SeparableConvolution } from './separableConvolution.js'

/** Options of {@link separableConv2d}. */
export interface SeparableConv2DOptions extends SeparableConvOptions {
  /** `'valid'`, the default: windows lie within the image. `'same'`: zeros are added around it. */
  readonly padding?: 'valid' | 'same'
}

/** The layer that {@link separableConv2d} makes. */
export class SeparableConv2D extends SeparableConvolution {
  static override readonly className = 'SeparableConv2D'
  override readonly baseName = 'separable_conv2d'

  constructor(options: SeparableConv2DOptions) {
    super('layers.separableConv2d', 2, options)
  }
}

/**
 * A convolution over the height and width of images that first keeps channels apart, like `depthwiseConv2d`, and then
 * combines them at every place. `kernelSize`, `strides` and `dilationRate` are numbers or `[height, width]`.
 *
 * Input `[batch, height, width, channels]`; output `[batch, …places, filters]`. Weights: depthwise_kernel
 * `[…kernelSize, channels, depthMultiplier]`, pointwise_kernel `[1, 1, channels · depthMultiplier, filters]`, bias
 * `[filters]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function separableConv2d(options: SeparableConv2DOptions): SeparableConv2D {
  return new SeparableConv2D(options)
}
