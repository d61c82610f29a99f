import { describe, reading, SeqloomError } from '../../errors.js'
import type { LabelledText } from '../classifier/rows.js'
import type { PredictTextsOptions, TrainClassifierOptions, TrainTaggerOptions } from '../optionTypes.js'
import { OptionTable, option, optional, type SettingsOf } from './option.js'
import {
  callback,
  callbacks,
  factor,
  flag,
  folder,
  integer,
  number,
  rate,
  rows,
  share,
  signal,
  weights,
} from './values.js'

/** How far training has come after a batch. */
export interface ClassifierProgress {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** How many texts this epoch has trained on. */
  readonly done: number
  /** How many texts an epoch trains on. */
  readonly total: number
  /** The mean loss over the epoch so far. */
  readonly loss: number
  /** The accuracy over the epoch so far. */
  readonly accuracy: number
}

/** The results of an epoch. */
export interface ClassifierEpoch {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** The mean training loss. */
  readonly loss: number
  /** The training accuracy. */
  readonly accuracy: number
  /** The loss on the validation rows, if there are any. */
  readonly valLoss?: number
  /** The accuracy on the validation rows, if there are any. */
  readonly valAccuracy?: number
  /** How long the epoch took, validation included. */
  readonly seconds: number
  /** The epoch, from 1, whose weights are kept so far: the best one, or the last if epochs cannot be told apart. */
  readonly best: number
}

/** Where the training of a task without an accuracy stands after a batch. */
export type TaskProgress = Omit<ClassifierProgress, 'accuracy'>

/** What an epoch of a task without an accuracy came to. */
export type TaskEpoch = Omit<ClassifierEpoch, 'accuracy' | 'valAccuracy'>

