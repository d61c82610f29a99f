import type { Shape } from '../graph/shape.js'
import type { Program } from '../graph/trace/program.js'
import { integer } from '../options.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'
import { enlarging, mostCopies, repeated } from './upSampling.js'

/** Options of {@link upSampling1d}. */
export interface UpSampling1DOptions extends LayerOptions {
  /** How often to repeat each step; default 2. */
  readonly size?: number
}

const where = 'layers.upSampling1d'

/** The layer that {@link upSampling1d} makes. */
export class UpSampling1D extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'UpSampling1D'
  override readonly baseName = 'up_sampling1d'
  protected override readonly outputCount = 1
  readonly #size: number

  constructor(options: UpSampling1DOptions) {
    super(where, options, { accepted: { size: integer(1, mostCopies) } })
    this.#size = options.size ?? 2
  }

  protected override program(inputs: readonly Shape[]): Program {
    const shape = this.single(inputs, '[batch, time, features]', 3)
    this.features(shape)
    return enlarging(where, shape, [this.#size], repeated, (message) => this.shapeError(message))
  }

  override config(): Record<string, unknown> {
    return { size: this.#size }
  }
}

/**
 * Repeats each step: `[batch, time, features]` to `[batch, time · size, features]`, without a mask. Errors:
 * `ERR_OPTION`, `ERR_SHAPE`.
 */
export function upSampling1d(options: UpSampling1DOptions = {}): UpSampling1D {
  return new UpSampling1D(options)
}
