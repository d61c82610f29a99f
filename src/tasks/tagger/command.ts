import { accuracyView } from '../../cli/accuracyView.js'
import { print } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { readColumns } from '../../cli/rows.js'
import { reportTable } from '../../cli/table.js'
import { taskCommand } from '../../cli/taskCommand.js'
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
  async read(file, tagger: SequenceTagger) {
    // Columns may have any name, so those of features are numbered.
    const columns = Object.fromEntries(tagger.features.map((name, at) => [`feature ${at}`, name]))
    const names = { tokens: file.tokens, tags: file.tags, ...columns }
    const read = await readColumns(file, names, (row: Record<string, string>) => row, { lists: true })
    const rows: TaggedTokens[] = read.rows.map(({ tokens, tags }) => ({
      tokens: listOf(tokens as string),
      tags: listOf(tags as string),
    }))
    if (tagger.features.length === 0) return { ...read, rows }
    const features = Object.entries(columns).map(([column, name]) => {
      const lists = read.rows.map((row) => listOf(row[column] as string))
      const numeric =
        tagger.readsNumbers(name) ?? lists.every((list) => list.every((text) => Number.isFinite(Number(text))))
      return [name, numeric ? lists.map((list) => list.map(Number)) : lists] as const
    })
    const featuresAt = (row: number) => Object.fromEntries(features.map(([name, lists]) => [name, lists[row]]))
    return { ...read, rows: rows.map((row, at) => ({ ...row, features: featuresAt(at) as TokenFeatures })) }
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
    data: 'a CSV file with a header line, or one JSON object per line (.jsonl), of lists of tokens and of tags',
    options: SequenceTagger.optionTables,
    view: accuracyView,
    create: (options) => new SequenceTagger(options),
  },
})

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
