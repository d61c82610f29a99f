import { learningRate, type Schedule } from '../../optimizers/schedules.js'
import { abortSignal, checkOptions, custom, filePath, flag, given, integer, number } from '../../options.js'
import type { LabelledText } from '../classifier/rows.js'
import { type LabelWeights, labelWeights } from './classWeights.js'
import type { BackupSettings } from './keepBest.js'

/** Where training stands after a batch. */
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

/** What an epoch came to. */
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
  /** The epoch, from 1, whose weights are kept so far: the best one, or the last where none can be told to be better. */
  readonly best: number
}

/** How a classifier is trained. */
export interface TrainClassifierOptions<Row = LabelledText> extends BackupSettings {
  /** Default 8, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many rows a training step takes; default 32. */
  readonly batchSize?: number
  /** Adam's step, or a schedule of it; default 0.001. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the rows that is kept apart to measure on: drawn by the seed, from every class in proportion, equal rows together; every class keeps a
   * row to train on. Default 0.1, or 0 where that is too little to tell epochs apart: fewer than 20 different rows, or than 5 labels for each class.
   */
  readonly validationSplit?: number
  /** Rows to measure on instead. */
  readonly validationData?: readonly Row[]
  /** Factors of the loss by label, in training only: `{ spam: 5 }`, or `'balanced'`, with which all labels weigh the same; default 1. */
  readonly classWeight?: LabelWeights
  /**
   * Whether the weights of the epoch with the best validation accuracy (of equals, the lowest loss; without validation, those of training) are put back
   * in the end; default true, but where the validation part is too small to tell epochs apart, the last epoch's weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /** The share of tokens that the vocabulary of a model trained before may lack in the rows of a further training; default 0.1. */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the classifier has the best weights so far. */
  readonly signal?: AbortSignal
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: ClassifierProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: ClassifierEpoch) => void | Promise<void>
}

/** The epochs of a training that has enough rows. */
export const usualEpochs = 8

const trainingDefaults = { batchSize: 32, learningRate: 1e-3 } as const

/** The training options, with their defaults where these do not depend on the rows. */
export type TrainingSettings<Row> = TrainClassifierOptions<Row> &
  Required<Pick<TrainClassifierOptions<Row>, keyof typeof trainingDefaults>>

/** The check of a callback. */
export const callback = custom('a function', (value) => typeof value === 'function')

/** Checks the options of a task's `train` on rows like `row` and fills in the defaults; `ERR_OPTION`. */
export function trainingSettings<Row>(
  where: string,
  row: string,
  options: TrainClassifierOptions<Row>,
): TrainingSettings<Row> {
  checkOptions(where, options, {
    accepted: {
      epochs: integer(1),
      batchSize: integer(1),
      learningRate,
      validationSplit: number(0, 1),
      validationData: custom(`an array of ${row}`, Array.isArray),
      classWeight: labelWeights,
      restoreBest: flag,
      backupDir: filePath,
      resume: flag,
      maxUnknown: custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1),
      signal: abortSignal,
      onProgress: callback,
      onEpoch: callback,
    },
  })
  return { ...trainingDefaults, ...given(options) }
}

/** How many texts are handled at once, and what stops it. */
export interface PredictTextsOptions {
  /** Default 32. */
  readonly batchSize?: number
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** Checks the options of a task's `predict` and `evaluate` and fills in the defaults; `ERR_OPTION`. */
export function predictionSettings(
  where: string,
  options: PredictTextsOptions,
): PredictTextsOptions & { batchSize: number } {
  checkOptions(where, options, { accepted: { batchSize: integer(1), signal: abortSignal } })
  return { batchSize: trainingDefaults.batchSize, ...given(options) }
}
