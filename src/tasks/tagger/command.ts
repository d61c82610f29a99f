import { accuracyView } from '../../cli/accuracyView.js'
import { answerAll, answerFlags, checkAnswering, checkFor } from '../../cli/answering.js'
import { oneLine, print, printJson } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { readColumns, tableHelp } from '../../cli/rows.js'
import { reportTable } from '../../cli/table.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { numberIn } from '../../data/numbers.js'
import { SequenceTagger, type TaggedTokens, type TokenFeatures, type TokenSequence } from './index.js'
import { saving } from './saved.js'

const tokensColumn = 'the column of tokens separated by spaces (or a JSON array), for a tagger'

/** What the command line does with a sequence tagger. */
export const command = taskCommand({
  kind: saving.kind,
  load: SequenceTagger.load,
  columns: { tokens: tokensColumn, tags: 'the column of tags' },
  read(file, tagger: SequenceTagger) {
    const features = featureColumns(tagger)
    const names = { tokens: file.tokens, tags: file.tags, ...features }
    const rows = readColumns(file, names, (row: Record<string, string>) => row, { lists: true })
    let numeric: Promise<ReadonlySet<string>> | undefined
    return rows.map(async (row): Promise<TaggedTokens> => {
      numeric ??= numericIn(tagger, rows.once ? [row] : rows, features)
      return { ...sequenceOf(row, features, await numeric), tags: listOf(row.tags as string) }
    })
  },
  show(result, json) {
    const { count, sequences, sequenceAccuracy, entities, entityTypes = [] } = result
    showReport(result, `${count} tokens  ${sequenceAccuracy.toFixed(4)} of ${sequences} sequences`, json)
    if (json || !entities) return
    const { precision, recall, f1 } = entities
    const numbers = [precision, recall, f1].map((value) => value.toFixed(4))
    print(`\nentities: precision ${numbers[0]}  recall ${numbers[1]}  f1 ${numbers[2]}`)
    print(reportTable({ classes: entityTypes }, 'entity'))
  },
  train: {
    name: 'tag',
    description:
      'Trains a sequence tagger on a CSV file or JSON lines and saves the model with the best validation accuracy.',
    data: `${tableHelp}, of lists of tokens and of tags`,
    options: SequenceTagger.optionTables,
    view: accuracyView,
    create: (options) => new SequenceTagger(options),
  },
  use: {
    name: 'predict',
    description: 'A tagger tags the tokens of each.',
    argument: ['[texts...]', 'texts to label'],
    flags: answerFlags({ tokens: tokensColumn }),
    check: checkAnswering,
    async run(tagger, texts, given, signal) {
      checkFor('a tagger', given, ['known', 'explain'])
      const { json, tokens } = given
      const features = featureColumns(tagger)
      const numeric = await numericIn(tagger, [], features)
      await answerAll(texts, given, signal, {
        columns: { tokens: tokens as string, ...features },
        values: { lists: true },
        read: (row: Readonly<Record<string, string>>) => sequenceOf(row, features, numeric),
        answer: (some) => tagger.predict(some, { signal }),
        show(_, found) {
          if (json) printJson({ tokens: found })
          else print(found.map(({ token, tag }) => `${oneLine(token)}/${tag}`).join(' '))
        },
        written: (found, nested) => ({
          tags: nested ? found.map(({ tag }) => tag) : joined(found.map(({ tag }) => tag)),
          probabilities: found.map(({ probability }) => probability),
        }),
      })
    },
  },
})

/** The columns of features. They may have any name, so they are numbered. */
const featureColumns = (tagger: SequenceTagger): Readonly<Record<string, string>> =>
  Object.fromEntries(tagger.features.map((name, at) => [`feature ${at}`, name]))

/** The tokens of a row, and their features, of which some are `numeric`. */
function sequenceOf(
  row: Readonly<Record<string, string>>,
  columns: Readonly<Record<string, string>>,
  numeric: ReadonlySet<string>,
): TokenSequence {
  const features = Object.entries(columns).map(([column, name]) => {
    const list = listOf(row[column] as string)
    return [name, numeric.has(name) ? list.map((value) => numberIn(String(value)) ?? Number.NaN) : list] as const
  })
  return {
    tokens: listOf(row.tokens as string),
    ...(features.length > 0 && { features: Object.fromEntries(features) as TokenFeatures }),
  }
}

/** A list as {@link listOf} reads it. */
const joined = (list: readonly string[]): string =>
  list.some((each) => each === '' || /\s/.test(each)) ? JSON.stringify(list) : list.join(' ')

/**
 * The features that are of numbers: those of which the tagger knows it; before training those of which all rows have
 * only numbers, or, of what can be read only once, the first row.
 */
async function numericIn(
  tagger: SequenceTagger,
  rows: Iterable<Record<string, string>> | AsyncIterable<Record<string, string>>,
  columns: Readonly<Record<string, string>>,
): Promise<ReadonlySet<string>> {
  const names = Object.values(columns)
  if (names.every((name) => tagger.readsNumbers(name) !== undefined)) {
    return new Set(names.filter((name) => tagger.readsNumbers(name)))
  }
  const found = new Map(Object.entries(columns))
  for await (const row of rows) {
    for (const column of found.keys()) {
      if (!listOf(row[column] as string).every((value) => numberIn(String(value)) !== undefined)) found.delete(column)
    }
    if (found.size === 0) break
  }
  return new Set(found.values())
}

/** The strings of a JSON array, or the parts of a text between spaces. */
function listOf(text: string): string[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list as string[]
  } catch {
    // Not everything that begins like JSON is JSON.
  }
  return text.split(/\s+/).filter((part) => part !== '')
}
