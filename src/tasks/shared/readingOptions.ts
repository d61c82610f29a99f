import type { Tokenizer } from '../../text/tokenizer.js'
import { anyCell, cellSentence } from './cell.js'
import { option, optional } from './option.js'
import { flag, integer, number, oneOf, tokenizer } from './values.js'

/** The options of what reads tokens: an embedding and recurrent layers. */
export const recurrentOptions = {
  cell: option(anyCell, 'lstm', cellSentence),
  bidirectional: option(flag, true, 'Whether every recurrent layer reads in both directions'),
  layers: option(integer(1, 64), 1, 'The number of recurrent layers'),
  units: option(integer(1), 64, "The size of a recurrent layer's state, in each direction"),
  embedding: option(integer(1), 64, "The size of a word's vector"),
}

/** The rate of dropout of what reads tokens. */
export const readingDropout = (initial: number, where: string) =>
  option(number(0, 1), initial, `The rate of dropout ${where}`)

/** The options of how texts are cut into tokens. */
export const tokenOptions = {
  tokens: option(
    oneOf('word', 'character', 'subword'),
    'word',
    'The units that text is cut into. Characters and subwords are hardly ever unknown.',
  ),
  tokenizer: optional(tokenizer, 'A ready tokenizer; by default a vocabulary is built from the training rows'),
  maxVocabulary: optional(
    integer(3),
    'The most tokens of a vocabulary built from the training rows',
    '20000, for subwords 8192',
  ),
  minFrequency: optional(
    integer(1),
    'How often a token must occur in the training rows to be in the vocabulary',
    '1, for pairs of subwords 2',
  ),
  maxLength: optional(
    integer(1),
    'The most tokens that are read of a text; the rest is ignored',
    '300, or the setting of a given tokenizer',
  ),
}

/** How texts are cut into tokens. */
export interface TokenSettings {
  readonly tokens: 'word' | 'character' | 'subword'
  readonly tokenizer?: Tokenizer
  readonly maxVocabulary?: number
  readonly minFrequency?: number
  readonly maxLength?: number
}
