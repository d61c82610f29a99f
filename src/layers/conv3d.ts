import type { Conv2DOptions } from './conv2d.js'
import { Convolution } from './convolution.js'

/** The layer that {@link conv3d} makes. */
export class Conv3D extends Convolution {
  static override readonly className = 'Conv3D'
  override readonly baseName = 'conv3d'

  constructor(options: Conv2DOptions) {
    super('layers.conv3d', 3, options)
  }
}

/**
 * A convolution over the depth, height and width of volumes, or over the frames of films; one of them may be known per
 * call alone. `kernelSize`, `strides` and `dilationRate` are numbers or `[depth, height, width]`.
 *
 * Input `[batch, depth, height, width, channels]`; output `[batch, …places, filters]`. Weights: kernel
 * `[…kernelSize, channels / groups, filters]` and bias `[filters]`. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function conv3d(options: Conv2DOptions): Conv3D {
  return new Conv3D(options)
}
