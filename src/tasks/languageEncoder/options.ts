import { custom } from '../../options.js'
import type { Writing } from '../decoding/units.js'
import type { LanguageEncoderOptions, TrainLanguageEncoderOptions } from '../optionTypes.js'
import { OptionTable, option, optional, type SettingsOf, type Values } from '../shared/option.js'
import { readingDropout, recurrentOptions, tokenOptions } from '../shared/readingOptions.js'
import {
  backupOptions,
  distribution,
  furtherCallbacks,
  listeners,
  maxUnknown,
  passes,
  restoreLeastLoss,
  trainingSignal,
} from '../shared/training.js'
import { integer, number, oneOf, rate, seed } from '../shared/values.js'

const texts: Values<readonly Writing[]> = {
  ...custom('an array of texts, or of arrays of tokens', Array.isArray),
  type: 'readonly Writing[]',
  from: ['Writing', './decoding/units.js'],
}

/** The options of `new LanguageEncoder`. */
export const languageEncoderOptions = new OptionTable('LanguageEncoderOptions', 'How a language encoder is built.', {
  objective: option(
    oneOf('masked', 'nextToken'),
    'masked',
    'What is predicted: tokens that were hidden, 15 % of a text, from all others (arXiv 1810.04805); or the token that ' +
      'follows. Of one layer in both directions, each direction predicts the token that it reads next on its own (arXiv ' +
      '1802.05365).',
  ),
  ...recurrentOptions,
  dropout: readingDropout(0.1, 'after the embedding and before the prediction'),
  ...tokenOptions,
  minFrequency: optional(
    integer(1),
    'How often a token must occur in the training texts to be told apart from unknown ones',
    '2, so that there are unknown ones to learn from, or 1 where that would leave more than a quarter of the tokens unknown',
  ),
  seed: option(seed, 0, 'The seed of the initial weights, the split, what is hidden and the order of training'),
})

/** The options with their defaults. */
export type LanguageEncoderSettings = SettingsOf<LanguageEncoderOptions, typeof languageEncoderOptions>

/** Checks the options of `new LanguageEncoder` and fills in the defaults; `ERR_OPTION`. */
export const languageEncoderSettings = (options: LanguageEncoderOptions): LanguageEncoderSettings =>
  languageEncoderOptions.read('LanguageEncoder', options)

/** The epochs of a training that has enough texts. */
export const usualEpochs = 30

/** The options of `LanguageEncoder.train`. */
export const trainLanguageEncoderOptions = new OptionTable(
  'TrainLanguageEncoderOptions',
  'How a language encoder is trained.',
  {
    epochs: passes(usualEpochs),
    batchSize: option(integer(1), 32, 'The number of texts in a training step'),
    learningRate: option(rate, 4e-3, "Adam's initial learning rate, which falls to 0 on half a cosine, or a schedule"),
    validationSplit: optional(
      number(0, 1),
      'The share of the texts that is kept apart to measure on, drawn by the seed, equal texts together',
      '0.1, or 0 where that would be fewer than 20 different texts, which are too few to tell epochs apart',
    ),
    validationData: optional(texts, 'Texts to validate on instead'),
    restoreBest: restoreLeastLoss,
    ...backupOptions,
    ...distribution,
    maxUnknown: maxUnknown('texts'),
    signal: trainingSignal('language encoder'),
    callbacks: furtherCallbacks,
    ...listeners('TaskProgress', 'TaskEpoch', './shared/training.js'),
  },
)

/** The training options, with their defaults where these do not depend on the texts. */
export type LanguageEncoderTraining = SettingsOf<TrainLanguageEncoderOptions, typeof trainLanguageEncoderOptions>

/** Checks the options of `LanguageEncoder.train` and fills in the defaults; `ERR_OPTION`. */
export const languageEncoderTraining = (options: TrainLanguageEncoderOptions): LanguageEncoderTraining =>
  trainLanguageEncoderOptions.read('LanguageEncoder.train', options)
