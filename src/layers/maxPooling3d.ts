import { WindowPooling, type WindowPoolingOptions } from './windowPooling.js'

/** The layer that {@link maxPooling3d} makes. */
export class MaxPooling3D extends WindowPooling {
  static override readonly className = 'MaxPooling3D'
  override readonly baseName = 'max_pooling3d'

  constructor(options: WindowPoolingOptions) {
    super('layers.maxPooling3d', 3, 'max', options)
  }
}

/**
 * The largest value of each window of `poolSize` places: `[batch, depth, height, width, channels]` to
 * `[batch, …places, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function maxPooling3d(options: WindowPoolingOptions = {}): MaxPooling3D {
  return new MaxPooling3D(options)
}
