import { SeqloomError } from '../errors.js'
import { learningRate, type Schedule } from '../optimizers/schedules.js'
import {
  abortSignal,
  checkOptions,
  custom,
  filePath,
  flag,
  given,
  integer,
  isRecord,
  number,
  oneOf,
  seed,
} from '../options.js'
import { callback } from './classifierOptions.js'
import type { BackupSettings } from './keepBest.js'
import type { TaskListeners } from './taskReports.js'

/** The covariates of rows, by the names of their fields: numbers, truth values, or texts, of which each becomes a number of its own. */
export interface Covariates {
  /** Known of steps to come, such as promotions, prices and holidays; `forecast({ known })` needs them. Default none. */
  readonly known?: readonly string[]
  /** Known only afterwards, such as the number of visitors. Default none. */
  readonly past?: readonly string[]
}

/** How a forecaster is built. */
export interface ForecasterOptions<
  Name extends string = string,
  Time extends string = string,
  Group extends string = string,
> {
  /** The names of the variables: the order of a row's values, or with `time` their fields; default `['value']`. */
  readonly variables?: readonly Name[]
  /**
   * The field that says when a row was: ISO dates (`'2024-01-31'`, `'2024-01'`, `'2024-Q1'`, with a time and a zone if need be), Dates, milliseconds since
   * 1970, or plain numbers. Rows may come in any order; how they follow each other (hours, days, open weekdays, weeks, months, …) is found. By
   * default series are arrays in the order of time.
   */
  readonly time?: Time
  /** The field that tells series apart; one model learns from all of them. Needs `time`; default: there is one series. */
  readonly group?: Group
  /** Other fields that help to forecast. They need `time`; default none. */
  readonly covariates?: Covariates
  /** Whether weekday, time of day, day of the year, month or quarter are read off dates, as far as training spans them twice; default true. */
  readonly calendar?: boolean
  /**
   * What becomes of missing steps and values (null or NaN): `'none'` refuses them, `'linear'` puts them on the line between their neighbours, `'last'`
   * repeats what was there last, `'mask'` tells the network that they are missing and does not learn them. Covariates are repeated. Default `'none'`.
   */
  readonly fill?: 'none' | 'linear' | 'last' | 'mask'
  /** How many steps ahead are forecast; default 1. */
  readonly horizon?: number
  /** The share of values that intervals are to cover, between 0 and 1; default 0.9. */
  readonly interval?: number
  /** How many steps a training sequence has: what lies further back is not learned from; default 64. */
  readonly window?: number
  /**
   * What is learned from and forecast: values as they are, for values above 0 their logarithm, or for values that are never negative their root or
   * log(1 + value). The default, `'auto'`, takes for each variable the logarithm where all values trained on are above 0 and a linear forecast of the
   * last third of them does better with it, else values as they are; smaller ones that come later are no error.
   */
  readonly transform?: 'auto' | 'none' | 'sqrt' | 'log' | 'log1p'
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
  transform: 'auto',
  calendar: true,
  fill: 'none',
  cell: 'gru',
  layers: 1,
  units: 32,
  dropout: 0,
  seed: 0,
} as const

/** The options with their defaults. */
export type ForecasterSettings = Required<Omit<ForecasterOptions, 'time' | 'group' | 'covariates'>> &
  Pick<ForecasterOptions, 'time' | 'group'> & { readonly covariates: Required<Covariates> }

const areNames = (v: unknown): boolean =>
  Array.isArray(v) && v.every((name) => typeof name === 'string' && name !== '') && new Set(v).size === v.length

const names = custom('an array of different names', areNames)
const someNames = custom('an array of different names', (v) => areNames(v) && (v as string[]).length > 0)
const name = custom('the name of a field', (v) => typeof v === 'string' && v !== '')

/** Checks the options of `new Forecaster` and fills in the defaults; `ERR_OPTION`. */
export function forecasterSettings(options: ForecasterOptions): ForecasterSettings {
  checkOptions('Forecaster', options, {
    accepted: {
      variables: someNames,
      time: name,
      group: name,
      covariates: custom('an object { known, past }', isRecord),
      calendar: flag,
      fill: oneOf(['none', 'linear', 'last', 'mask']),
      horizon: integer(1, 10_000),
      interval: custom('a number between 0 and 1', (v) => typeof v === 'number' && v > 0 && v < 1),
      window: integer(2),
      transform: oneOf(['auto', 'none', 'sqrt', 'log', 'log1p']),
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      layers: integer(1, 64),
      units: integer(1),
      dropout: number(0, 1),
      seed,
    },
  })
  const { covariates = {}, ...others } = given(options)
  checkOptions('Forecaster: covariates', covariates, { accepted: { known: names, past: names } })
  const settings = {
    variables: ['value'],
    ...defaults,
    ...others,
    covariates: { known: [], past: [], ...given(covariates) },
  }
  const { time, group } = settings
  const fields = [...settings.covariates.known, ...settings.covariates.past]
  if (time === undefined && (group !== undefined || fields.length > 0)) {
    const what = group === undefined ? 'covariates' : 'group'
    throw new SeqloomError('ERR_OPTION', `Forecaster: ${what} needs time, the field that says when a row was`)
  }
  const used = [
    ...(time === undefined ? [] : [time]),
    ...(group === undefined ? [] : [group]),
    ...settings.variables,
    ...fields,
  ]
  const twice = used.find((field, index) => used.indexOf(field) !== index)
  if (twice === undefined) return settings
  throw new SeqloomError(
    'ERR_OPTION',
    `Forecaster: '${twice}' stands twice among time, group, variables and covariates; a field has one meaning`,
  )
}

/** How a forecaster is trained. */
export interface TrainForecasterOptions extends TaskListeners, BackupSettings {
  /** Default 40, or with covariates or a calendar 20; as many more as few data need for 600 training steps (700). */
  readonly epochs?: number
  /** How many windows a training step takes; default 32 (16), or an eighth of all of them if that is less. */
  readonly batchSize?: number
  /** Adam's step, or a schedule of it; default 0.003 (0.005). */
  readonly learningRate?: number | Schedule
  /**
   * The share of each series, from its end, that is kept apart to measure on: at least the horizon, forecast from what lies before as in use. Default 0.1,
   * and nothing of series that would be left with less than three times as much, or if it is too little to tell epochs apart.
   */
  readonly validationSplit?: number
  /**
   * Whether the weights of the epoch with the lowest validation loss (without validation, training loss) are put back in the end; default true. The last
   * epoch is kept if fewer than 10 values were held out.
   */
  readonly restoreBest?: boolean
  /** Stops training: `train` rejects with an AbortError, and the forecaster has the best weights so far. */
  readonly signal?: AbortSignal
}

/** Checks the options of `Forecaster.train` and fills in the defaults; `ERR_OPTION`. */
export function forecasterTraining(options: TrainForecasterOptions): TrainForecasterOptions {
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
  return given(options)
}
