import { streamTable, type TableOptions } from '../data/table.js'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { saving } from '../tasks/classifier/saved.js'
import { TextClassifier } from '../tasks/index.js'
import { expectTask } from './expectTask.js'
import { interruptible } from './interrupt.js'
import { oneLine, print, printJson } from './output.js'
import { namingOptions, tableOptions } from './rows.js'
import { inBatches, lines, most } from './texts.js'
import { predictForecast } from './trainForecast.js'

/** The options of `seqloom predict`. */
export interface PredictOptions {
  readonly model: string
  readonly data?: string
  readonly known?: string
  readonly text: string
  readonly delimiter?: string
  readonly encoding?: string
  readonly json: boolean
  readonly threads?: number
}

/**
 * Labels the texts given, those of a CSV file, or the lines of standard input, and prints one line for each as it is known. For a forecaster, prints
 * what it expects next.
 */
export async function predict(texts: readonly string[], options: PredictOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  if (texts.length > 0 && options.data !== undefined) {
    throw new SeqloomError('ERR_OPTION', 'give texts or --data, not both')
  }
  await interruptible(async (signal) => {
    const batches = source(texts, options, signal)
    const task = await expectTask(options.model, saving.kind)
    if (task.task === 'Forecaster') {
      if (texts.length > 0)
        throw new SeqloomError('ERR_OPTION', `${options.model} is a forecaster, which takes no texts`)
      return await predictForecast({ ...options, signal })
    }
    if (options.known !== undefined) throw new SeqloomError('ERR_OPTION', '--known is for forecasters')
    const classifier = await TextClassifier.load(options.model)
    for await (const batch of batches) {
      const predictions = await classifier.predict(batch, { signal })
      predictions.forEach((prediction, index) => {
        const text = batch[index] as string
        if (options.json) printJson({ text, ...prediction })
        else print(`${prediction.label}\t${prediction.probability.toFixed(4)}\t${oneLine(text)}`)
      })
    }
  })
}

function source(
  texts: readonly string[],
  options: PredictOptions,
  signal: AbortSignal,
): AsyncIterable<string[]> | Iterable<string[]> {
  const { data, text, encoding } = options
  if (data === undefined) return texts.length > 0 ? inBatches(texts) : lines(process.stdin, signal, encoding)
  return column(data, text, { ...tableOptions({ ...options, signal }), plainValues: true })
}

async function* column(path: string, name: string, options: TableOptions): AsyncGenerator<string[]> {
  let batch: string[] = []
  const rows = streamTable(path, [name], options)
  const next = () => namingOptions({ text: name }, rows.next())
  for (let row = await next(); row.done !== true; row = await next()) {
    batch.push(row.value[name] as string)
    if (batch.length === most) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}
