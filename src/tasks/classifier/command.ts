import { Option } from 'commander'
import { accuracyView } from '../../cli/accuracyView.js'
import * as flags from '../../cli/flags.js'
import { oneLine, print, printJson } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { type FileOptions, namingOptions, readColumns, tableOptions } from '../../cli/rows.js'
import { type Flags, taskCommand } from '../../cli/taskCommand.js'
import { inBatches, lines, most } from '../../cli/texts.js'
import { streamTable, type TableOptions } from '../../data/table.js'
import { SeqloomError } from '../../errors.js'
import { TextClassifier } from './index.js'
import { saving } from './saved.js'

/** What the command line does with a text classifier. */
export const command = taskCommand({
  kind: saving.kind,
  load: TextClassifier.load,
  columns: { text: 'the column of texts, for a classifier', label: 'the column of labels' },
  read: (file, _: TextClassifier) =>
    readColumns(file, { text: file.text, label: file.label }, (row) => row, { plainValues: true }),
  show: (result, json) => showReport(result, `${result.count} texts`, json),
  train: {
    name: 'classify',
    description:
      'Trains a text classifier on a CSV file or JSON lines and saves the model with the best validation accuracy.',
    data: 'a CSV file with a header line, or one JSON object per line (.jsonl)',
    options: TextClassifier.optionTables,
    view: accuracyView,
    create: (options) => new TextClassifier(options),
  },
  use: {
    name: 'predict',
    description: 'Labels texts: the given ones, a column of a CSV file, or the lines of standard input.',
    argument: ['[texts...]', 'texts to label'],
    flags: [
      new Option('--data <file>', 'a CSV file (or .jsonl) of texts to label, or of a series to continue from'),
      flags.column('text', 'the column of texts'),
      new Option('--explain', 'show, for a classifier of texts, which words speak for the label and which against it'),
      ...flags.table(),
    ],
    check(texts, { data }) {
      if (texts.length > 0 && data !== undefined) {
        throw new SeqloomError('ERR_OPTION', 'give texts or --data, not both')
      }
    },
    async run(classifier, texts, given, signal) {
      if (given.known !== undefined) throw new SeqloomError('ERR_OPTION', '--known is for forecasters')
      for await (const batch of source(texts, given, signal)) {
        if (given.explain === true) {
          await explain(classifier, batch, given.json === true, signal)
          continue
        }
        const predictions = await classifier.predict(batch, { signal })
        predictions.forEach((prediction, index) => {
          const text = batch[index] as string
          if (given.json) printJson({ text, ...prediction })
          else print(`${prediction.label}\t${prediction.probability.toFixed(4)}\t${oneLine(text)}`)
        })
      }
    },
  },
})

async function explain(classifier: TextClassifier, texts: readonly string[], json: boolean, signal: AbortSignal) {
  for (const text of texts) {
    const [found] = await classifier.explain([text], { signal })
    if (!found) continue
    const { label, probability, tokens, values } = found
    if (json) printJson({ text, label, probability, tokens, values: Array.from(values) })
    else print(`${label}\t${probability.toFixed(4)}\t${found.text()}`)
  }
}

function source(
  texts: readonly string[],
  given: Flags,
  signal: AbortSignal,
): AsyncIterable<string[]> | Iterable<string[]> {
  const { data, text, encoding } = given as Partial<FileOptions> & { readonly text: string }
  if (data === undefined) return texts.length > 0 ? inBatches(texts) : lines(process.stdin, signal, encoding)
  return column(data, text, { ...tableOptions({ ...given, signal }), plainValues: true })
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
