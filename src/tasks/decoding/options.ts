import { SeqloomError } from '../../errors.js'
import { custom } from '../../options.js'
import { Tokenizer } from '../../text/tokenizer.js'
import type { TrainDecoderOptions, WriteOptions } from '../optionTypes.js'
import { OptionTable, option, optional, type SettingsOf, type Values } from '../shared/option.js'
import {
  backupOptions,
  distribution,
  furtherCallbacks,
  listeners,
  maxUnknown,
  passes,
  restoreLeastLoss,
  rowsLike,
  trainingSignal,
  usualEpochs,
} from '../shared/training.js'
import { flag, integer, number, rate, rows, share, signal } from '../shared/values.js'
import type { Level } from './units.js'

/** The units that texts are cut into. */
export const level: Values<Level> = {
  ...custom(
    "'word', 'character' or a tokenizer made by text.*",
    (value) => value === 'word' || value === 'character' || value instanceof Tokenizer,
  ),
  type: 'Level',
  from: ['Level', './decoding/units.js'],
  flag: { name: '<unit>', choices: ['word', 'character'] },
}

/** What all tasks that write text are trained by. */
export const decoderTrainingOptions = {
  epochs: passes(usualEpochs),
  batchSize: option(integer(1), 64, 'The number of rows in a training step; rows of similar lengths go together'),
  learningRate: optional(
    rate,
    "Adam's learning rate, or a schedule of it. Gradients are clipped to a norm of 1.",
    '0.002, falling to 0 on half a cosine',
  ),
  scheduledSampling: option(
    share,
    0,
    "The share of the decoder's inputs that are its own guesses instead of the true words in the last epoch; " +
      'from 0 in the first it rises linearly (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). Guesses ' +
      'are made for all steps at once, from the true words before, as an epoch begins (Duckworth et al. 2019, ' +
      'arXiv 1906.04331).',
  ),
  validationSplit: optional(
    number(0, 1),
    'The share of what is written about (sources, images), drawn at random by the seed, that is kept apart to ' +
      'measure on, with all its rows',
    '0.1, or 0 where that would be fewer than 20, which are too few to tell epochs apart',
  ),
  validationData: optional(rows, 'Rows to validate on instead'),
  restoreBest: restoreLeastLoss,
  ...backupOptions,
  ...distribution,
  maxUnknown: maxUnknown('rows'),
  signal: trainingSignal('task'),
  callbacks: furtherCallbacks,
  ...listeners('TaskProgress', 'TaskEpoch', './shared/training.js'),
} as const

/** The options of `train` of a captioner. */
export const trainDecoderOptions = new OptionTable(
  'TrainDecoderOptions<Row>',
  'How a captioner is trained. Backups cannot be combined with scheduled sampling.',
  decoderTrainingOptions,
)

/** The training options, with their defaults where these do not depend on the rows. */
export type DecoderTraining<Row = unknown> = SettingsOf<TrainDecoderOptions<Row>, typeof trainDecoderOptions>

/** Checks the options of a captioner's `train` on rows like `row` and fills in the defaults; `ERR_OPTION`. */
export const decoderTraining = <Row>(
  where: string,
  row: string,
  options: TrainDecoderOptions<Row>,
): DecoderTraining<Row> => resumable(where, trainDecoderOptions.read(where, options, rowsLike(where, row, options)))

/** The same settings; `ERR_OPTION` for backups of a training that they would not hold enough of. */
export function resumable<Settings extends Pick<DecoderTraining, 'backupDir' | 'scheduledSampling'>>(
  where: string,
  settings: Settings,
): Settings {
  if (settings.backupDir === undefined || settings.scheduledSampling === 0) return settings
  throw new SeqloomError('ERR_OPTION', `${where}: backupDir does not go with scheduledSampling`)
}

/** Refuses what does not go with rows that are not all in memory. `ERR_OPTION`. */
export function checkLarge(where: string, { scheduledSampling }: Pick<DecoderTraining, 'scheduledSampling'>): void {
  if (scheduledSampling === 0) return
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: scheduledSampling guesses all texts as an epoch begins, so the rows must fit into memory`,
  )
}

/** The options of beam search. */
export const writeOptions = new OptionTable('WriteOptions', 'How texts are written by beam search.', {
  beamWidth: option(integer(1, 1024), 4, 'How many hypotheses to keep; 1 is greedy search', { name: 'beam' }),
  nBest: option(
    integer(1),
    1,
    'How many texts to return per row, at most `beamWidth`; all but the best one as `alternatives`',
    { name: 'best' },
  ),
  lengthPenalty: option(number(0), 0.6, 'The exponent of the length normalisation, as in `beamSearch`'),
  maxLength: optional(integer(1), 'The most tokens of a text', 'one and a half times the longest in training'),
  alignments: option(flag, false, 'Whether to return what each token attends to', false),
  signal: optional(signal, 'Stops the call, which rejects with an AbortError'),
})

/** The options of writing with their defaults. */
export type WriteSettings = SettingsOf<WriteOptions, typeof writeOptions>

/** Checks the options of a task that writes and fills in the defaults; `ERR_OPTION`. */
export const writeSettings = (where: string, options: WriteOptions): WriteSettings => writeOptions.read(where, options)
