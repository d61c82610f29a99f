import { type Borders, Ends } from './ends.js'
import type { LayerOptions } from './layer.js'

/** Options of {@link cropping2d}. */
export interface Cropping2DOptions extends LayerOptions {
  /** How many pixels to take away; default 0. */
  readonly cropping?: Borders
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
}

/** The layer that {@link cropping2d} makes. */
export class Cropping2D extends Ends {
  static override readonly className = 'Cropping2D'
  override readonly baseName = 'cropping2d'

  constructor(options: Cropping2DOptions) {
    super(options, { where: 'layers.cropping2d', axes: 2, name: 'cropping', fallback: 0, sign: -1 })
  }

  override config(): Record<string, unknown> {
    return { cropping: this.ends }
  }
}

/**
 * Takes the borders of images away: `[batch, height, width, channels]` to
 * `[batch, height - top - bottom, width - left - right, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function cropping2d(options: Cropping2DOptions = {}): Cropping2D {
  return new Cropping2D(options)
}
