import { Option } from 'commander'
import { accuracyView } from '../../cli/accuracyView.js'
import { answerAll, answerFlags, checkAnswering, checkFor } from '../../cli/answering.js'
import { oneLine, print, printJson } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { type FileOptions, readColumns, tableHelp } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { isFolder } from '../../data/files.js'
import { textFolder } from '../../data/textFolder.js'
import { SeqloomError } from '../../errors.js'
import { type Explanation, type Prediction, TextClassifier } from './index.js'
import { saving } from './saved.js'

const textColumn = 'the column of texts, for a classifier'

/** What the command line does with a text classifier. */
export const command = taskCommand({
  kind: saving.kind,
  load: TextClassifier.load,
  columns: { text: textColumn, label: 'the column of labels' },
  read: (file, _: TextClassifier) => (isFolder(file.data) ? readFolder(file) : readTable(file)),
  show: (result, json) => showReport(result, `${result.count} texts`, json),
  train: {
    name: 'classify',
    description:
      'Trains a text classifier on a CSV file or JSON lines and saves the model with the best validation accuracy.',
    data: `${tableHelp}; or a folder with a folder of text files for each label`,
    options: TextClassifier.optionTables,
    view: accuracyView,
    create: (options) => new TextClassifier(options),
  },
  use: {
    name: 'predict',
    description: 'A text classifier labels texts: the given ones, a column of a table, or the lines of standard input.',
    argument: ['[texts...]', 'texts to label'],
    flags: [
      ...answerFlags({ text: textColumn }),
      new Option('--explain', 'show, for a classifier of texts, which words speak for the label and which against it'),
    ],
    check: checkAnswering,
    async run(classifier, texts, given, signal) {
      const { json, explain } = given
      checkFor('a classifier', given, ['known'])
      const asking = {
        columns: { text: given.text as string },
        values: { plainValues: true },
        read: ({ text }: { readonly text: string }) => text,
      }
      if (explain === true) {
        await answerAll(texts, given, signal, {
          ...asking,
          answer: async (some) => (await classifier.explain(some, { signal })).map(plain),
          show({ text }, { line, ...explanation }) {
            if (json) printJson({ text, ...explanation })
            else print(`${explanation.label}\t${explanation.probability.toFixed(4)}\t${line}`)
          },
          written: ({ line, ...explanation }) => explanation,
        })
        return
      }
      await answerAll(texts, given, signal, {
        ...asking,
        answer: (some) => classifier.predict(some, { signal }),
        show({ text }, prediction) {
          if (json) printJson({ text, ...prediction })
          else print(`${prediction.label}\t${prediction.probability.toFixed(4)}\t${oneLine(text)}`)
        },
        written: (prediction, nested) => (nested ? prediction : flat(prediction)),
      })
    },
  },
})

interface LabelledFile extends FileOptions {
  readonly text: string
  readonly label: string
}

const readTable = (file: LabelledFile) =>
  readColumns(file, { text: file.text, label: file.label }, (row) => row, { plainValues: true })

/** The texts of a folder. `ERR_OPTION` for flags that are for tables. */
function readFolder({ data, encoding, delimiter, dropMissing, text, label }: LabelledFile) {
  for (const [flag, isGiven] of Object.entries({
    text: text !== 'text',
    label: label !== 'label',
    delimiter: delimiter !== undefined,
    'drop-missing': dropMissing !== undefined,
  })) {
    if (!isGiven) continue
    throw new SeqloomError('ERR_OPTION', `--${flag} is for tables, and ${data} is a folder: its folders are the labels`)
  }
  return textFolder(data, encoding === undefined ? {} : { encoding })
}

/** A prediction with a column for each probability. */
const flat = ({ probabilities, ...prediction }: Prediction) => ({
  ...prediction,
  ...Object.fromEntries(Object.entries(probabilities).map(([label, value]) => [`probability of ${label}`, value])),
})

/** An explanation as plain values, and as a line. */
const plain = (found: Explanation) => {
  const { label, probability, tokens, values } = found
  return { label, probability, tokens, values: Array.from(values), line: found.text() }
}
