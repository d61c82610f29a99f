import { WindowPooling, type WindowPoolingOptions } from './windowPooling.js'

/** The layer that {@link averagePooling1d} makes. */
export class AveragePooling1D extends WindowPooling {
  static override readonly className = 'AveragePooling1D'
  override readonly baseName = 'average_pooling1d'

  constructor(options: WindowPoolingOptions) {
    super('layers.averagePooling1d', 1, 'mean', options)
  }
}

/**
 * The mean of each window of `poolSize` steps: `[batch, time, channels]` to `[batch, places, channels]`. What padding adds
 * does not count.
 *
 * Rows of different lengths are treated as if each row was alone. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function averagePooling1d(options: WindowPoolingOptions = {}): AveragePooling1D {
  return new AveragePooling1D(options)
}
