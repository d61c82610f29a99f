import { WindowPooling, type WindowPoolingOptions } from './windowPooling.js'

/** The layer that {@link maxPooling1d} makes. */
export class MaxPooling1D extends WindowPooling {
  static override readonly className = 'MaxPooling1D'
  override readonly baseName = 'max_pooling1d'

  constructor(options: WindowPoolingOptions) {
    super('layers.maxPooling1d', 1, 'max', options)
  }
}

/**
 * The largest value of each window of `poolSize` steps: `[batch, time, channels]` to `[batch, places, channels]`.
 *
 * Rows of different lengths, and masked steps, are treated as if each row was alone. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function maxPooling1d(options: WindowPoolingOptions = {}): MaxPooling1D {
  return new MaxPooling1D(options)
}
