import { readNamed } from '../files.js'
import { pathOf } from '../path.js'
import { Tokenizer, type TokenizerOptions } from './tokenizer.js'

export { type Bleu, bleu } from './bleu.js'
export { type ChrFOptions, chrF } from './chrF.js'
export {
  type CtcDecodeAsyncOptions,
  type CtcDecodeOptions,
  ctcDecode,
  ctcDecodeAsync,
} from './ctcDecode.js'
export { characterErrorRate, editDistance, type Tokens, wordErrorRate } from './editDistance.js'
export {
  type LanguageModelBatches,
  type LanguageModelBatchesOptions,
  languageModelBatches,
} from './languageModelBatches.js'
export type { References } from './pairs.js'
export type { EncodeAsyncOptions, EncodeOptions, TokenizerOptions, VocabularyToken } from './tokenizer.js'
export { Tokenizer } from './tokenizer.js'
export type { PrefixScores, Transcript } from './transcripts.js'
export {
  type TransducerDecodeOptions,
  type TransducerStreamOptions,
  transducerDecode,
  transducerStream,
} from './transducerDecode.js'
export type { TransducerStream } from './transducerStream.js'

/**
 * Builds a vocabulary of every Unicode character in the texts, including white space: id 0 is padding, id 1 unknown,
 * then characters by falling frequency. Decoding restores the text. Rejects with `ERR_OPTION` or `ERR_DATA`.
 */
export function charTokenizer(texts: readonly string[], options: TokenizerOptions = {}): Promise<Tokenizer> {
  return Tokenizer.train('character', texts, options)
}

/**
 * Builds a vocabulary of the words in the texts: id 0 is padding, id 1 unknown, then words by falling frequency. Text
 * is lowercased (unless `lowercase: false`) and split at white space. Every punctuation mark, every symbol, every emoji
 * with its modifiers, and every character of scripts without spaces (Chinese, kana, Thai, Lao, Khmer, Burmese) is a
 * word. Rejects with `ERR_OPTION`, `ERR_DATA`, and an AbortError when the signal aborts.
 */
export function wordTokenizer(texts: readonly string[], options: TokenizerOptions = {}): Promise<Tokenizer> {
  return Tokenizer.train('word', texts, options)
}

/**
 * Builds a vocabulary of parts of words by byte-pair encoding over bytes, like GPT-2's: id 0 is padding, id 1 unknown,
 * then the 256 bytes, then the most frequent pairs. No text is unknown to it, and decoding restores the text. Rejects
 * with `ERR_OPTION` or `ERR_DATA`.
 */
export function subwordTokenizer(texts: readonly string[], options: TokenizerOptions = {}): Promise<Tokenizer> {
  return Tokenizer.train('subword', texts, options)
}

/**
 * Reads any Hugging Face `tokenizer.json`. Rejects with `ERR_IO` if the file cannot be read, `ERR_FORMAT` if it is not
 * such a file.
 */
export async function loadTokenizer(path: string | URL): Promise<Tokenizer> {
  const file = pathOf('text.loadTokenizer: the file', path)
  return await Tokenizer.read(await readNamed(file), file)
}

/**
 * Reads the text of a Hugging Face `tokenizer.json`, or the object parsed from it; `ERR_FORMAT` if it is not such a
 * file.
 */
export function fromJSON(json: string | object): Tokenizer {
  return Tokenizer.fromJSON(json)
}
