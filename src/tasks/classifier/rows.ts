import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { checkList } from '../shared/rows.js'

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
      throw new SeqloomError('ERR_DATA', `${where}: row ${index} must be ${expected}, not ${shown(row)}`)
    }
    if (row.label === '') throw new SeqloomError('ERR_DATA', `${where}: row ${index} has an empty label`)
  })
}

function shown(row: unknown): string {
  if (!isRecord(row)) return describe(row)
  const fields = Object.entries(row).slice(0, 4)
  return `{ ${fields.map(([name, value]) => `${name}: ${describe(value)}`).join(', ')} }`
}
