import type { ValueType } from '../../graph/shape.js'
import { custom } from '../../options.js'
import { binOf } from './hash.js'
import type { Items } from './items.js'
import { Lookup, type LookupOptions } from './lookup.js'

/** Options of {@link stringLookup}. */
export type StringLookupOptions = LookupOptions<string>

/** A text as a token. */
export const textCheck = custom('a text', (value) => typeof value === 'string')

/** The layer that {@link stringLookup} makes. */
export class StringLookup extends Lookup<string> {
  static override readonly className = 'StringLookup'
  override readonly baseName = 'string_lookup'

  constructor(options: StringLookupOptions = {}) {
    super(
      'layers.stringLookup',
      options,
      textCheck,
      { maskToken: null, oovToken: '[UNK]' },
      {
        // Texts are always hashed.
        refused: { oovMethod: ['floormod', 'farmhash'] },
      },
    )
  }

  override inputType(): ValueType {
    return this.invert ? 'int32' : 'string'
  }

  protected override tokensOf(items: Items): readonly string[] {
    return this.requireTexts(items)
  }

  protected override oovBin(token: string, bins: number, salt: readonly [number, number] | undefined): number {
    return binOf(token, bins, salt)
  }
}

/**
 * Turns texts into ids by a vocabulary, as Keras's `StringLookup`: `lookup.adapt(words)`, then `lookup.call(words)`, or in a model
 * after `input({ shape: [null], dtype: 'string' })`. It runs before the model's graph, on JavaScript's thread.
 *
 * Input: texts `[batch]` or `[batch, tokens]`; output ids of the same shape, or vectors `[batch, vocabularySize]`. Ids
 * begin with those of `maskToken`, if there is one, and of unknown tokens. Errors: `ERR_OPTION`, `ERR_DATA`, `ERR_SHAPE`; `ERR_STATE` without a
 * vocabulary.
 */
export function stringLookup(options: StringLookupOptions = {}): StringLookup {
  return new StringLookup(options)
}
