import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/** Whether an element is an object of named parts, such as `{ x, y }`. */
export const isNamed = (element: unknown): element is Readonly<Record<string, unknown>> =>
  isRecord(element) && !Array.isArray(element) && Object.getPrototypeOf(element) === Object.prototype

/** Whether an element is a row with parts in order: `[x, y]` or `[x, y, sampleWeight]`, not numbers alone. */
export const isTuple = (element: unknown): element is readonly unknown[] =>
  Array.isArray(element) && (element.length === 2 || element.length === 3) && !element.every(isPlain)

const isPlain = (value: unknown): boolean => typeof value === 'number' || typeof value === 'string'

/** One batch of rows: of objects an object whose parts are arrays, of others an array. */
export function stacked(rows: readonly unknown[]): unknown {
  const [first] = rows
  if (!isNamed(first)) {
    if (!isTuple(first)) return rows
    return first.map((part, at) => stacked(rows.map((row, index) => partOf(row, at, part, index))))
  }
  const names = Object.keys(first)
  for (const [index, row] of rows.entries()) {
    if (!isNamed(row) || Object.keys(row).length !== names.length) throw uneven(index, names)
  }
  return Object.fromEntries(
    names.map((name) => {
      const parts = rows.map((row, index) => {
        if (!Object.hasOwn(row as object, name)) throw uneven(index, names)
        return (row as Readonly<Record<string, unknown>>)[name]
      })
      return [name, isNamed(parts[0]) ? stacked(parts) : parts]
    }),
  )
}

function partOf(row: unknown, at: number, _: unknown, index: number): unknown {
  if (Array.isArray(row) && at in row) return row[at]
  throw new SeqloomError('ERR_DATA', `row ${index} is no array with parts like the first row`)
}

const uneven = (index: number, names: readonly string[]): SeqloomError =>
  new SeqloomError('ERR_DATA', `row ${index} does not have the parts of the first row, ${names.join(', ')}`)
