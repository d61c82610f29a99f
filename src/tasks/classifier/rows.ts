import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { checkList, describeRow } from '../shared/rows.js'

/** A text with its label. */
export interface LabelledText {
  readonly text: string
  readonly label: string
}

/** Throws `ERR_DATA`, naming the row, unless `rows` is a non-empty array of texts with labels. */
export function checkRows(where: string, rows: readonly LabelledText[]): void {
  checkList(where, '{ text, label }', rows)
  rows.forEach((row: unknown, index) => {
    if (!isRecord(row) || typeof row.text !== 'string' || typeof row.label !== 'string') {
      const expected = '{ text: string, label: string }'
      throw new SeqloomError('ERR_DATA', `${where}: row ${index} must be ${expected}, not ${describeRow(row)}`)
    }
    if (row.label === '') throw new SeqloomError('ERR_DATA', `${where}: row ${index} has an empty label`)
  })
}

/**
 * `ERR_DATA` for rows of few texts with many labels: their columns were exchanged, for nothing could be learned of texts
 * that have ever other labels.
 */
export function checkExchanged(where: string, rows: readonly LabelledText[]): void {
  const [texts, labels] = (['text', 'label'] as const).map((name) => new Set(rows.map((row) => row[name])).size)
  if (labels === undefined || texts === undefined || labels <= texts || 2 * texts > rows.length) return
  throw new SeqloomError(
    'ERR_DATA',
    `${where}: ${rows.length} rows have ${labels} different labels and only ${texts} different texts, such as ${describe(rows[0]?.text)}; are texts and labels exchanged?`,
  )
}
