import { writeFile } from 'node:fs/promises'
import { callNative, describe, fromNative, SeqloomError } from '../errors.js'
import { native } from '../native/index.js'
import { checkOptions, custom, flag, integer } from '../options.js'

type NativeTokenizer = InstanceType<typeof native.NativeTokenizer>

/** How a vocabulary is built. */
export interface TokenizerOptions {
  /** The most tokens to keep, padding and unknown included: the most frequent; default all. */
  readonly maxVocabulary?: number
  /** How often a token must occur to be kept; default 1. */
  readonly minFrequency?: number
  /** Whether text is lowercased first; default true for words, false for characters. */
  readonly lowercase?: boolean
  /** The most ids that a text is cut to; default all. */
  readonly maxLength?: number
}

/** How texts are encoded. */
export interface EncodeOptions {
  /** Whether the tokenizer's special tokens, such as `[CLS]`, are added; default true. */
  readonly specialTokens?: boolean
  /** Whether a text without any token becomes one unknown token, since no model takes a sequence of length 0; default false. */
  readonly fillEmpty?: boolean
}

const texts = custom('an array of strings', (value) => Array.isArray(value) && value.every((text) => typeof text === 'string'))
const ids = custom(
  'an array of integers or an Int32Array',
  (value) => value instanceof Int32Array || (Array.isArray(value) && value.every((id) => Number.isInteger(id))),
)

/** Turns text into ids and back. Made by `text.charTokenizer`, `text.wordTokenizer` and `text.loadTokenizer`; it never changes. */
export class Tokenizer {
  readonly #native: NativeTokenizer

  private constructor(tokenizer: NativeTokenizer) {
    this.#native = tokenizer
  }
