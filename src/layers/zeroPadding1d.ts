import { type BothEnds, Ends } from './ends.js'
import type { LayerOptions } from './layer.js'

/** Options of {@link zeroPadding1d}. */
export interface ZeroPadding1DOptions extends LayerOptions {
  /** How many steps to add; default 1. */
  readonly padding?: BothEnds
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
}

/** The layer that {@link zeroPadding1d} makes. */
export class ZeroPadding1D extends Ends {
  static override readonly className = 'ZeroPadding1D'
  override readonly baseName = 'zero_padding1d'

  constructor(options: ZeroPadding1DOptions) {
    super(options, { where: 'layers.zeroPadding1d', axes: 1, name: 'padding', fallback: 1, sign: 1 })
  }

  override config(): Record<string, unknown> {
    return { padding: this.ends[0] }
  }
}

/**
 * Adds steps of zeros at the start and the end: `[batch, time, features]` to `[batch, start + time + end, features]`.
 * They are steps like others, not masked ones. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function zeroPadding1d(options: ZeroPadding1DOptions = {}): ZeroPadding1D {
  return new ZeroPadding1D(options)
}
