import type { Shape, ValueType } from '../../graph/shape.js'
import { custom, integer, oneOf, orNull } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { encoded, encodedShape, type OutputMode } from './encoding.js'
import { binOf } from './hash.js'
import { areTexts, type Items } from './items.js'
import { type Salt, saltCheck, saltOf } from './lookup.js'
import { Preprocessing } from './preprocessing.js'

/** Options of {@link hashing}. */
export interface HashingOptions extends LayerOptions {
  /** The number of bins. */
  readonly numBins: number
  /** A value with the bin 0 for itself, such as `''` for padding. */
  readonly maskValue?: string | number | null
  /** The key of SipHash; without one, FarmHash is used. */
  readonly salt?: Salt | null
  /** `'int'` (default): bins. `'oneHot'`: a vector for each. `'multiHot'` and `'count'`: one vector for each row. */
  readonly outputMode?: 'int' | 'oneHot' | 'multiHot' | 'count'
}

const maskValue = custom('a text or a number', (value) => typeof value === 'string' || Number.isFinite(value))

/** The layer that {@link hashing} makes. */
export class Hashing extends Preprocessing {
  static override readonly className = 'Hashing'
  override readonly baseName = 'hashing'
  readonly numBins: number
  readonly #maskValue: string | number | null
  readonly #salt: Salt | undefined
  readonly #mode: OutputMode

  constructor(options: HashingOptions) {
    super('layers.hashing', options, {
      accepted: {
        numBins: integer(1),
        maskValue: orNull(maskValue),
        salt: saltCheck,
        outputMode: oneOf(['int', 'oneHot', 'multiHot', 'count']),
      },
      required: ['numBins'],
      refused: { sparse: [false], dtype: [null, 'int32', 'int64', 'float32'] },
    })
    this.numBins = options.numBins
    this.#maskValue = options.maskValue ?? null
    this.#salt = options.salt ?? undefined
    this.#mode = options.outputMode ?? 'int'
  }

  /** Texts, or numbers where an input says so. */
  override inputType(): ValueType {
    return 'string'
  }

  override acceptsType(): boolean {
    return true
  }

  override outputType(): ValueType {
    return this.#mode === 'int' ? 'int32' : 'float32'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.items(inputs)
    const joins = this.#mode === 'multiHot' || this.#mode === 'count'
    if (joins && shape.length < 2)
      throw this.shapeError(`outputMode '${this.#mode}' needs an input of shape [batch, values]`)
    return [encodedShape(shape, this.#mode, this.numBins)]
  }

  protected override run(items: Items): Items {
    const reserved = this.#maskValue !== null && this.numBins > 1 ? 1 : 0
    const salt = saltOf(this.#salt)
    const known = new Map<string | number, number>()
    const isText = areTexts(items)
    const binFor = (value: string | number): number => {
      if (reserved === 1 && value === this.#maskValue) return 0
      // Numbers are hashed as the texts of their whole parts.
      const text = isText ? (value as string) : String(Math.trunc(value as number) + 0)
      return binOf(text, this.numBins - reserved, salt) + reserved
    }
    const values = Int32Array.from(items.values as readonly (string | number)[], (value) => {
      const bin = known.get(value) ?? binFor(value)
      known.set(value, bin)
      return bin
    })
    return encoded({ ...items, values }, this.#mode, this.numBins)
  }

  override config(): Record<string, unknown> {
    return {
      numBins: this.numBins,
      ...(this.#maskValue !== null && { maskValue: this.#maskValue }),
      ...(this.#salt !== undefined && { salt: this.#salt }),
      outputMode: this.#mode,
    }
  }
}

/**
 * Gives each text or integer one of `numBins` bins by a hash of it, without a vocabulary; the bins are those of Keras's `Hashing`
 * (FarmHash64, with a salt SipHash-2-4). It runs before the model's graph.
 *
 * Input `[batch]` or `[batch, values]`; output bins of the same shape, or vectors of `numBins` places. Errors: `ERR_OPTION`, `ERR_DATA`, `ERR_SHAPE`.
 */
export function hashing(options: HashingOptions): Hashing {
  return new Hashing(options)
}
