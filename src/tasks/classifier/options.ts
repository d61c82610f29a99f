import type { TextClassifierOptions } from '../optionTypes.js'
import { anyCell, cellSentence } from '../shared/cell.js'
import { OptionTable, option, optional, type SettingsOf } from '../shared/option.js'
import { flag, integer, number, oneOf, seed, tokenizer } from '../shared/values.js'

/** The options of `new TextClassifier`. */
export const classifierOptions = new OptionTable('TextClassifierOptions', 'How a text classifier is built.', {
  cell: option(anyCell, 'lstm', cellSentence),
  bidirectional: option(flag, true, 'Whether every recurrent layer reads in both directions'),
  layers: option(integer(1, 64), 1, 'The number of recurrent layers'),
  units: option(integer(1), 64, "The size of a recurrent layer's state, in each direction"),
  embedding: option(integer(1), 64, "The size of a word's vector"),
  dropout: option(number(0, 1), 0, 'The rate of dropout after the embedding and before the classification'),
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
  seed: option(seed, 0, 'The seed of the initial weights, the split and the order of training'),
})

/** The options with their defaults. */
export type ClassifierSettings = SettingsOf<TextClassifierOptions, typeof classifierOptions>

/** Checks the options of `new TextClassifier` and fills in the defaults; `ERR_OPTION`. */
export const classifierSettings = (options: TextClassifierOptions): ClassifierSettings =>
  classifierOptions.read('TextClassifier', options)
