import type { Tensor } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import type { Shape, ValueType } from '../../graph/shape.js'
import { integer, oneOf } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { encoded, encodedShape } from './encoding.js'
import { type Items, itemsOf } from './items.js'
import { Preprocessing, type PreprocessingData } from './preprocessing.js'

/** Options of {@link categoryEncoding}. */
export interface CategoryEncodingOptions extends LayerOptions {
  /** The number of categories: integers are from 0 to `numTokens` - 1. */
  readonly numTokens: number
  /** `'multiHot'` (default): which categories a row has. `'oneHot'`: a vector for each integer. `'count'`: how often. */
  readonly outputMode?: 'multiHot' | 'oneHot' | 'count'
}

/** The layer that {@link categoryEncoding} makes. */
export class CategoryEncoding extends Preprocessing {
  static override readonly className = 'CategoryEncoding'
  override readonly baseName = 'category_encoding'
  readonly numTokens: number
  readonly #mode: 'multiHot' | 'oneHot' | 'count'

  constructor(options: CategoryEncodingOptions) {
    super('layers.categoryEncoding', options, {
      accepted: { numTokens: integer(1), outputMode: oneOf(['multiHot', 'oneHot', 'count']) },
      required: ['numTokens'],
      refused: { sparse: [false] },
    })
    this.numTokens = options.numTokens
    this.#mode = options.outputMode ?? 'multiHot'
  }

  override inputType(): ValueType {
    return 'int32'
  }

  override outputType(): ValueType {
    return 'float32'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.items(inputs)
    if (this.#mode !== 'oneHot' && shape.length < 2) {
      throw this.shapeError(`outputMode '${this.#mode}' needs an input of shape [batch, values]`)
    }
    return [encodedShape(shape, this.#mode, this.numTokens)]
  }

  protected override run(items: Items): Items {
    return encoded({ ...items, values: this.#ids(items) }, this.#mode, this.numTokens)
  }

  #ids(items: Items): Int32Array {
    const numbers = this.requireNumbers(items)
    return Int32Array.from(numbers, (value) => {
      if (Number.isInteger(value) && value >= 0 && value < this.numTokens) return value
      throw this.dataError(`${describe(value)} is no category: they are integers from 0 to ${this.numTokens - 1}`)
    })
  }

  override call(data: PreprocessingData, options: { readonly countWeights?: PreprocessingData } = {}): Tensor {
    if (options.countWeights === undefined) return super.call(data)
    return this.#weighted(data, options.countWeights)
  }

  #weighted(data: PreprocessingData, given: PreprocessingData): Tensor {
    const where = `layer '${this.label}'.call`
    if (this.#mode !== 'count') {
      throw new SeqloomError('ERR_OPTION', `${where}: countWeights are for outputMode 'count', not '${this.#mode}'`)
    }
    const [items, weights] = [itemsOf(where, data), itemsOf(`${where}: countWeights`, given)]
    if (items.shape.join() !== weights.shape.join()) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `${where}: the data are of shape [${items.shape.join(', ')}], countWeights of [${weights.shape.join(', ')}]`,
      )
    }
    const result = super.call(data)
    const factors = this.requireNumbers(weights)
    const ids = this.#ids(items)
    const width = items.shape.at(-1) ?? 1
    result.data.fill(0)
    for (const [at, id] of ids.entries()) {
      const place = Math.floor(at / width) * this.numTokens + id
      result.data[place] = (result.data[place] as number) + (factors[at] as number)
    }
    return result
  }

  override config(): Record<string, unknown> {
    return { numTokens: this.numTokens, outputMode: this.#mode }
  }
}

/**
 * Turns integers into vectors with a place for each, as Keras's `CategoryEncoding`. It runs before the model's graph.
 *
 * Input `[batch, values]`, or `[batch]` for `'oneHot'`; output `[batch, numTokens]`, with `'oneHot'` and several values
 * `[batch, values, numTokens]`. Integers outside of 0 to `numTokens` - 1 are `ERR_DATA`. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function categoryEncoding(options: CategoryEncodingOptions): CategoryEncoding {
  return new CategoryEncoding(options)
}
