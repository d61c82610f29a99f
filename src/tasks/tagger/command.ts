import { accuracyView } from '../../cli/accuracyView.js'
import { print } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { readColumns, tableHelp } from '../../cli/rows.js'
import { reportTable } from '../../cli/table.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { numberIn } from '../../data/numbers.js'
import { SequenceTagger, type TaggedTokens, type TokenFeatures } from './index.js'
import { saving } from './saved.js'

/** What the command line does with a sequence tagger. */
export const command = taskCommand({
  kind: saving.kind,
  load: SequenceTagger.load,
  columns: {
    tokens: 'the column of tokens separated by spaces (or a JSON array), for a tagger',
    tags: 'the column of tags',
  },
  read(file, tagger: SequenceTagger) {
    // Columns may have any name, so those of features are numbered.
    const columns = Object.fromEntries(tagger.features.map((name, at) => [`feature ${at}`, name]))
    const names = { tokens: file.tokens, tags: file.tags, ...columns }
    const rows = readColumns(file, names, (row: Record<string, string>) => row, { lists: true })
    let numeric: Promise<ReadonlySet<string>> | undefined
    return rows.map(async (row): Promise<TaggedTokens> => {
      numeric ??= numericIn(tagger, rows.once ? [row] : rows, columns)
      const ofNumbers = await numeric
      const features = Object.entries(columns).map(([column, name]) => {
        const list = listOf(row[column] as string)
        return [name, ofNumbers.has(name) ? list.map((value) => numberIn(String(value)) ?? Number.NaN) : list] as const
      })
      return {
        tokens: listOf(row.tokens as string),
        tags: listOf(row.tags as string),
        ...(features.length > 0 && { features: Object.fromEntries(features) as TokenFeatures }),
      }
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
})

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
