import { learningRate, type Schedule } from '../optimizers/schedules.js'
import { abortSignal, checkOptions, custom, filePath, flag, given, integer, number, oneOf, seed } from '../options.js'
import { Tokenizer } from '../text/tokenizer.js'
import { type LabelWeights, labelWeights } from './classWeights.js'
import type { BackupSettings } from './keepBest.js'
import type { LabelledText } from './rows.js'
import { shareOfTokens } from './unknown.js'

/** How a text classifier is built. */
export interface TextClassifierOptions {
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
  /** Whether every recurrent layer reads in both directions; default true. */
  readonly bidirectional?: boolean
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the classification; default 0. */
  readonly dropout?: number
  /** What text is cut into; default `'word'`. Of characters and subwords none is ever unknown, or hardly any. */
  readonly tokens?: 'word' | 'character' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training rows. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training rows; default 20000, of subwords 8192. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1, of pairs of subwords 2. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text, the first ones; default 300, or what a given tokenizer is set to. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split and of the order of training; default 0. */
  readonly seed?: number
}

const defaults = {
  cell: 'lstm',
  bidirectional: true,
  layers: 1,
  units: 64,
  embedding: 64,
  dropout: 0,
  tokens: 'word',
  seed: 0,
} as const

/** The options with their defaults. */
export type ClassifierSettings = TextClassifierOptions & Required<Pick<TextClassifierOptions, keyof typeof defaults>>

/** Checks the options of `new TextClassifier` and fills in the defaults; `ERR_OPTION`. */
export function classifierSettings(options: TextClassifierOptions): ClassifierSettings {
  checkOptions('TextClassifier', options, {
    accepted: {
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      bidirectional: flag,
      layers: integer(1, 64),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      tokens: oneOf(['word', 'character', 'subword']),
      tokenizer: custom('a tokenizer made by text.*', (value) => value instanceof Tokenizer),
      maxVocabulary: integer(3),
      minFrequency: integer(1),
      maxLength: integer(1),
      seed,
    },
  })
  return { ...defaults, ...given(options) }
}

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
export type TrainingSettings<Row = LabelledText> = TrainClassifierOptions<Row> &
  Required<Pick<TrainClassifierOptions, keyof typeof trainingDefaults>>

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
      maxUnknown: shareOfTokens,
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
