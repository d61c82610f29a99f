import type { Tensor } from '../../data/tensor.js'
import { describe } from '../../errors.js'
import { type Shape, showShape, type ValueType } from '../../graph/shape.js'
import { integer, oneOf } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { encoded, encodedShape } from './encoding.js'
import { crossed } from './hash.js'
import { areTexts, type Items } from './items.js'
import { Preprocessing, type PreprocessingData } from './preprocessing.js'

/** Options of {@link hashedCrossing}. */
export interface HashedCrossingOptions extends LayerOptions {
  /** The number of bins. */
  readonly numBins: number
  /** `'int'` (default): bins. `'oneHot'`: a vector for each. */
  readonly outputMode?: 'int' | 'oneHot'
}

/** The layer that {@link hashedCrossing} makes. */
export class HashedCrossing extends Preprocessing {
  static override readonly className = 'HashedCrossing'
  override readonly baseName = 'hashed_crossing'
  readonly numBins: number
  readonly #mode: 'int' | 'oneHot'

  constructor(options: HashedCrossingOptions) {
    super('layers.hashedCrossing', options, {
      accepted: { numBins: integer(1), outputMode: oneOf(['int', 'oneHot']) },
      required: ['numBins'],
      refused: { sparse: [false], dtype: [null, 'int32', 'int64', 'float32'] },
    })
    this.numBins = options.numBins
    this.#mode = options.outputMode ?? 'int'
  }

  override inputType(): ValueType {
    return 'string'
  }

  /** Texts or integers. */
  override acceptsType(dtype: ValueType): boolean {
    return dtype !== 'float32'
  }

  override outputType(): ValueType {
    return this.#mode === 'int' ? 'int32' : 'float32'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [first = []] = inputs
    const fits = (shape: Shape) => shape.length === first.length && (shape.length === 1 || shape[1] === 1)
    if (inputs.length >= 2 && first.length >= 1 && first.length <= 2 && inputs.every(fits)) {
      return [encodedShape(first, this.#mode, this.numBins)]
    }
    throw this.shapeError(
      `expected two inputs or more, all of shape [batch] or all of shape [batch, 1], got ${inputs.map(showShape).join(', ')}`,
    )
  }

  /**
   * The bins of values that belong together: `cross.call([cities, days])`. Each is a text or an integer, or an array or
   * tensor of them, one for each row. Errors: `ERR_DATA`, `ERR_SHAPE`.
   */
  override call(data: readonly PreprocessingData[]): Tensor {
    if (Array.isArray(data) && data.length >= 2) return this.made(data)
    throw this.dataError(`expected an array of two features or more, got ${describe(data)}`)
  }

  protected override run(...features: Items[]): Items {
    const [{ shape }] = features as [Items]
    const other = features.find((each) => each.shape.join() !== shape.join())
    if (other || shape.length > 2 || (shape.length === 2 && shape[1] !== 1)) {
      const given = features.map((each) => `[${each.shape.join(', ')}]`).join(', ')
      throw this.shapeError(`it reads one value of each feature for each row, [batch] or [batch, 1]; got ${given}`)
    }
    const values = Int32Array.from({ length: features[0]?.values.length ?? 0 }, (_, at) =>
      crossed(
        features.map((items) => this.#key(items, at)),
        this.numBins,
      ),
    )
    return encoded({ values, shape }, this.#mode, this.numBins)
  }

  #key(items: Items, at: number): string | number {
    if (areTexts(items)) return items.values[at] as string
    const value = items.values[at] as number
    if (Number.isSafeInteger(value)) return value
    throw this.dataError(`it reads texts and integers, got ${describe(value)}`)
  }

  override config(): Record<string, unknown> {
    return { numBins: this.numBins, outputMode: this.#mode }
  }
}

/**
 * Gives values of several features that occur together, such as a city and a weekday, one of `numBins` bins by a hash of
 * them all; the bins are those of Keras's `HashedCrossing` (FarmHash64). It runs before the model's graph.
 *
 * Inputs: two or more, texts or integers `[batch]` or `[batch, 1]`; output bins of that shape, or vectors `[batch, numBins]`. Outside of a model:
 * `layer.call([a, b])`. Errors: `ERR_OPTION`, `ERR_DATA`, `ERR_SHAPE`.
 */
export function hashedCrossing(options: HashedCrossingOptions): HashedCrossing {
  return new HashedCrossing(options)
}
