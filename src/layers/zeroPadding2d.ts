import { type Borders, Ends } from './ends.js'
import type { LayerOptions } from './layer.js'

/** Options of {@link zeroPadding2d}. */
export interface ZeroPadding2DOptions extends LayerOptions {
  /** How many pixels to add; default 1. */
  readonly padding?: Borders
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
}

/** The layer that {@link zeroPadding2d} makes. */
export class ZeroPadding2D extends Ends {
  static override readonly className = 'ZeroPadding2D'
  override readonly baseName = 'zero_padding2d'

  constructor(options: ZeroPadding2DOptions) {
    super(options, { where: 'layers.zeroPadding2d', axes: 2, name: 'padding', fallback: 1, sign: 1 })
  }

  override config(): Record<string, unknown> {
    return { padding: this.ends }
  }
}

/**
 * Adds zeros around images: `[batch, height, width, channels]` to
 * `[batch, top + height + bottom, left + width + right, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function zeroPadding2d(options: ZeroPadding2DOptions = {}): ZeroPadding2D {
  return new ZeroPadding2D(options)
}
