import { configure } from '../engine.js'
import { type Forecast, Forecaster, type ForecasterOptions } from '../tasks/index.js'
import { backupFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { print, printJson } from './output.js'
import { lossView } from './progress.js'
import { readSeriesColumns } from './rows.js'
import { finishWithLoss, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train forecast`. */
export interface TrainForecastOptions extends Required<Omit<ForecasterOptions, 'variables'>> {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly column: readonly string[]
  readonly out: string
  readonly batchSize: number
  readonly epochs: number
  readonly learningRate: number
  readonly validationSplit: number
  readonly resume: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Trains a forecaster on columns of a CSV file and saves it; an interrupt saves the best so far, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainForecast(options: TrainForecastOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const backupDir = await backupFolder(options.out, options.resume)
  const { column: variables, horizon, interval, window, transform, cell, layers, units, dropout, seed } = options
  const forecaster = new Forecaster({
    ...{ variables, horizon, interval, window, transform, cell, layers, units, dropout, seed },
  })
  await interruptible(async (signal) => {
    const { rows: series } = await readSeriesColumns(options, variables)
    const { epochs, batchSize, learningRate, validationSplit } = options
    const given = { epochs, batchSize, learningRate, validationSplit, backupDir, signal }
    await trainAndSave(
      forecaster,
      options,
      lossView('windows'),
      (listeners) => forecaster.train(series, { ...given, ...listeners }),
      (trained) => finishWithLoss(trained, options),
    )
  })
}

/** Prints what a saved forecaster expects after the series that it has read, or after that of a CSV file. */
export async function predictForecast(options: {
  readonly model: string
  readonly data?: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly json: boolean
}): Promise<void> {
  const forecaster = await Forecaster.load(options.model)
  const { data } = options
  if (data !== undefined)
    await forecaster.read((await readSeriesColumns({ ...options, data }, forecaster.variables)).rows)
  const digits = (value: number) => Number(value.toPrecision(6))
  for (const [index, step] of forecaster.forecast().entries()) {
    for (const [variable, forecast] of Object.entries<Forecast>(step)) {
      const { median, lower, upper } = forecast
      if (options.json) printJson({ step: index + 1, variable, median, lower, upper })
      else print([index + 1, variable, digits(median), digits(lower), digits(upper)].join('\t'))
    }
  }
}
