import { type Callback, checkCallbacks } from '../callbacks/callback.js'
import { isStreamed } from '../data/sources.js'
import type { DataSet, Streamed } from '../data/tensor.js'
import { reading, SeqloomError } from '../errors.js'
import {
  abortSignal,
  checkOptions,
  custom,
  flag,
  integer,
  isRecord,
  number,
  type OptionRules,
  orNull,
  seed,
} from '../options.js'
import type { ClassWeights } from './classWeight.js'
import type { SampleWeight } from './sampleWeight.js'

/** @inline How much is shown. */
export type Verbose = 0 | 1 | 2 | boolean | 'auto'

/** Options of {@link Model.predict}. */
export interface PredictOptions {
  /** How many rows to compute at once; default 32. */
  readonly batchSize?: number
  /** How many batches are computed at most; default null: all. */
  readonly steps?: number | null
  /**
   * Whether the processes that `mpirun` has started share the work, of which all get the whole result; all of them must
   * make the call with the same data. Default: what `configure` was told, or `SEQLOOM_DISTRIBUTED`. With callbacks, and
   * of stateful models, each process does all of the work.
   */
  readonly distributed?: boolean
  /** One or more callbacks, which the loop waits for; the model is busy for all others meanwhile, as in `fit`. */
  readonly callbacks?: Callback | readonly Callback[] | null
  /** Aborting it makes the call reject with an AbortError. */
  readonly signal?: AbortSignal
  /** Accepted for the sake of Keras's programs: nothing is shown. */
  readonly verbose?: Verbose
}

/** Options of {@link Model.predictSync}. */
export type PredictSyncOptions = Omit<PredictOptions, 'signal' | 'callbacks' | 'distributed'>

/** Options of {@link Model.evaluate}. */
export interface EvaluateOptions extends PredictOptions {
  /** Factors of rows, or of the steps of sequences. */
  readonly sampleWeight?: SampleWeight
  /** Whether to return the values by name, as `{ loss, accuracy }`; default false: an array. */
  readonly returnDict?: boolean
}

/** Options of {@link Model.evaluateSync}. */
export type EvaluateSyncOptions = Omit<EvaluateOptions, 'signal' | 'callbacks' | 'distributed'>

/** The values of an evaluation by name: the loss, and every metric under its name in histories. */
export interface Scores {
  readonly loss: number
  readonly [metric: string]: number
}

/** Options of {@link Model.testOnBatch}. */
export interface BatchOptions {
  /** Factors of rows, or of the steps of sequences. */
  readonly sampleWeight?: SampleWeight
  /** Whether to return the values by name, as `{ loss, accuracy }`; default false: an array. */
  readonly returnDict?: boolean
  /** Aborting it makes the call reject with an AbortError; a step whose update has not begun is discarded. */
  readonly signal?: AbortSignal
}

/** Options of {@link Model.trainOnBatch}. */
export interface TrainBatchOptions extends BatchOptions {
  /** As in {@link FitOptions}. */
  readonly classWeight?: ClassWeights | null
}

/** Options of {@link Model.fit}. */
export interface FitOptions {
  /** The number of the last epoch plus one; default 1. */
  readonly epochs?: number
  /** How many rows a step takes; the last step of an epoch may have fewer. Default 32. */
  readonly batchSize?: number
  /**
   * The share of rows, taken from the end before shuffling, that is not trained on but evaluated after each epoch;
   * default 0.
   */
  readonly validationSplit?: number | null
  /**
   * Inputs and targets, optionally with sample weights, that are evaluated after each epoch; or rows or batches one
   * after another, gone through from the beginning each time.
   */
  readonly validationData?: readonly [x: DataSet, y: DataSet, sampleWeight?: SampleWeight] | Streamed | null
  /** How many rows the evaluation computes at once; default `batchSize`. */
  readonly validationBatchSize?: number | null
  /**
   * How many batches are validated at most; default null: all. Only with `validationData` or `validationSplit`, like
   * `validationFreq`.
   */
  readonly validationSteps?: number | null
  /** How many epochs there are from one validation to the next; default 1. */
  readonly validationFreq?: number
  /**
   * How many batches an epoch takes; default null: all. An epoch begins where the one before ended; where the rows run
   * out, they are shuffled anew and gone through again.
   */
  readonly stepsPerEpoch?: number | null
  /**
   * Whether every pass over the rows has its own order; with `'batch'`, only the order of the batches changes. Default
   * true, and always false for models with stateful layers.
   */
  readonly shuffle?: boolean | 'batch'
  /**
   * Whether a batch holds rows of similar lengths, so that there is little padding; batches still differ between
   * epochs. Default false.
   */
  readonly bucketByLength?: boolean
  /** Determines the order of the rows; default the model's seed. */
  readonly seed?: number
  /** The number of the first epoch, to continue an earlier training; default 0. */
  readonly initialEpoch?: number
  /**
   * Whether to show progress on stderr: with 1 (or true), a bar on a terminal and lines elsewhere; with 2, one line per
   * epoch. Default 0; `'auto'` is 1.
   */
  readonly verbose?: Verbose
  /**
   * Factors of the losses: for each row `[rows]`, or for each step of sequences `[rows, time]`, ragged where the
   * targets are. A model with several trained outputs takes one for all, or one for each in order or by name.
   */
  readonly sampleWeight?: SampleWeight | null
  /**
   * A factor for the loss of every row, or step, by its class: `{ 0: 1, 1: 10 }`; 1 for classes left out. Only for
   * training: validation is not weighted. The class is the label, the most probable class of a one-hot target, or 1 for
   * a binary target of at least 0.5. Several trained outputs have theirs in order (null for ones) or by name. In
   * weighted metrics they count, too.
   */
  readonly classWeight?: ClassWeights | null
  /**
   * Whether all processes that `mpirun` has started train this model together, each on its share of every batch; all of
   * them must call `fit` with the same data and options. Default: what `configure` was told, or `SEQLOOM_DISTRIBUTED`.
   * With `{ averageEvery: n }` (local SGD, Stich 2019), each makes n steps of its own before the weights become the
   * mean of all, for slow networks: the result then depends on the number of processes.
   */
  readonly distributed?: boolean | { readonly averageEvery?: number }
  /** One or more callbacks. */
  readonly callbacks?: Callback | readonly Callback[] | null
  /** Aborting it makes the call reject with an AbortError; the unfinished step is discarded. */
  readonly signal?: AbortSignal
}

