import { WindowPooling, type WindowPoolingOptions } from './windowPooling.js'

/** The layer that {@link averagePooling2d} makes. */
export class AveragePooling2D extends WindowPooling {
  static override readonly className = 'AveragePooling2D'
  override readonly baseName = 'average_pooling2d'

  constructor(options: WindowPoolingOptions) {
    super('layers.averagePooling2d', 2, 'mean', options)
  }
}

/**
 * The mean of each window of `poolSize` pixels: `[batch, height, width, channels]` to `[batch, …places, channels]`. What
 * padding adds does not count. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function averagePooling2d(options: WindowPoolingOptions = {}): AveragePooling2D {
  return new AveragePooling2D(options)
}
