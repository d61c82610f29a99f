import { Option } from 'commander'
import { accuracyView } from '../../cli/accuracyView.js'
import * as flags from '../../cli/flags.js'
import { note, oneLine, print, printJson } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { type FileOptions, readColumns, readWhole, tableHelp } from '../../cli/rows.js'
import { type Flags, taskCommand } from '../../cli/taskCommand.js'
import { lines } from '../../cli/texts.js'
import type { TableRow } from '../../data/columns.js'
import { Dataset } from '../../data/dataset.js'
import { textsOf } from '../../data/jsonLines.js'
import { from } from '../../data/sources.js'
import { write } from '../../data/write.js'
import { SeqloomError } from '../../errors.js'
import { answersFor } from '../shared/answers.js'
import { type Prediction, TextClassifier } from './index.js'
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
    data: tableHelp,
    options: TextClassifier.optionTables,
    view: accuracyView,
    create: (options) => new TextClassifier(options),
  },
  use: {
    name: 'predict',
    description: 'Labels texts: the given ones, a column of a CSV file, or the lines of standard input.',
    argument: ['[texts...]', 'texts to label'],
    flags: [
      new Option('--data <file>', 'a table of texts to label, or of a series to continue from'),
      flags.column('text', 'the column of texts'),
      new Option(
        '--out <file>',
        'where to write the rows of --data, or the texts, with their labels: .csv, .jsonl or .parquet',
      ),
      new Option('--force', 'replace the file at --out').default(false),
      new Option('--explain', 'show, for a classifier of texts, which words speak for the label and which against it'),
      ...flags.table(),
    ],
    check(texts, { data, out, explain, json, force }) {
      if (texts.length > 0 && data !== undefined) {
        throw new SeqloomError('ERR_OPTION', 'give texts or --data, not both')
      }
      if (out !== undefined && explain === true) {
        throw new SeqloomError('ERR_OPTION', '--explain is shown, not written: give it without --out')
      }
      if (out !== undefined && json === true) {
        throw new SeqloomError(
          'ERR_OPTION',
          '--json is printed: give it without --out, or an --out that ends in .jsonl',
        )
      }
      if (out === undefined && force === true) throw new SeqloomError('ERR_OPTION', '--force is for --out')
    },
    async run(classifier, texts, given, signal) {
      if (given.known !== undefined) throw new SeqloomError('ERR_OPTION', '--known is for forecasters')
      if (given.out !== undefined) {
        const out = given.out as string
        const columns = /\.(jsonl|ndjson)(\.gz)?$/i.test(out) ? (prediction: Prediction) => prediction : flat
        const rows = labels(classifier, texts, given, columns, signal)
        const count = await write(rows, out, { signal, overwrite: given.force === true })
        note(`wrote the labels of ${count} texts in ${out}`)
        return
      }
      if (given.explain === true) {
        for await (const batch of source(texts, given, signal).open({ pass: 0, skip: 0 })) {
          await explain(classifier, batch, given.json === true, signal)
        }
        return
      }
      for await (const { text, ...prediction } of classifier.predict(source(texts, given, signal), { signal })) {
        if (given.json) printJson({ text, ...prediction })
        else print(`${prediction.label}\t${prediction.probability.toFixed(4)}\t${oneLine(text)}`)
      }
    },
  },
})

/** Texts with their labels, in columns: those of a table beside all its own. */
function labels(
  classifier: TextClassifier,
  texts: readonly string[],
  given: Flags,
  columns: (prediction: Prediction) => object,
  signal: AbortSignal,
): Dataset<object> {
  const { data, text } = given as Partial<FileOptions> & { readonly text: string }
  if (data === undefined) {
    const labelled = classifier.predict(source(texts, given, signal), { signal })
    return labelled.map(({ text, ...prediction }) => ({ text, ...columns(prediction) }))
  }
  const rows = readWhole({ ...given, data, signal }, { text })
  return answersFor('--data', rows, async (some) => {
    const own = some.map((row, at) => textsOf(`predict: row ${at}`, row, [text], { plainValues: true })[text] as string)
    const predictions = await classifier.predict(own, { signal })
    return some.map((row, at) => beside(row, columns(predictions[at] as Prediction)))
  })
}

/** A row and what was predicted of it; a column of the row that has such a name keeps it. */
const beside = (row: TableRow, predicted: object): object => ({
  ...row,
  ...Object.fromEntries(
    Object.entries(predicted).map(([name, value]) => [Object.hasOwn(row, name) ? `predicted ${name}` : name, value]),
  ),
})

/** A prediction with a column for each probability. */
const flat = ({ probabilities, ...prediction }: Prediction) => ({
  ...prediction,
  ...Object.fromEntries(Object.entries(probabilities).map(([label, value]) => [`probability of ${label}`, value])),
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

function source(texts: readonly string[], given: Flags, signal: AbortSignal): Dataset<string> {
  const { data, text, encoding } = given as Partial<FileOptions> & { readonly text: string }
  if (texts.length > 0) return from(texts)
  if (data !== undefined) {
    const file = { ...given, data, signal }
    return readColumns(file, { text }, (row) => row.text, { plainValues: true })
  }
  return new Dataset<string>({
    ...{ name: 'standard input', once: true },
    all: () => lines(process.stdin, signal, encoding),
  })
}
