import { dirname, resolve } from 'node:path'
import { readCsv } from '../data/csv.js'
import { readJsonLines } from '../data/jsonLines.js'
import { AbortError, describe, SeqloomError } from '../errors.js'
import type { LabelledText, TranslationRow } from '../tasks/index.js'
import { type FilePicture, readPicture, type Size } from './pictures.js'

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

/** Reads numbers from columns of a CSV file, a row for each step; `ERR_DATA` for what is no number. */
export async function readSeriesColumns(path: string, columns: readonly string[]): Promise<number[][]> {
  const rows = await readCsv(path, columns)
  return rows.map((row, index) =>
    columns.map((column) => {
      const text = row[column] as string
      const value = text.trim() === '' ? Number.NaN : Number(text)
      if (Number.isFinite(value)) return value
      throw new SeqloomError('ERR_DATA', `${path}: row ${index}: ${column} must be a number, not ${describe(text)}`)
    }),
  )
}

/** Reads captions, and the image files that they belong to, named from the folder of the data file. */
export async function readCaptions(
  file: { readonly data: string; readonly image: string; readonly caption: string; readonly size?: Size },
  signal: AbortSignal,
): Promise<{ image: FilePicture; caption: string }[]> {
  const { data, image, caption, size } = file
  const read = data.toLowerCase().endsWith('.jsonl') ? readJsonLines : readCsv
  const pictures = new Map<string, FilePicture>()
  const rows: { image: FilePicture; caption: string }[] = []
  for (const row of await read(data, [image, caption])) {
    const path = resolve(dirname(data), row[image] as string)
    if (signal.aborted) throw new AbortError(signal)
    const picture = pictures.get(path) ?? (await readPicture(path, size))
    pictures.set(path, picture)
    rows.push({ image: picture, caption: row[caption] as string })
  }
  return rows
}
