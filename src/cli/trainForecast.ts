import { namingLines } from '../data/table.js'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { saving } from '../tasks/forecaster/saved.js'
import { type Forecast, Forecaster, type ForecasterOptions } from '../tasks/index.js'
import { backupFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { oneLine, print, printJson } from './output.js'
import { lossView } from './progress.js'
import { readForecastData, readForecastRows } from './rows.js'
import { finishWithLoss, trainAndSave } from './trainAndSave.js'

/** The options of `seqloom train forecast`. */
export interface TrainForecastOptions
  extends Required<Omit<ForecasterOptions, 'variables' | 'time' | 'group' | 'covariates'>> {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly column: readonly string[]
  readonly time?: string
  readonly group?: string
  readonly covariates: readonly string[]
  readonly past: readonly string[]
  readonly out: string
  readonly batchSize?: number
  readonly epochs?: number
  readonly learningRate?: number
  readonly validationSplit?: number
  readonly resume: boolean
  readonly force: boolean
  readonly json: boolean
  readonly threads?: number
}

/** Trains a forecaster on columns of a file and saves it; an interrupt saves the best so far, if it replaces no finished one, leaves a backup to go on from, and rejects with an AbortError. */
export async function trainForecast(options: TrainForecastOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const backupDir = await backupFolder(options, saving.kind)
  const { column: variables, time, group, covariates: known, past } = options
  const { horizon, interval, window, transform, calendar, fill, cell, layers, units, dropout, seed } = options
  const forecaster = new Forecaster<string, string, string>({
    ...{ variables, covariates: { known, past }, horizon, interval, window, transform, calendar, fill },
    ...{ cell, layers, units, dropout, seed },
    ...(time !== undefined && { time }),
    ...(group !== undefined && { group }),
  })
  await interruptible(async (signal) => {
    const read = await readForecastData({ ...options, signal }, forecaster)
    const { epochs, batchSize, learningRate, validationSplit } = options
    const given = {
      ...{ backupDir, resume: options.resume, signal },
      ...(epochs !== undefined && { epochs }),
      ...(batchSize !== undefined && { batchSize }),
      ...(learningRate !== undefined && { learningRate }),
      ...(validationSplit !== undefined && { validationSplit }),
    }
    await trainAndSave(
      forecaster,
      options,
      lossView('windows'),
      (listeners) => namingLines(read, forecaster.train(read.rows as never, { ...given, ...listeners })),
      (trained) => finishWithLoss(trained, options),
    )
  })
}

/**
 * Prints what a saved forecaster expects after the series that it has read, or after those of a file: with a time, rows of time and group with what is
 * known of them from another file.
 */
export async function predictForecast(options: {
  readonly model: string
  readonly data?: string
  readonly known?: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly json: boolean
  readonly signal: AbortSignal
}): Promise<void> {
  const forecaster = await Forecaster.load<string, string, string>(options.model)
  const { data, known: ahead, json } = options
  const { time, group, variables, covariates } = forecaster
  if (data !== undefined) {
    const read = await readForecastData({ ...options, data }, forecaster)
    await namingLines(read, forecaster.read(read.rows as never))
  }
  if (ahead !== undefined && covariates.known.length === 0) {
    throw new SeqloomError('ERR_OPTION', `${options.model} was trained without covariates, so --known has no use`)
  }
  const columns = { time, group, variables: [], covariates: { known: covariates.known, past: [] } }
  const known = ahead === undefined ? undefined : await readForecastRows({ ...options, data: ahead }, columns)
  const forecasts = known
    ? await namingLines(
        known,
        Promise.resolve().then(() => forecaster.forecast({ known: known.rows })),
      )
    : forecaster.forecast()
  const digits = (value: number) => Number(value.toPrecision(6))
  for (const [index, row] of forecasts.entries()) {
    const place =
      time === undefined
        ? { step: index + 1 }
        : { [time]: row[time], ...(group !== undefined && { [group]: row[group] }) }
    for (const variable of variables) {
      const { median, lower, upper } = row[variable] as Forecast
      if (json) printJson({ ...place, variable, median, lower, upper })
      else {
        const names = Object.values(place).map((value) => oneLine(String(value)))
        print([...names, variable, digits(median), digits(lower), digits(upper)].join('\t'))
      }
    }
  }
}
