import { DropoutLayer } from './dropout.js'
import type { LayerOptions } from './layer.js'

/** Options of {@link spatialDropout1d}. */
export interface SpatialDropout1DOptions extends LayerOptions {
  /** The share of features that training sets to zero, from 0 to below 1; the others are scaled by 1 / (1 - rate). */
  readonly rate: number
  /** Makes what is dropped repeatable whatever the model's seed. */
  readonly seed?: number | null
}

/** The layer that {@link spatialDropout1d} makes. */
export class SpatialDropout1D extends DropoutLayer {
  static override readonly className = 'SpatialDropout1D'
  override readonly baseName = 'spatial_dropout1d'

  constructor(options: SpatialDropout1DOptions) {
    super('layers.spatialDropout1d', options, true)
  }
}

/**
 * Sets random features of each row to zero at all steps while training and does nothing otherwise: what
 * `dropout({ noiseShape: [null, 1, null] })` does. Input and output `[batch, time, features]`. As Keras's
 * `SpatialDropout1D`. Source: Tompson et al., arXiv 1411.4280. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function spatialDropout1d(options: SpatialDropout1DOptions): SpatialDropout1D {
  return new SpatialDropout1D(options)
}