/** The listeners of a training without an accuracy. */
export interface TaskListeners {
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** The epochs of a training that has enough rows. */
export const usualEpochs = 8

/** The options of trainings that are backed up. */
export const backupOptions = {
  backupDir: optional(
    folder,
    'A folder for a backup, every minute and when the signal aborts: the same training started again goes on ' +
      'from it, bit for bit. The backup is removed in the end, and nothing else that may be in the folder.',
  ),
  resume: option(
    flag,
    true,
    'Whether to go on from a backup that is there. Otherwise the training begins anew, and its first backup ' +
      'replaces the one that is there.',
    false,
  ),
}

/** The option of trainings by several processes. */
export const distribution = {
  distributed: optional(
    flag,
    'Whether all processes that `mpirun` has started train together; with false, each trains for itself',
    'what `configure` was told, or `SEQLOOM_DISTRIBUTED`',
    false,
  ),
}

/** The option of trainings that stop. */
export const trainingSignal = (task: string) =>
  optional(signal, `Stops training: \`train\` rejects with an AbortError, and the ${task} has the best weights so far`)

/** The option of callbacks of one's own. */
export const furtherCallbacks = {
  ...option(
    callbacks,
    [],
    'Further callbacks for `fit`, such as `callbacks.dashboard()`, or one that changes a learning rate that was ' +
      'given as a number',
  ),
  otherwise: 'none',
}

/** The share of unknown tokens with which a vocabulary is kept. */
export const maxUnknown = (what: string) =>
  option(
    share,
    0.1,
    `When a model is trained further, the share of tokens in the new ${what} that its vocabulary may lack beyond what it lacked in the first training`,
  )

/** The listeners of a training, which receive values of these types for batches and epochs. */
export const listeners = (progress: string, epoch: string, from: string) => ({
  onProgress: optional(
    callback(`(progress: ${progress}) => void`, [progress, from]),
    'Called as batches end; quick batches may be reported together',
  ),
  onEpoch: optional(
    callback(`(epoch: ${epoch}) => void | Promise<void>`, [epoch, from]),
    'Called, and awaited, as each epoch ends',
  ),
})

/** The option of how many passes a training makes, of which `usual` are as many as any data need. */
export const passes = (usual: number) =>
  optional(integer(1), 'How many passes over the rows to make', `${usual}, or as many as 400 training steps need`)

/** The option of putting the weights with the lowest loss back. */
export const restoreLeastLoss = optional(
  flag,
  'Whether the weights of the epoch with the lowest validation loss (without validation, that of training) ' +
    'are put back in the end',
  "true, but where the validation part is too small to tell epochs apart, the last epoch's weights are kept, " +
    'with a warning',
)

/** The options of how the layers of an encoder are trained. */
export const encoderTrainingOptions = (unfreezeEvery: string) => ({
  unfreezeEvery: optional(
    integer(0),
    'After how many epochs each further layer of an `encoder` is trained, too: first only what follows it, then its ' +
      'last layer, in the end its embedding (arXiv 1801.06146). 0 trains all from the beginning.',
    unfreezeEvery,
  ),
  layerDecay: optional(
    factor,
    'How much slower each lower layer of an `encoder` learns than the one above it: its learning rate is this share of the ' +
      "rate there, the last layer's this share of the rate of what follows it (discriminative fine-tuning, arXiv " +
      '1801.06146, which has 1 / 2.6). 1 trains all at one rate.',
    '1',
  ),
})

/** What trainings of classifiers, taggers and question answerers have in common. */
const commonOptions = {
  epochs: passes(usualEpochs),
  batchSize: option(integer(1), 32, 'The number of rows in a training step'),
  learningRate: option(rate, 1e-3, "Adam's learning rate, or a schedule of it"),
  validationSplit: optional(
    number(0, 1),
    'The share of the rows that is kept apart to measure on: drawn by the seed, from every class in ' +
      'proportion, equal rows together; every class keeps a row to train on.',
    '0.1, or 0 where that is too little to tell epochs apart: fewer than 20 different rows, or than 5 labels ' +
      'for each class',
  ),
  validationData: optional(rows, 'Rows to validate on instead'),
  classWeight: optional(
    weights,
    "Factors of the loss by label, in training only, or `'balanced'`, with which all labels weigh the same: " +
      '`{ spam: 5 }`',
    '1',
  ),
  restoreBest: optional(
    flag,
    'Whether the weights of the epoch with the best validation accuracy (of equals, the lowest loss; without ' +
      'validation, those of training) are put back in the end',
    "true, but where the validation part is too small to tell epochs apart, the last epoch's weights are kept, " +
      'with a warning',
  ),
  ...encoderTrainingOptions('1'),
  ...backupOptions,
  ...distribution,
  signal: trainingSignal('classifier'),
  callbacks: furtherCallbacks,
  ...listeners('ClassifierProgress', 'ClassifierEpoch', './shared/training.js'),
}

/** The options of `train` of a classifier. */
export const trainClassifierOptions = new OptionTable(
  'TrainClassifierOptions<Row = LabelledText>',
  'How a classifier is trained.',
  { ...commonOptions, maxUnknown: maxUnknown('rows') },
)

/** The options of `train` of a tagger and of a question answerer. */
export const trainTaggerOptions = new OptionTable(
  'TrainTaggerOptions<Row = TaggedTokens>',
  'How a tagger or a question answerer is trained.',
  commonOptions,
)

/** The training options, with their defaults where these do not depend on the rows. */
export type TrainingSettings<Row = LabelledText> = SettingsOf<TrainTaggerOptions<Row>, typeof trainTaggerOptions>

/** Those of a classifier. */
export type ClassifierTraining = SettingsOf<TrainClassifierOptions, typeof trainClassifierOptions>

/** Checks the options of a task's `train` on rows like `row` and fills in the defaults; `ERR_OPTION`. */
export const trainingSettings = <Row>(
  where: string,
  row: string,
  options: TrainTaggerOptions<Row>,
): TrainingSettings<Row> => trainTaggerOptions.read(where, options, rowsLike(where, row, options))

/**
 * The check of rows that are all like one. `ERR_OPTION` for an array in place of the options: labels apart from what
 * they label, as Keras's `fit` takes them.
 */
export function rowsLike(where: string, row: string, options: unknown): { readonly validationData: typeof rows } {
  if (reading('ERR_OPTION', where, () => Array.isArray(options))) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: the rows are objects ${row} in one array; the second argument is for options, not ${describe(options)}`,
    )
  }
  return { validationData: { ...rows, expected: `an array of ${row}, or a data set of them` } }
}

/** The options of `predict` and `evaluate`. */
export const predictOptions = new OptionTable(
  'PredictTextsOptions',
  'How many texts are processed at once, and what stops it.',
  {
    batchSize: option(integer(1), 32, 'The number of texts that are processed at once'),
    signal: optional(signal, 'Stops the call, which rejects with an AbortError'),
  },
)

/** Checks the options of a task's `predict` and `evaluate` and fills in the defaults; `ERR_OPTION`. */
export const predictionSettings = (
  where: string,
  options: PredictTextsOptions,
): SettingsOf<PredictTextsOptions, typeof predictOptions> => predictOptions.read(where, options)
