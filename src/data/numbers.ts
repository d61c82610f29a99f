import { describe, SeqloomError } from '../errors.js'

/** What stands before the decimals of numbers. */
export type Decimal = '.' | ','

/** With a decimal comma, digits before it may be in groups of three with points between them. */
const withComma = /^[+-]?(?:(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d*)?|,\d+)(?:e[+-]?\d+)?$/i

/** Numbers that no column of a table has: words, other bases, and what is beyond double precision. */
const unusual = /^[+-]?(?:nan|inf(?:inity)?|0[xob][\da-f]+|[\d.]+e\+?\d+)$/i

/**
 * The finite number that a text of a table is, in decimal digits; undefined for any other text: `Infinity`, `1e400` and
 * `0x10` are none.
 */
export function numberIn(text: string, decimal: Decimal = '.'): number | undefined {
  const written = text.trim()
  if (decimal === ',' ? !withComma.test(written) : written === '' || /^0[xob]/i.test(written)) return undefined
  const number = Number(decimal === ',' ? written.replaceAll('.', '').replace(',', '.') : written)
  return Number.isFinite(number) ? number : undefined
}

/** What is said besides of a text that is no number: how it could be one. */
export function numberCure(text: string): string {
  const written = text.trim()
  if (unusual.test(written)) return '; finite numbers in decimal digits are read'
  if (written.includes(',') && withComma.test(written)) {
    return "; decimal commas are read from files with semicolons between columns, and by data.csv with decimal: ','"
  }
  return ''
}

/** How the numbers of a column are written where it is known as a whole: with commas if any has one. */
export const decimalOf = (texts: readonly string[]): Decimal => (texts.some((text) => text.includes(',')) ? ',' : '.')

/**
 * Learns how the numbers of columns are written as they come: the first one with a point or a comma tells. `ERR_DATA`
 * for a column that turns out to have both.
 */
export class Decimals {
  readonly #found = new Map<string, { readonly decimal: Decimal; readonly text: string; readonly place: string }>()

  /** The number that a text of a column is; undefined for one that is none. */
  read(column: string, text: string, place: () => string): number | undefined {
    const found = this.#found.get(column)
    if (found === undefined) {
      const decimal = text.includes(',') ? ',' : '.'
      const number = numberIn(text, decimal)
      if (number !== undefined && /[.,]/.test(text)) {
        this.#found.set(column, { decimal, text: text.trim(), place: place() })
      }
      return number
    }
    const number = numberIn(text, found.decimal)
    if (number !== undefined || numberIn(text, found.decimal === ',' ? '.' : ',') === undefined) return number
    throw new SeqloomError(
      'ERR_DATA',
      `${place()}: ${describe(column)} is ${describe(text.trim())}, but ${describe(found.text)} at ${found.place}: name what stands before the decimals (decimal: ',' or '.')`,
    )
  }
}

/** Whether there is no number: an empty cell, or what tables of other programs have instead. */
export const isMissingText = (value: unknown): boolean =>
  typeof value === 'string' && /^\s*(nan|n\/?a|null|none)?\s*$/i.test(value)
