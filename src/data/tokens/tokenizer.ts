import { createHash } from 'node:crypto'
import { custom, isCallable, isRecord } from '../../options.js'

/** What is needed of a tokenizer, as `text.*` makes them. */
export interface CorpusTokenizer {
  readonly vocabularySize: number
  encode(
    texts: readonly string[],
    options?: { readonly specialTokens?: boolean; readonly signal?: AbortSignal },
  ): Promise<Int32Array[]>
  withMaxLength(maxLength?: number): CorpusTokenizer
  toString(): string
}

/** The check of a tokenizer. */
export const tokenizerRule = custom(
  'a tokenizer made by text.*',
  (value) => isRecord(value) && isCallable(value.encode) && isCallable(value.withMaxLength),
)

/** What tells a tokenizer's vocabulary and rules from others, wherever it cuts texts off. */
export const fingerprintOf = (tokenizer: CorpusTokenizer): string =>
  createHash('sha256').update(tokenizer.withMaxLength().toString()).digest('hex')
