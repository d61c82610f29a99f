import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** A text with its label. */
export interface LabelledText {
  readonly text: string
  readonly label: string
}

/** `ERR_DATA`, naming the row, unless `rows` is an array of texts with labels that holds at least one. */
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

/** `ERR_DATA` unless `list` is an array that holds at least one row. */
export function checkList(where: string, what: string, list: readonly unknown[]): void {
  if (!Array.isArray(list)) {
    throw new SeqloomError('ERR_DATA', `${where}: expected an array of ${what}, not ${describe(list)}`)
  }
  checkNotEmpty(where, list)
}

/** `ERR_DATA` for a list without rows. */
export function checkNotEmpty(where: string, list: readonly unknown[]): void {
  if (list.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows`)
}

function shown(row: unknown): string {
  if (!isRecord(row)) return describe(row)
  const fields = Object.entries(row).slice(0, 4)
  return `{ ${fields.map(([name, value]) => `${name}: ${describe(value)}`).join(', ')} }`
}
