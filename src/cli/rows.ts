import { readCsv } from '../data/csv.js'
import type { LabelledText } from '../tasks/index.js'

/** Reads labelled texts from two columns of a CSV file. */
export async function readRows(source: {
  readonly data: string
  readonly text: string
  readonly label: string
}): Promise<LabelledText[]> {
  const { data, text, label } = source
  const rows = await readCsv(data, [text, label])
  return rows.map((row) => ({ text: row[text] as string, label: row[label] as string }))
}
