import { SeqloomError } from '../../errors.js'
import { checkOptions, custom, given, isRecord } from '../../options.js'
import type { ForecasterOptions, TrainForecasterOptions } from '../optionTypes.js'
import { anyCell, cellSentence } from '../shared/cell.js'
import { OptionTable, option, optional, type Values } from '../shared/option.js'
import { backupOptions, distribution, furtherCallbacks, listeners, trainingSignal } from '../shared/training.js'
import { between, flag, integer, number, oneOf, rate, seed } from '../shared/values.js'

/**
 * The covariates of rows, by the names of their fields: numbers, booleans, or texts, each of which becomes its own
 * number.
 */
export interface Covariates {
  /** Known ahead of time, such as promotions, prices and holidays; `forecast({ known })` needs them. Default none. */
  readonly known?: readonly string[]
  /** Known only afterwards, such as the number of visitors. Default none. */
  readonly past?: readonly string[]
}

const listed = (text: string, before: unknown) => [...((before as string[] | undefined) ?? []), text]

const areNames = (v: unknown): boolean =>
  Array.isArray(v) && v.every((name) => typeof name === 'string' && name !== '') && new Set(v).size === v.length

const names = custom('an array of different names', areNames)
const someNames: Values<readonly string[]> = {
  ...custom('an array of different names', (v) => areNames(v) && (v as string[]).length > 0),
  type: 'readonly Name[]',
  flag: { name: '<names...>', read: listed },
}

/** The name of a field that has a type parameter. */
const field = (type: string): Values<string> => ({
  ...custom('the name of a field', (v) => typeof v === 'string' && v !== ''),
  type,
  flag: { name: '<column>' },
})

const covariates: Values<Covariates> = {
  ...custom('an object { known, past }', isRecord),
  type: 'Covariates',
  from: ['Covariates', './forecaster/options.js'],
}

/** The options of `new Forecaster`. */
export const forecasterOptions = new OptionTable(
  'ForecasterOptions<Name extends string = string, Time extends string = string, Group extends string = string>',
  'How a forecaster is built.',
  {
    variables: optional(
      someNames,
      "The names of the variables to forecast: in the order of a row's values, or with `time` the names of their " +
        'fields',
      "`['value']`",
      { name: 'column', needed: true },
    ),
    time: optional(
      field('Time'),
      "The field with the time of a row: ISO dates (`'2024-01-31'`, `'2024-01'`, `'2024-Q1'`, with a time and a " +
        'zone if need be), Dates, milliseconds since 1970, or plain numbers. Rows may come in any order; the ' +
        'interval between them (hours, days, business days, weeks, months, …) is found from the data. By default ' +
        'series are arrays in chronological order.',
    ),
    group: optional(
      field('Group'),
      'The field that distinguishes several series; one model learns from all of them. Needs `time`; by default ' +
        'there is one series.',
    ),
    covariates: optional(covariates, 'Other fields that help to forecast. They need `time`.', 'none'),
    calendar: option(
      flag,
      true,
      'Whether to use weekday, time of day, day of the year, month or quarter of dates, each if training spans ' +
        'it at least twice',
    ),
    fill: option(
      oneOf('none', 'linear', 'last', 'mask'),
      'none',
      "What to do with missing steps and values (null or NaN): `'none'` refuses them, `'linear'` interpolates " +
        "between their neighbours, `'last'` repeats the last value, `'mask'` tells the network that they are " +
        'missing and does not learn them. Missing covariates repeat the last value.',
    ),
    horizon: option(integer(1, 10_000), 1, 'How many steps ahead to forecast'),
    interval: option(between, 0.9, 'The share of values that intervals should cover, between 0 and 1'),
    window: option(integer(2), 64, 'How many steps a training sequence has: training looks no further back'),
    transform: option(
      oneOf('auto', 'none', 'sqrt', 'log', 'log1p'),
      'auto',
      'How values are transformed before learning: not at all, by their logarithm (for values above 0), or by ' +
        "their root or log(1 + value) (for values that are never negative). `'auto'` takes the logarithm of a " +
        'variable if all its training values are above 0 and a linear forecast of the last third of them is better ' +
        'with it, else the values as they are; smaller values that come later are not an error.',
    ),
    cell: option(anyCell, 'gru', cellSentence),
    layers: option(integer(1, 64), 1, 'The number of recurrent layers'),
    units: option(integer(1), 32, "The size of a recurrent layer's state"),
    dropout: option(number(0, 1), 0, 'The rate of dropout before the output'),
    seed: option(seed, 0, 'The seed of the initial weights and of the order of training'),
  },
)

/** The options with their defaults. */
export type ForecasterSettings = Required<Omit<ForecasterOptions, 'time' | 'group' | 'covariates'>> &
  Pick<ForecasterOptions, 'time' | 'group'> & { readonly covariates: Required<Covariates> }

/** Checks the options of `new Forecaster` and fills in the defaults; `ERR_OPTION`. */
export function forecasterSettings(options: ForecasterOptions): ForecasterSettings {
  const { covariates = {}, ...others } = forecasterOptions.read('Forecaster', options)
  checkOptions('Forecaster: covariates', covariates, { accepted: { known: names, past: names } })
  const settings = {
    variables: ['value'],
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

/** The options of `Forecaster.train`. */
export const trainForecasterOptions = new OptionTable('TrainForecasterOptions', 'How a forecaster is trained.', {
  epochs: optional(
    integer(1),
    'How many passes over the windows to make',
    '40, or 20 with covariates or a calendar; more if little data would give fewer than 600 training steps (700 with covariates or a calendar)',
  ),
  batchSize: optional(
    integer(1),
    'The number of windows in a training step',
    '32, or 16 with covariates or a calendar; an eighth of all windows if that is less',
  ),
  learningRate: optional(
    rate,
    "Adam's learning rate, or a schedule of it",
    '0.003, or 0.005 with covariates or a calendar',
  ),
  validationSplit: optional(
    number(0, 1),
    'The share of each series, from its end, that is held out for validation: at least the horizon, forecast ' +
      'from the values before it, as in use.',
    '0.1; nothing from series that would be left with less than three times as much, or if it is too little to ' +
      'tell epochs apart',
  ),
  restoreBest: optional(
    flag,
    'Whether to restore the weights of the epoch with the lowest validation loss (without validation, training ' +
      'loss) in the end',
    'true, but the last epoch is kept if fewer than 10 values were held out',
  ),
  ...backupOptions,
  ...distribution,
  signal: trainingSignal('forecaster'),
  callbacks: furtherCallbacks,
  ...listeners('TaskProgress', 'TaskEpoch', './shared/training.js'),
})

/** Checks the options of `Forecaster.train`; `ERR_OPTION`. */
export const forecasterTraining = (options: TrainForecasterOptions): TrainForecasterOptions =>
  trainForecasterOptions.read('Forecaster.train', options)
