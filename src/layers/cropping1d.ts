import { type BothEnds, Ends } from './ends.js'
import type { LayerOptions } from './layer.js'

/** Options of {@link cropping1d}. */
export interface Cropping1DOptions extends LayerOptions {
  /** How many steps to take away; default `[1, 1]`. */
  readonly cropping?: BothEnds
}

/** The layer that {@link cropping1d} makes. */
export class Cropping1D extends Ends {
  static override readonly className = 'Cropping1D'
  override readonly baseName = 'cropping1d'

  constructor(options: Cropping1DOptions) {
    super(options, { where: 'layers.cropping1d', axes: 1, name: 'cropping', fallback: 1, sign: -1 })
  }

  override config(): Record<string, unknown> {
    return { cropping: this.ends[0] }
  }
}

/**
 * Takes steps away at the start and the end: `[batch, time, features]` to `[batch, time - start - end, features]`. Of
 * rows of different lengths, each loses its own last steps. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function cropping1d(options: Cropping1DOptions = {}): Cropping1D {
  return new Cropping1D(options)
}
