import { configure } from '../engine.js'
import { AbortError } from '../errors.js'
import { type Forecast, Forecaster, type ForecasterOptions, type TaskEpoch } from '../tasks/index.js'
import { checkFolder } from './folder.js'
import { interruptible } from './interrupt.js'
import { note, print, printJson } from './output.js'
import { readSeriesColumns } from './rows.js'

/** The options of `seqloom train forecast`. */
export interface TrainForecastOptions extends Required<Omit<ForecasterOptions, 'variables'>> {
  readonly data: string
  readonly column: readonly string[]
  readonly out: string
  readonly batchSize: number
  readonly epochs: number
  readonly learningRate: number
  readonly validationSplit: number
  readonly json: boolean
  readonly threads?: number
}

/** Trains a forecaster on columns of a CSV file and saves it; an interrupt saves the best so far and then rejects with an AbortError. */
export async function trainForecast(options: TrainForecastOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  await checkFolder(options.out)
  const { column: variables, horizon, interval, window, transform, cell, layers, units, dropout, seed } = options
  const forecaster = new Forecaster({
    ...{ variables, horizon, interval, window, transform, cell, layers, units, dropout, seed },
  })
  await interruptible(async (signal) => {
    const series = await readSeriesColumns(options.data, variables)
    const started = performance.now()
    const { epochs, batchSize, learningRate, validationSplit, json, out } = options
    let last: TaskEpoch | undefined
    const onEpoch = (epoch: TaskEpoch) => {
      last = epoch
      report(epoch, json)
    }
    let interruption: AbortError | undefined
    try {
      await forecaster.train(series, { epochs, batchSize, learningRate, validationSplit, signal, onEpoch })
    } catch (error) {
      if (!(error instanceof AbortError) || !last) throw error
      interruption = error
    }
    await forecaster.save(out)
    const seconds = (performance.now() - started) / 1000
    const interrupted = interruption !== undefined
    if (json)
      printJson({ event: 'done', model: out, epochs: last?.epoch, best_epoch: last?.best, interrupted, seconds })
    else note(`${interrupted ? 'interrupted: ' : ''}saved the model of epoch ${last?.best} in ${out}`)
    if (interruption) throw interruption
  })
}

function report({ epoch, epochs, loss, valLoss, seconds }: TaskEpoch, json: boolean): void {
  if (json) {
    printJson({ event: 'epoch', epoch, loss, val_loss: valLoss, seconds })
    return
  }
  const measured = valLoss === undefined ? '' : `  val_loss ${valLoss.toFixed(4)}`
  note(`epoch ${epoch}/${epochs}  loss ${loss.toFixed(4)}${measured}  ${seconds.toFixed(1)} s`)
}

/** Prints what a saved forecaster expects after the series that it has read, or after that of a CSV file. */
export async function predictForecast(options: {
  readonly model: string
  readonly data?: string
  readonly json: boolean
}): Promise<void> {
  const forecaster = await Forecaster.load(options.model)
  if (options.data !== undefined) await forecaster.read(await readSeriesColumns(options.data, forecaster.variables))
  const digits = (value: number) => Number(value.toPrecision(6))
  for (const [index, step] of forecaster.forecast().entries()) {
    for (const [variable, forecast] of Object.entries<Forecast>(step)) {
      const { median, lower, upper } = forecast
      if (options.json) printJson({ step: index + 1, variable, median, lower, upper })
      else print([index + 1, variable, digits(median), digits(lower), digits(upper)].join('\t'))
    }
  }
}
