import { readCsv } from '../data/csv.js'
import type { LabelledText, TranslationRow } from '../tasks/index.js'

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

/** Reads texts with translations from two columns of a CSV file, or of one with tabs between columns, `.tsv`. */
export async function readTranslations(file: {
  readonly data: string
  readonly source: string
  readonly target: string
}): Promise<TranslationRow[]> {
  const { data, source, target } = file
  const rows = await readCsv(data, [source, target])
  return rows.map((row) => ({ source: row[source] as string, target: row[target] as string }))
}
