import { decoderTrainingOptions, level, resumable } from '../decoding/options.js'
import type { TrainTranslatorOptions, TranslatorOptions, WriteOptions } from '../optionTypes.js'
import { gatedCell } from '../shared/cell.js'
import { encoderOption } from '../shared/encoder.js'
import { OptionTable, option, type SettingsOf } from '../shared/option.js'
import { encoderTrainingOptions, rowsLike, type TaskEpoch, type TaskProgress } from '../shared/training.js'
import { flag, integer, number, oneOf, seed } from '../shared/values.js'

/** The options of `new Translator`. */
export const translatorOptions = new OptionTable('TranslatorOptions', 'How a translator is built.', {
  cell: option(
    gatedCell,
    'lstm',
    "The recurrent cell of the encoder and, unless it is Bahdanau's, which has its own, of the decoder: by its name in " +
      '`layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are its own',
  ),
  attention: option(
    oneOf('luong', 'bahdanau'),
    'bahdanau',
    "Bahdanau's attention inside of the decoder's recurrence, or Luong's after it, which takes less time a step " +
      'but more steps',
  ),
  layers: option(integer(1, 16), 1, 'The number of recurrent layers of the encoder, and of the decoder'),
  units: option(integer(1), 256, "The size of a recurrent layer's state; in the encoder, in each direction"),
  embedding: option(integer(1), 128, "The size of a token's vector"),
  dropout: option(
    number(0, 1),
    0.2,
    'The rate of dropout after embeddings, between layers and before the choice of tokens',
  ),
  sourceTokenizer: option(
    level,
    'word',
    "How sources are cut into tokens: `'word'` (words and punctuation), `'character'`, or as a tokenizer does, " +
      'of subwords for example',
  ),
  targetTokenizer: option(level, 'word', 'How targets are cut into tokens. The elements of arrays are already tokens.'),
  lowercase: option(flag, false, 'Whether tokenizers built from the rows lowercase texts'),
  maxVocabulary: option(integer(3), 20_000, 'The most tokens of each vocabulary built from the training rows'),
  minFrequency: option(integer(1), 1, 'How often a token must occur in the training rows to be in the vocabulary'),
  maxLength: option(integer(1), 100, 'The most tokens that are read of a text; the rest is ignored'),
  encoder: encoderOption(
    "the sources' tokens, `cell`, `layers`, `units` and `embedding`; it must read in both directions, and the decoder is as large",
  ),
  seed: option(seed, 0, 'The seed of the initial weights, the split, dropout and the order of training'),
})

/** The options with their defaults. */
export type TranslatorSettings = SettingsOf<TranslatorOptions, typeof translatorOptions>

/** Checks the options of `new Translator` and fills in the defaults; `ERR_OPTION`. */
export const translatorSettings = (options: TranslatorOptions): TranslatorSettings =>
  translatorOptions.read('Translator', options)

/** Checks the options of `Translator.train` and fills in the defaults; `ERR_OPTION`. */
export const translatorTraining = (where: string, options: TrainTranslatorOptions): TranslatorTraining =>
  resumable(where, trainTranslatorOptions.read(where, options, rowsLike(where, '{ source, target }', options)))

/** How far training has come after a batch. */
export type TranslatorProgress = TaskProgress

/** The results of an epoch. */
export type TranslatorEpoch = TaskEpoch

/** The options of `Translator.train`. */
export const trainTranslatorOptions = new OptionTable(
  'TrainTranslatorOptions<Row = TranslationRow>',
  'How a translator is trained. Backups cannot be combined with scheduled sampling.',
  { ...decoderTrainingOptions, ...encoderTrainingOptions('1') },
)

/** The training options, with their defaults where these do not depend on the rows. */
export type TranslatorTraining = SettingsOf<TrainTranslatorOptions, typeof trainTranslatorOptions>

/** How texts are translated. */
export type TranslateOptions = WriteOptions
