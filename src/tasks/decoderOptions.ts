import type { Callback } from '../callbacks/callback.js'
import { SeqloomError } from '../errors.js'
import { learningRate, type Schedule } from '../optimizers/schedules.js'
import { abortSignal, type Check, checkOptions, custom, filePath, flag, given, integer, number } from '../options.js'
import { Tokenizer } from '../text/tokenizer.js'
import { callback } from './classifierOptions.js'
import type { BackupSettings } from './keepBest.js'
import type { TaskListeners } from './taskReports.js'
import { shareOfTokens } from './unknown.js'

/** How a task that writes is trained on rows with their texts. Backups do not go with scheduled sampling. */
export interface TrainDecoderOptions<Row> extends TaskListeners, BackupSettings {
  /** Default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many rows a training step takes; rows of similar lengths go together. Default 64. */
  readonly batchSize?: number
  /** Adam's step, or a schedule of it; by default 0.002, falling to 0 on half a cosine. Gradients are clipped to a norm of 1. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the decoder's inputs that are its own guesses instead of the true words in the last epoch; from 0 in the first it rises
   * linearly (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). Guesses are made for all steps at once, from the true words before, as an epoch begins
   * (Duckworth et al. 2019, arXiv 1906.04331). Default 0.
   */
  readonly scheduledSampling?: number
  /**
   * The share of what is written about (sources, images), drawn at random by the seed, that is kept apart to measure on, with all its rows; default 0.1,
   * or 0 where that would be fewer than 20, which are too few to tell epochs apart.
   */
  readonly validationSplit?: number
  /** Rows to measure on instead. */
  readonly validationData?: readonly Row[]
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, that of training) are put back in the end; default true, but
   * where the validation part is too small to tell epochs apart, the last epoch's weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /** The share of tokens, of either side, that the vocabularies of a model trained before may lack in the rows of a further training; default 0.1. */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the task has the best weights so far. */
  readonly signal?: AbortSignal
  /** Further callbacks of `fit`, such as one that changes a learning rate that was given as a number. */
  readonly callbacks?: Callback | readonly Callback[]
}

const trainingDefaults = {
  batchSize: 64,
  scheduledSampling: 0,
  callbacks: [] as readonly Callback[],
} as const

/** The training options, with their defaults where these do not depend on the rows. */
export type DecoderTraining<Row = unknown> = TrainDecoderOptions<Row> &
  Required<Pick<TrainDecoderOptions<Row>, keyof typeof trainingDefaults>>

/** Checks the options of a task's `train` on rows like `row` and fills in the defaults; `ERR_OPTION`. */
export function decoderTraining<Row>(
  where: string,
  row: string,
  options: TrainDecoderOptions<Row>,
): DecoderTraining<Row> {
  checkOptions(where, options, {
    accepted: {
      epochs: integer(1),
      batchSize: integer(1),
      learningRate,
      scheduledSampling: custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1),
      maxUnknown: shareOfTokens,
      validationSplit: number(0, 1),
      validationData: custom(`an array of ${row}`, Array.isArray),
      restoreBest: flag,
      backupDir: filePath,
      resume: flag,
      signal: abortSignal,
      callbacks: custom('a callback or an array of them', () => true),
      onProgress: callback,
      onEpoch: callback,
    },
  })
  const settings = { ...trainingDefaults, ...given(options) }
  if (settings.backupDir !== undefined && settings.scheduledSampling > 0) {
    throw new SeqloomError('ERR_OPTION', `${where}: backupDir does not go with scheduledSampling`)
  }
  return settings
}

/** How texts are written by beam search. */
export interface WriteOptions {
  /** How many hypotheses go on side by side; 1 is greedy. Default 4. */
  readonly beamWidth?: number
  /** How many texts to return for each row, the others as `alternatives`; at most `beamWidth`, default 1. */
  readonly nBest?: number
  /** The exponent of the length normalisation, as in `beamSearch`; default 0.6. */
  readonly lengthPenalty?: number
  /** The most tokens of a text; default half as many again as the longest of the training. */
  readonly maxLength?: number
  /** Whether to return what each token attends to; default false. */
  readonly alignments?: boolean
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

const writingDefaults = { beamWidth: 4, nBest: 1, lengthPenalty: 0.6, alignments: false } as const

/** The options of writing with their defaults. */
export type WriteSettings = WriteOptions & Required<Pick<WriteOptions, keyof typeof writingDefaults>>

/** Checks the options of a task that writes and fills in the defaults; `ERR_OPTION`. */
export function writeSettings(where: string, options: WriteOptions): WriteSettings {
  checkOptions(where, options, {
    accepted: {
      beamWidth: integer(1, 1024),
      nBest: integer(1),
      lengthPenalty: number(0),
      maxLength: integer(1),
      alignments: flag,
      signal: abortSignal,
    },
  })
  return { ...writingDefaults, ...given(options) }
}

/** The check of what texts are cut into. */
export const level: Check = custom(
  "'word', 'character' or a tokenizer made by text.*",
  (value) => value === 'word' || value === 'character' || value instanceof Tokenizer,
)
