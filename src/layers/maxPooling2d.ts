import { WindowPooling, type WindowPoolingOptions } from './windowPooling.js'

/** The layer that {@link maxPooling2d} makes. */
export class MaxPooling2D extends WindowPooling {
  static override readonly className = 'MaxPooling2D'
  override readonly baseName = 'max_pooling2d'

  constructor(options: WindowPoolingOptions) {
    super('layers.maxPooling2d', 2, 'max', options)
  }
}

/**
 * The largest value of each window of `poolSize` pixels: `[batch, height, width, channels]` to
 * `[batch, …places, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function maxPooling2d(options: WindowPoolingOptions = {}): MaxPooling2D {
  return new MaxPooling2D(options)
}
