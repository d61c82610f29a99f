import { learningRate, type Schedule } from '../optimizers/schedules.js'
import { abortSignal, checkOptions, custom, filePath, flag, given, integer, number, oneOf, seed } from '../options.js'
import { callback } from './classifierOptions.js'
import type { BackupSettings } from './keepBest.js'
import type { TaskListeners } from './taskReports.js'

/** How a forecaster is built. */
export interface ForecasterOptions<Name extends string = string> {
  /** The names of the variables, in the order of a row's values; default `['value']`. */
  readonly variables?: readonly Name[]
  /** How many steps ahead are forecast; default 1. */
  readonly horizon?: number
  /** The share of values that intervals are to cover, between 0 and 1; default 0.9. */
  readonly interval?: number
  /** How many steps a training sequence has: what lies further back is not learned from; default 64. */
  readonly window?: number
  /** What is learned from and forecast: values as they are, or, for values that are never negative, their root or log(1 + value); default `'none'`. */
  readonly transform?: 'none' | 'sqrt' | 'log1p'
  /** The recurrent cell; default `'gru'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state; default 32. */
  readonly units?: number
  /** The rate of dropout before the output; default 0. */
  readonly dropout?: number
  /** The seed of the first weights and of the order of training; default 0. */
  readonly seed?: number
}

const defaults = {
  horizon: 1,
  interval: 0.9,
  window: 64,
  transform: 'none',
  cell: 'gru',
  layers: 1,
  units: 32,
  dropout: 0,
  seed: 0,
} as const

/** The options with their defaults. */
export type ForecasterSettings = Required<ForecasterOptions>

const names = custom(
  'an array of different names',
  (v) =>
    Array.isArray(v) &&
    v.length > 0 &&
    v.every((name) => typeof name === 'string' && name !== '') &&
    new Set(v).size === v.length,
)

/** Checks the options of `new Forecaster` and fills in the defaults; `ERR_OPTION`. */
export function forecasterSettings(options: ForecasterOptions): ForecasterSettings {
  checkOptions('Forecaster', options, {
    accepted: {
      variables: names,
      horizon: integer(1, 10_000),
      interval: custom('a number between 0 and 1', (v) => typeof v === 'number' && v > 0 && v < 1),
      window: integer(2),
      transform: oneOf(['none', 'sqrt', 'log1p']),
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      layers: integer(1, 64),
      units: integer(1),
      dropout: number(0, 1),
      seed,
    },
  })
  return { variables: ['value'], ...defaults, ...given(options) }
}

/** How a forecaster is trained. */
export interface TrainForecasterOptions extends TaskListeners, BackupSettings {
  /** Default 40. */
  readonly epochs?: number
  /** How many windows a training step takes; default 32. */
  readonly batchSize?: number
  /** Adam's step, or a schedule of it; default 0.003. */
  readonly learningRate?: number | Schedule
  /** The share of the series, from its end, that is kept apart to measure on; default 0.1. */
  readonly validationSplit?: number
  /** Whether the weights of the epoch with the lowest validation loss (without validation, training loss) are put back in the end; default true. */
  readonly restoreBest?: boolean
  /** Stops training: `train` rejects with an AbortError, and the forecaster has the best weights so far. */
  readonly signal?: AbortSignal
}

const trainingDefaults = {
  epochs: 40,
  batchSize: 32,
  learningRate: 3e-3,
  validationSplit: 0.1,
  restoreBest: true,
} as const

/** Checks the options of `Forecaster.train` and fills in the defaults; `ERR_OPTION`. */
export function forecasterTraining(options: TrainForecasterOptions) {
  checkOptions('Forecaster.train', options, {
    accepted: {
      epochs: integer(1),
      batchSize: integer(1),
      learningRate,
      validationSplit: number(0, 1),
      restoreBest: flag,
      backupDir: filePath,
      resume: flag,
      signal: abortSignal,
      onProgress: callback,
      onEpoch: callback,
    },
  })
  return { ...trainingDefaults, ...given(options) }
}
