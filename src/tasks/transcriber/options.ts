import { isCallable, isRecord } from '../../options.js'
import type { PrefixScores } from '../../text/transcripts.js'
import { classifierOptions } from '../classifier/options.js'
import { level } from '../decoding/options.js'
import type { TextGenerator } from '../generator/index.js'
import type { TrainTranscriberOptions, TranscribeOptions, TranscriberOptions } from '../optionTypes.js'
import { OptionTable, option, optional, type SettingsOf, type Values } from '../shared/option.js'
import {
  backupOptions,
  distribution,
  furtherCallbacks,
  listeners,
  passes,
  restoreLeastLoss,
  rowsLike,
  trainingSignal,
} from '../shared/training.js'
import { flag, integer, number, oneOf, rate, rows, signal } from '../shared/values.js'
import type { TranscriptionRow } from './rows.js'

const { cell, bidirectional, seed } = classifierOptions.all

/** The options of `new Transcriber`. */
export const transcriberOptions = new OptionTable('TranscriberOptions', 'How a transcriber is built.', {
  method: option(
    oneOf('ctc', 'transducer'),
    'ctc',
    'How tokens are written. With connectionist temporal classification each step decides for itself, which is fast; an ' +
      'RNN transducer also reads the tokens so far, and may write several at a step',
  ),
  stackFrames: option(
    integer(1, 64),
    1,
    'How many frames make one step of the model. With more, it is faster and sees longer stretches; with `ctc` a text ' +
      'must not have more tokens than there are steps',
  ),
  cell,
  bidirectional: option(
    bidirectional.values,
    true,
    'Whether every recurrent layer reads in both directions; false for `stream`',
  ),
  layers: option(integer(1, 64), 2, 'The number of recurrent layers'),
  units: option(integer(1), 96, "The size of a recurrent layer's state, in each direction"),
  dropout: option(
    number(0, 1),
    0,
    'The rate of dropout before every recurrent layer but the first, and after the last',
  ),
  tokenizer: option(
    level,
    'character',
    "How texts are cut into tokens: `'character'`, `'word'` (words and punctuation), or as a tokenizer does. Arrays " +
      'are tokens already.',
  ),
  lowercase: option(flag, false, 'Whether a tokenizer built from the rows lowercases texts'),
  maxVocabulary: option(integer(3), 20_000, 'The most tokens of a vocabulary built from the training rows'),
  minFrequency: option(integer(1), 1, 'How often a token must occur in the training rows to be in the vocabulary'),
  seed,
})

/** The options with their defaults. */
export type TranscriberSettings = SettingsOf<TranscriberOptions, typeof transcriberOptions>

/** Checks the options of `new Transcriber` and fills in the defaults; `ERR_OPTION`. */
export const transcriberSettings = (options: TranscriberOptions): TranscriberSettings =>
  transcriberOptions.read('Transcriber', options)

/** How often the rows are seen, where there are enough. */
export const usualTranscriberEpochs = 20

/** The options of `train`. */
export const trainTranscriberOptions = new OptionTable(
  'TrainTranscriberOptions<Row>',
  'How a transcriber is trained.',
  {
    epochs: passes(usualTranscriberEpochs),
    batchSize: option(integer(1), 16, 'The number of rows in a training step; rows of similar lengths go together'),
    learningRate: optional(
      rate,
      "Adam's learning rate, or a schedule of it. Gradients are clipped to a norm of 1.",
      '0.003, falling to 0 on half a cosine',
    ),
    validationSplit: optional(
      number(0, 1),
      'The share of the rows, drawn at random by the seed, that is kept apart to measure on',
      '0.1, or 0 where that would be fewer than 20, which are too few to tell epochs apart',
    ),
    validationData: optional(rows, 'Rows to validate on instead'),
    restoreBest: restoreLeastLoss,
    ...backupOptions,
    ...distribution,
    signal: trainingSignal('transcriber'),
    callbacks: furtherCallbacks,
    ...listeners('TaskProgress', 'TaskEpoch', './shared/training.js'),
  },
)

/** The training options, with their defaults where these do not depend on the rows. */
export type TranscriberTraining = SettingsOf<TrainTranscriberOptions<TranscriptionRow>, typeof trainTranscriberOptions>

/** Checks the options of `train` and fills in the defaults; `ERR_OPTION`. */
export const transcriberTraining = (
  where: string,
  options: TrainTranscriberOptions<TranscriptionRow>,
): TranscriberTraining => trainTranscriberOptions.read(where, options, rowsLike(where, '{ frames, text }', options))

/** What scores a token by those before: a trained generator of the same tokens, or a function of their ids. */
export type LanguageModel =
  | TextGenerator
  | PrefixScores<readonly ArrayLike<number>[] | PromiseLike<readonly ArrayLike<number>[]>>

const languageModel: Values<LanguageModel> = {
  accepts: (value: unknown) => isCallable(value) || (isRecord(value) && isCallable(value.nextProbabilities)),
  expected: 'a trained TextGenerator of characters, or a function of prefixes',
  type: 'LanguageModel',
  from: ['LanguageModel', './transcriber/options.js'],
}

/** The options of `transcribe`. */
export const transcribeOptions = new OptionTable('TranscribeOptions', 'How texts are searched for.', {
  beamWidth: optional(
    integer(1, 1024),
    'How many prefixes are kept at each step; 1 takes the most probable token of each step',
    '1, with `languageModel` 16',
    { name: 'beam' },
  ),
  nBest: option(
    integer(1),
    1,
    'How many texts to return per row, at most `beamWidth`; all but the best one as `alternatives`',
    { name: 'best' },
  ),
  languageModel: optional(
    languageModel,
    'What scores each token by those before: a trained text generator of characters, or a function, as for ' +
      '`text.ctcDecode`, of the ids of tokens',
  ),
  languageModelWeight: option(number(0), 0.5, 'The factor of these scores'),
  insertionBonus: option(
    number(Number.NEGATIVE_INFINITY),
    0,
    'What each token adds to the score, so that a language model does not prefer short texts',
  ),
  batchSize: option(integer(1), 32, 'The number of rows that are processed at once'),
  signal: optional(signal, 'Stops the call, which rejects with an AbortError'),
})

/** These options with their defaults. */
export type TranscribeSettings = SettingsOf<TranscribeOptions, typeof transcribeOptions>

/** Checks the options of `transcribe` and fills in the defaults; `ERR_OPTION`. */
export const transcribeSettings = (where: string, options: TranscribeOptions): TranscribeSettings =>
  transcribeOptions.read(where, options)
