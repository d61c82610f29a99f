import type { Shape } from '../graph/shape.js'
import type { Program } from '../graph/trace/program.js'
import { custom, flag, oneOf } from '../options.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'
import { enlarging, interpolated, mostCopies, repeated } from './upSampling.js'
import { eachAxis, type PerAxis, perAxis } from './windows.js'

/** Options of {@link upSampling2d}. */
export interface UpSampling2DOptions extends LayerOptions {
  /** How many rows and columns to make of each: a number, or `[rows, columns]`, of 1,024 at most; default 2. */
  readonly size?: PerAxis
  /** `'nearest'`, the default, repeats pixels; `'bilinear'` lets them pass into each other. */
  readonly interpolation?: 'nearest' | 'bilinear'
  /**
   * For `'bilinear'`: whether a pixel stands for the square around its middle, as in Keras and PyTorch, the default, or
   * else for its upper left corner, as in TensorFlow.js.
   */
  readonly halfPixelCenters?: boolean
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
}

const where = 'layers.upSampling2d'

const sizeCheck = custom(`an integer from 1 to ${mostCopies}, or an array of 2`, (value) => {
  const { accepts } = perAxis(2)
  return accepts(value) && eachAxis(value as PerAxis, 2).every((each) => each <= mostCopies)
})

/** The layer that {@link upSampling2d} makes. */
export class UpSampling2D extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'UpSampling2D'
  override readonly baseName = 'up_sampling2d'
  protected override readonly outputCount = 1
  readonly #size: readonly number[]
  readonly #isBilinear: boolean
  readonly #halfPixelCenters: boolean

  constructor(options: UpSampling2DOptions) {
    super(where, options, {
      accepted: { size: sizeCheck, interpolation: oneOf(['nearest', 'bilinear']), halfPixelCenters: flag },
      refused: { dataFormat: ['channelsLast', null] },
    })
    this.#size = eachAxis(options.size ?? 2, 2)
    this.#isBilinear = options.interpolation === 'bilinear'
    this.#halfPixelCenters = options.halfPixelCenters ?? true
  }

  protected override program(inputs: readonly Shape[]): Program {
    const shape = this.single(inputs, '[batch, height, width, channels]', 4)
    this.features(shape)
    const open = shape.slice(1, 3).filter((size) => size === null).length
    if (this.#isBilinear && open > 0) throw this.shapeError("for 'bilinear', height and width must be known")
    if (open > 1) throw this.shapeError('only one size of its input may be known per call alone')
    const enlarge = this.#isBilinear ? interpolated(this.#halfPixelCenters) : repeated
    return enlarging(where, shape, this.#size, enlarge, (message) => this.shapeError(message))
  }

  override config(): Record<string, unknown> {
    return {
      size: this.#size,
      interpolation: this.#isBilinear ? 'bilinear' : 'nearest',
      ...(this.#isBilinear && { halfPixelCenters: this.#halfPixelCenters }),
    }
  }
}

/**
 * Makes images larger: `[batch, height, width, channels]` to `[batch, height · rows, width · columns, channels]`.
 * Repeated pixels allow that one of height and width is known per call alone. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function upSampling2d(options: UpSampling2DOptions = {}): UpSampling2D {
  return new UpSampling2D(options)
}
