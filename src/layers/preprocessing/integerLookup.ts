import { describe } from '../../errors.js'
import type { ValueType } from '../../graph/shape.js'
import { custom, oneOf } from '../../options.js'
import { binOf } from './hash.js'
import type { Items } from './items.js'
import { Lookup, type LookupOptions } from './lookup.js'

/** Options of {@link integerLookup}. */
export interface IntegerLookupOptions extends LookupOptions<number> {
  /** How an integer outside of the vocabulary gets one of several ids: by its remainder (`'floormod'`, the default) or hashed as a text (`'farmhash'`). */
  readonly oovMethod?: 'floormod' | 'farmhash'
}

const token = custom('an integer', Number.isSafeInteger)

/** The layer that {@link integerLookup} makes. */
export class IntegerLookup extends Lookup<number> {
  static override readonly className = 'IntegerLookup'
  override readonly baseName = 'integer_lookup'
  readonly #isHashed: boolean

  constructor(options: IntegerLookupOptions = {}) {
    super(
      'layers.integerLookup',
      options,
      token,
      { maskToken: null, oovToken: -1 },
      {
        accepted: { oovMethod: oneOf(['floormod', 'farmhash']) },
      },
    )
    this.#isHashed = options.oovMethod === 'farmhash'
  }

  override inputType(): ValueType {
    return 'int32'
  }

  protected override tokensOf(items: Items): readonly number[] {
    const numbers = this.requireNumbers(items)
    return Array.from(numbers, (value) => {
      if (Number.isSafeInteger(value)) return value
      throw this.dataError(`it reads integers, got ${describe(value)}`)
    })
  }

  protected override oovBin(value: number, bins: number, salt: readonly [number, number] | undefined): number {
    return this.#isHashed ? binOf(String(value), bins, salt) : ((value % bins) + bins) % bins
  }

  override config(): Record<string, unknown> {
    return { ...super.config(), ...(this.#isHashed && { oovMethod: 'farmhash' }) }
  }
}

/**
 * Turns integers into ids by a vocabulary, as Keras's `IntegerLookup`; all else is as in {@link stringLookup}. In a model it
 * follows an input of integers, `input({ shape: [1], dtype: 'int32' })`.
 */
export function integerLookup(options: IntegerLookupOptions = {}): IntegerLookup {
  return new IntegerLookup(options)
}
