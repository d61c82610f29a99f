import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import { div } from '../graph/trace/ops.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { axesCheck, type GivenAxes, placesOf } from './axes.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { sizesOf } from './standardized.js'
import { TracedLayer } from './traced.js'

/** Options of {@link unitNormalization}. */
export interface UnitNormalizationOptions extends LayerOptions {
  /** The dimension along which the length is 1, counted with the batch or from the end, or several; default -1. */
  readonly axis?: GivenAxes
}

const where = 'layers.unitNormalization'

/** The least length that is divided by, as in Keras. */
const least = 1e-12

/** The layer that {@link unitNormalization} makes. */
export class UnitNormalization extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'UnitNormalization'
  override readonly baseName = 'unit_normalization'
  override readonly stepwise: boolean
  protected override readonly outputCount = 1
  readonly #axis: GivenAxes

  constructor(options: UnitNormalizationOptions) {
    super(where, options, { accepted: { axis: axesCheck } })
    this.#axis = options.axis ?? -1
    this.stepwise = [this.#axis].flat().every((axis) => axis === -1)
  }

  protected override program(inputs: readonly Shape[]): Program {
    const shape = this.single(inputs, '[batch, …]', 2, 8)
    const axis = this.inLayer(() => placesOf(this.#axis, shape))
    const { program } = traceFunction(where, { x: sizesOf(shape) }, {}, ({ x }: { x: SymbolicValue }) => {
      const along = { axis, keepDims: true }
      // Squares of large and of small numbers are no float32; the length of a part of the largest is.
      const size = x.abs().max(along).maximum(least).stopGradient()
      const part = x.div(size)
      return part.div(part.square().sum(along).maximum(div(least, size).square()).sqrt())
    })
    return program
  }

  override config(): Record<string, unknown> {
    return { axis: this.#axis }
  }
}

/**
 * Divides by the Euclidean length along a dimension, so that it is 1; zeros stay. As Keras's `UnitNormalization`, but
 * masked steps have no part in a length along the time.
 *
 * Shapes stay. No weights. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function unitNormalization(options: UnitNormalizationOptions = {}): UnitNormalization {
  return new UnitNormalization(options)
}
