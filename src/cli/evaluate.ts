import { configure } from '../engine.js'
import { TextClassifier } from '../tasks/index.js'
import { interruptible } from './interrupt.js'
import { print, printJson } from './output.js'
import { readRows } from './rows.js'
import { confusionTable } from './table.js'

/** The options of `seqloom evaluate`. */
export interface EvaluateOptions {
  readonly model: string
  readonly data: string
  readonly text: string
  readonly label: string
  readonly json: boolean
  readonly threads?: number
}

/** Measures a saved classifier on the rows of a CSV file and prints accuracy, loss and the confusion table. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  await interruptible(async (signal) => {
    const classifier = await TextClassifier.load(options.model)
    const rows = await readRows(options)
    const result = await classifier.evaluate(rows, { signal })
    if (options.json) {
      printJson({ event: 'evaluation', ...result })
      return
    }
    const { accuracy, loss, count, labels, confusion } = result
    print(`accuracy ${accuracy.toFixed(4)}  loss ${loss.toFixed(4)}  ${count} texts`)
    print(confusionTable(labels, confusion))
  })
}
