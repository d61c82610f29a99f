import { ConvTranspose, type ConvTransposeOptions } from './convTranspose.js'

/** The layer that {@link conv2dTranspose} makes. */
export class Conv2DTranspose extends ConvTranspose {
  static override readonly className = 'Conv2DTranspose'
  override readonly baseName = 'conv2d_transpose'

  constructor(options: ConvTransposeOptions) {
    super('layers.conv2dTranspose', 2, options)
  }
}

/**
 * The opposite of a strided convolution of images: each pixel adds its products with the kernel to a window of the
 * output. `kernelSize`, `strides` and `dilationRate` are numbers or `[height, width]`.
 *
 * Input `[batch, height, width, channels]`; output `[batch, height · strides, width · strides, filters]`, with
 * `padding: 'valid'` and windows that are larger than a stride as many pixels more. Weights: kernel
 * `[…kernelSize, filters, channels]` and bias `[filters]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function conv2dTranspose(options: ConvTransposeOptions): Conv2DTranspose {
  return new Conv2DTranspose(options)
}
