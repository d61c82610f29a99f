import { ConvTranspose, type ConvTransposeOptions } from './convTranspose.js'

/** The layer that {@link conv1dTranspose} makes. */
export class Conv1DTranspose extends ConvTranspose {
  static override readonly className = 'Conv1DTranspose'
  override readonly baseName = 'conv1d_transpose'

  constructor(options: ConvTransposeOptions) {
    super('layers.conv1dTranspose', 1, options)
  }
}

/**
 * The opposite of a strided convolution, as decoders have it: each step adds its products with the kernel to
 * `kernelSize` steps of the output, of which the first is `strides` times as far on.
 *
 * Input `[batch, time, channels]`; output `[batch, time · strides, filters]`, with `padding: 'valid'` and windows that
 * are longer than a stride as many steps more. Weights: kernel `[kernelSize, filters, channels]` and bias `[filters]`.
 * Masked steps add nothing; with strides above 1 the output has no mask. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function conv1dTranspose(options: ConvTransposeOptions): Conv1DTranspose {
  return new Conv1DTranspose(options)
}
