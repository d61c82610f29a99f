import { print } from '../../cli/output.js'
import { showReport } from '../../cli/results.js'
import { readColumns } from '../../cli/rows.js'
import { reportTable } from '../../cli/table.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { SequenceTagger } from './index.js'
import { saving } from './saved.js'

/** What the command line does with a sequence tagger. */
export const command = taskCommand({
  kind: saving.kind,
  load: SequenceTagger.load,
  columns: {
    tokens: 'the column of tokens separated by spaces (or a JSON array), for a tagger',
    tags: 'the column of tags',
  },
  read: (file, _: SequenceTagger) =>
    readColumns(
      file,
      { tokens: file.tokens, tags: file.tags },
      ({ tokens, tags }) => ({ tokens: listOf(tokens), tags: listOf(tags) }),
      { lists: true },
    ),
  show(result, json) {
    const { count, sequences, sequenceAccuracy, entities, entityTypes = [] } = result
    showReport(result, `${count} tokens  ${sequenceAccuracy.toFixed(4)} of ${sequences} sequences`, json)
    if (json || !entities) return
    const { precision, recall, f1 } = entities
    const numbers = [precision, recall, f1].map((value) => value.toFixed(4))
    print(`\nentities: precision ${numbers[0]}  recall ${numbers[1]}  f1 ${numbers[2]}`)
    print(reportTable({ classes: entityTypes }, 'entity'))
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
