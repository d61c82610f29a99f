import type { TextClassifierOptions } from '../optionTypes.js'
import { encoderOption } from '../shared/encoder.js'
import { OptionTable, option, type SettingsOf } from '../shared/option.js'
import { readingDropout, recurrentOptions, tokenOptions } from '../shared/readingOptions.js'
import { seed } from '../shared/values.js'

/** The options of `new TextClassifier`. */
export const classifierOptions = new OptionTable('TextClassifierOptions', 'How a text classifier is built.', {
  ...recurrentOptions,
  dropout: readingDropout(0, 'after the embedding and before the classification'),
  ...tokenOptions,
  encoder: encoderOption('tokens, `cell`, `bidirectional`, `layers`, `units` and `embedding`'),
  seed: option(seed, 0, 'The seed of the initial weights, the split and the order of training'),
})

/** The options with their defaults. */
export type ClassifierSettings = SettingsOf<TextClassifierOptions, typeof classifierOptions>

/** Checks the options of `new TextClassifier` and fills in the defaults; `ERR_OPTION`. */
export const classifierSettings = (options: TextClassifierOptions): ClassifierSettings =>
  classifierOptions.read('TextClassifier', options)
