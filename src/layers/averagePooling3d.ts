import { WindowPooling, type WindowPoolingOptions } from './windowPooling.js'

/** The layer that {@link averagePooling3d} makes. */
export class AveragePooling3D extends WindowPooling {
  static override readonly className = 'AveragePooling3D'
  override readonly baseName = 'average_pooling3d'

  constructor(options: WindowPoolingOptions) {
    super('layers.averagePooling3d', 3, 'mean', options)
  }
}

/**
 * The mean of each window of `poolSize` places: `[batch, depth, height, width, channels]` to
 * `[batch, …places, channels]`; with `padding: 'same'`, what is added does not count. Errors: `ERR_OPTION`,
 * `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function averagePooling3d(options: WindowPoolingOptions = {}): AveragePooling3D {
  return new AveragePooling3D(options)
}
