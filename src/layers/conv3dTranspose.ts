import { ConvTranspose, type ConvTransposeOptions } from './convTranspose.js'

/** The layer that {@link conv3dTranspose} makes. */
export class Conv3DTranspose extends ConvTranspose {
  static override readonly className = 'Conv3DTranspose'
  override readonly baseName = 'conv3d_transpose'

  constructor(options: ConvTransposeOptions) {
    super('layers.conv3dTranspose', 3, options)
  }
}

/**
 * The opposite of a strided convolution of volumes, as `conv2dTranspose` is of images; sizes are numbers or
 * `[depth, height, width]`.
 *
 * Input `[batch, depth, height, width, channels]`; output `[batch, …places · strides, filters]`, with
 * `padding: 'valid'` and windows that are larger than a stride as many places more. Weights: kernel
 * `[…kernelSize, filters, channels]` and bias `[filters]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function conv3dTranspose(options: ConvTransposeOptions): Conv3DTranspose {
  return new Conv3DTranspose(options)
}
