import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/** A text with its label. */
export interface LabelledText {
  readonly text: string
  readonly label: string
}

/** `ERR_DATA`, naming the row, unless `rows` is an array of texts with labels that holds at least one. */
export function checkRows(what: string, rows: readonly LabelledText[]): void {
  checkList(what, rows, 'an array of { text, label }')
  rows.forEach((row, index) => {
    if (!isRecord(row) || typeof row.text !== 'string' || typeof row.label !== 'string') {
      throw new SeqloomError('ERR_DATA', `${what}: row ${index} must be { text: string, label: string }, not ${shown(row)}`)
    }
    if (row.label === '') throw new SeqloomError('ERR_DATA', `${what}: row ${index} has an empty label`)
  })
}

/** `ERR_DATA`, naming the place, unless `texts` is an array of strings that holds at least one. */
export function checkTexts(what: string, texts: readonly string[]): void {
  checkList(what, texts, 'an array of strings')
  texts.forEach((text, index) => {
    if (typeof text !== 'string') {
      throw new SeqloomError('ERR_DATA', `${what}: text ${index} must be a string, not ${describe(text)}`)
    }
  })
}

function checkList(what: string, list: unknown, expected: string): void {
  if (!Array.isArray(list)) throw new SeqloomError('ERR_DATA', `${what}: expected ${expected}, not ${describe(list)}`)
  if (list.length === 0) throw new SeqloomError('ERR_DATA', `${what}: there are no rows`)
}

function shown(row: unknown): string {
  if (!isRecord(row)) return describe(row)
  const fields = Object.entries(row).slice(0, 4)
  return `{ ${fields.map(([name, value]) => `${name}: ${describe(value)}`).join(', ')} }`
}