/** Options of `fit` without those that are null, which mean that they were left out, as in Keras. */
export type GivenFitOptions = { readonly [Name in keyof FitOptions]: Exclude<FitOptions[Name], null> }

/** Options that may be null. */
const nullable: readonly (keyof FitOptions)[] = [
  'callbacks',
  'validationSplit',
  'validationData',
  'sampleWeight',
  'classWeight',
  'stepsPerEpoch',
  'validationSteps',
  'validationBatchSize',
]

/** Leaves out what is null where that means nothing. */
export function givenFit(options: FitOptions): GivenFitOptions {
  if (!isRecord(options)) return options as GivenFitOptions
  return reading('ERR_OPTION', 'fit: the options', () => {
    const nothing = nullable.filter((name) => options[name] === null)
    if (nothing.length === 0) return options as GivenFitOptions
    return Object.fromEntries(
      Object.entries(options).filter(([name]) => !nothing.some((left) => left === name)),
    ) as GivenFitOptions
  })
}

/** The number of rows that are computed at once by default, as in Keras. */
export const defaultBatchSize = 32

const anything = custom('data', () => true)
const batchSize = integer(1)

const verbose = custom("0, 1, 2, true, false or 'auto'", (v) => [0, 1, 2, true, false, 'auto'].includes(v as number))

const callbacks = custom('a callback or an array of them', () => true)
const steps = orNull(integer(1))

const predictRules: OptionRules = {
  accepted: { batchSize, steps, callbacks, distributed: flag, signal: abortSignal, verbose },
}

const evaluateRules: OptionRules = {
  accepted: { ...predictRules.accepted, sampleWeight: anything, returnDict: flag },
}

const alone = { callbacks: [null] }

const fitRules: OptionRules = {
  accepted: {
    epochs: integer(1),
    batchSize,
    validationSplit: number(0, 1),
    validationData: custom(
      '[x, y], [x, y, sampleWeight] or a data set',
      (v) => (Array.isArray(v) && (v.length === 2 || v.length === 3)) || isStreamed(v),
    ),
    validationBatchSize: batchSize,
    stepsPerEpoch: integer(1),
    validationSteps: integer(1),
    validationFreq: integer(1),
    shuffle: custom("true, false or 'batch'", (v) => typeof v === 'boolean' || v === 'batch'),
    bucketByLength: flag,
    seed,
    initialEpoch: integer(0),
    sampleWeight: anything,
    classWeight: anything,
    distributed: custom(
      'true, false or { averageEvery: a number of steps }',
      (v) =>
        flag.accepts(v) ||
        (isRecord(v) &&
          Object.entries(v).every(
            ([name, n]) => name === 'averageEvery' && (n === undefined || integer(1).accepts(n)),
          )),
    ),
    callbacks,
    verbose,
    signal: abortSignal,
  },
  refused: { yieldEvery: [] },
}

/** Checks the options of `predict`. */
export const checkPredict = (options: PredictOptions): void => checkOptions('predict', options, predictRules)

/** Checks the options of `predictSync`. */
export const checkPredictSync = (options: PredictSyncOptions): void =>
  checkOptions('predictSync', options, { accepted: { batchSize, steps, verbose }, refused: alone })

/** Checks the options of `evaluate`. */
export const checkEvaluate = (options: EvaluateOptions): void => checkOptions('evaluate', options, evaluateRules)

/** Checks the options of `evaluateSync`. */
export const checkEvaluateSync = (options: EvaluateSyncOptions): void =>
  checkOptions('evaluateSync', options, {
    accepted: { batchSize, steps, sampleWeight: anything, returnDict: flag, verbose },
    refused: alone,
  })

/** Checks the options of `testOnBatch`. */
export const checkTestBatch = (options: BatchOptions): void =>
  checkOptions('testOnBatch', options, { accepted: { sampleWeight: anything, returnDict: flag, signal: abortSignal } })

/** Checks the options of `trainOnBatch`. */
export const checkTrainBatch = (options: TrainBatchOptions): void =>
  checkOptions('trainOnBatch', options, {
    accepted: { sampleWeight: anything, classWeight: anything, returnDict: flag, signal: abortSignal },
  })

/** Checks the options of `fit`. */
export function checkFit(options: GivenFitOptions): void {
  checkOptions('fit', options, fitRules)
  checkCallbacks(options.callbacks)
  const { validationSplit = 0, validationData, initialEpoch = 0, epochs = 1 } = options
  if (validationSplit > 0 && validationData !== undefined) {
    throw new SeqloomError('ERR_OPTION', 'fit: validationSplit and validationData exclude each other; give one of them')
  }
  if (initialEpoch >= epochs) {
    throw new SeqloomError('ERR_OPTION', `fit: initialEpoch ${initialEpoch} must be below epochs ${epochs}`)
  }
}
