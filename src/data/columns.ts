import { describe, SeqloomError } from '../errors.js'
import { custom, flag } from '../options.js'
import { fieldIn, fieldNames } from './fields.js'
import { Decimals, isMissingText, numberCure, numberIn } from './numbers.js'
import type { Place } from './places.js'

/** Which columns of a table make up the rows of a training. */
export interface ColumnOptions {
  /** The column of the input, or those of its numbers in order; by input name for a model with several. */
  readonly x?: ColumnNames | { readonly [input: string]: ColumnNames }
  /** The column of the target, or those of its numbers in order; by output name for a model with several. */
  readonly y?: ColumnNames | { readonly [output: string]: ColumnNames }
  /** The column of the rows' weights. */
  readonly sampleWeight?: string
  /** The labels in the column of `y`: their numbers become the targets. Others are `ERR_DATA`. */
  readonly classes?: readonly (string | number)[]
  /** Columns that hold texts, for layers that read texts. */
  readonly texts?: readonly string[]
  /**
   * Whether rows are left out in which one of these columns is missing, as by pandas' `dropna`: it is empty, null, NaN or
   * NA. Default false: such rows are refused, with their place.
   */
  readonly dropMissing?: boolean
}

/** One column, or several side by side. */
export type ColumnNames = string | readonly string[]

/** A row of a table. */
export type TableRow = Readonly<Record<string, unknown>>

/** A row as a model is trained with it. */
export interface Example {
  readonly x: unknown
  readonly y?: unknown
  readonly sampleWeight?: number
}

/** Whether a value is an array without holes, all of whose elements are of a kind. */
const isListOf = (v: unknown, isOne: (element: unknown) => boolean): boolean =>
  Array.isArray(v) && v.length > 0 && Array.from(v as unknown[]).every(isOne)

const isNames = (v: unknown): boolean => typeof v === 'string' || isListOf(v, (name) => typeof name === 'string')

const names = custom(
  'a column, an array of columns, or an object of them',
  (v) => isNames(v) || (typeof v === 'object' && v !== null && !Array.isArray(v) && Object.values(v).every(isNames)),
)
const texts = custom('an array of columns', (v) => Array.isArray(v) && isNames(v))

/** The rules of these options. */
export const columnRules = {
  x: names,
  y: names,
  sampleWeight: custom('a column', (v) => typeof v === 'string'),
  classes: custom(
    'an array of different texts or numbers',
    (v) =>
      isListOf(v, (label) => ['string', 'number'].includes(typeof label)) &&
      new Set((v as readonly unknown[]).map(String)).size === (v as readonly unknown[]).length,
  ),
  texts,
  dropMissing: flag,
}

/** The columns that are read; undefined for all. */
export function columnsRead({ x, y, sampleWeight }: ColumnOptions): string[] | undefined {
  if (x === undefined) return undefined
  const of = (given: unknown): string[] =>
    typeof given === 'string' ? [given] : Array.isArray(given) ? given : Object.values(given ?? {}).flatMap(of)
  return [...new Set([...of(x), ...of(y), ...of(sampleWeight)])]
}

/** The row that is read, for messages, and how its texts are numbers. */
interface Reading {
  /** Names the row. */
  readonly place: () => string
  /** The number that a text of a column is; undefined for one that is none. */
  readonly number: (text: string, column: string) => number | undefined
}

type Part = (row: TableRow, reading: Reading) => unknown

/**
 * What makes examples of rows; rows stay as they are if no `x` is named. Texts that are numbers become numbers, and
 * `true` and `false`, in any case, 1 and 0.
 */
export function examplesOf(
  where: string,
  options: ColumnOptions,
): (rows: readonly TableRow[], place: Place) => readonly (TableRow | Example)[] {
  const { x, y, sampleWeight } = options
  if (x === undefined) {
    const needing = (['y', 'sampleWeight', 'classes', 'texts', 'dropMissing'] as const).find(
      (name) => options[name] !== undefined,
    )
    if (needing !== undefined) throw new SeqloomError('ERR_OPTION', `${where}: ${needing} needs x`)
    return (rows) => rows
  }
  const field = fieldReader(options)
  const part = (given: NonNullable<ColumnOptions['x']>, isLabel: boolean): Part => {
    if (typeof given === 'string') return (row, reading) => field(row, given, reading, isLabel)
    if (Array.isArray(given)) {
      return (row, reading) => given.map((column: string) => field(row, column, reading, isLabel))
    }
    const parts = Object.entries(given).map(([name, of]) => [name, part(of as ColumnNames, isLabel)] as const)
    return (row, reading) => Object.fromEntries(parts.map(([name, of]) => [name, of(row, reading)]))
  }
  const [inputs, targets] = [part(x, false), y === undefined ? undefined : part(y, true)]
  const decimals = new Decimals()
  return (rows, place) => {
    let at = 0
    const { decimal = '.' } = place
    const here = () => place(at)
    const reading: Reading = {
      place: here,
      number: (text, column) => (decimal === 'either' ? decimals.read(column, text, here) : numberIn(text, decimal)),
    }
    const examples: Example[] = []
    for (; at < rows.length; at++) {
      const row = rows[at] as TableRow
      examples.push({
        x: inputs(row, reading),
        ...(targets && { y: targets(row, reading) }),
        ...(sampleWeight !== undefined && { sampleWeight: field(row, sampleWeight, reading, false) as number }),
      })
    }
    return examples
  }
}

/** Which rows lack none of their columns, by number; a class may be called `NA`. */
export function completeRows(options: ColumnOptions): (rows: readonly TableRow[]) => number[] {
  const { y, classes, texts } = options
  const labels = new Set(classes && y !== undefined ? columnsRead({ x: y }) : [])
  const asTexts = new Set(texts)
  const columns = columnsRead(options) ?? []
  const known = new Set(classes?.map(String))
  const isMissing = (row: TableRow, column: string): boolean => {
    const value = fieldIn(row, column)
    if (value === undefined) return Object.hasOwn(row, column)
    if (typeof value !== 'string') return value === null || Number.isNaN(value)
    if (labels.has(column) && known.has(value)) return false
    return value.trim() === '' || (!asTexts.has(column) && isMissingText(value))
  }
  return (rows) => [...rows.keys()].filter((at) => !columns.some((column) => isMissing(rows[at] as TableRow, column)))
}

/** What reads a column of a row: a label's number, a text, or a number. */
function fieldReader({ classes, texts }: ColumnOptions) {
  const numbers = classes && new Map(classes.map((label, at) => [String(label), at]))
  const isText = new Set(texts)
  return (row: TableRow, column: string, reading: Reading, isLabel: boolean): unknown => {
    const { place } = reading
    const value = fieldIn(row, column)
    if (value === undefined && !Object.hasOwn(row, column)) {
      const has = fieldNames(row).slice(0, 20).map(describe).join(', ')
      throw new SeqloomError('ERR_DATA', `${place()}: there is no column ${describe(column)}; there are ${has}`)
    }
    if (!isLabel || !numbers) return isText.has(column) ? String(value ?? '') : numeric(value, column, reading, isLabel)
    const number = numbers.get(String(value))
    if (number !== undefined) return number
    const known = (classes ?? []).slice(0, 20).map(describe).join(', ')
    throw new SeqloomError(
      'ERR_DATA',
      `${place()}: the label ${describe(value)} in ${describe(column)} is not among the classes ${known}`,
    )
  }
}

/** Booleans as DuckDB, pandas and R write them. */
const truths = new Map([
  ['false', 0],
  ['true', 1],
])

/** The number that a text is, or a truth value. */
export const numberOrTruth = (
  text: string,
  read: (text: string) => number | undefined = numberIn,
): number | undefined => (text.trim() === '' ? undefined : (read(text) ?? truths.get(text.trim().toLowerCase())))

function numeric(value: unknown, column: string, reading: Reading, isLabel: boolean): unknown {
  const { place } = reading
  if (typeof value === 'number') return finite(value, column, reading)
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value)
  if (typeof value === 'object' && value !== null) return listed(value, column, reading)
  const number = typeof value === 'string' ? numberOrTruth(value, (text) => reading.number(text, column)) : undefined
  if (number !== undefined) return number
  throw new SeqloomError(
    'ERR_DATA',
    `${place()}: ${describe(column)} must be a number, not ${describe(value)}${cureOf(value, isLabel)}`,
  )
}

/** What helps where a text is no number. */
function cureOf(value: unknown, isLabel: boolean): string {
  if (typeof value !== 'string' || value.trim() === '') return ''
  const cure = numberCure(value)
  if (cure !== '') return cure
  return isLabel ? '; for labels that are texts, name them in classes' : '; name columns of texts in texts'
}

function finite(value: number, column: string, { place }: Reading): number {
  if (Number.isFinite(value)) return value
  throw new SeqloomError('ERR_DATA', `${place()}: ${describe(column)} must be a finite number, not ${value}`)
}

/** A list in a column, such as a sequence. */
function listed(value: object, column: string, reading: Reading): unknown {
  if (Array.isArray(value)) {
    return value.map((each: unknown) => {
      if (typeof each === 'bigint') return Number(each)
      if (typeof each === 'number') return finite(each, column, reading)
      return Array.isArray(each) ? listed(each, column, reading) : each
    })
  }
  const items = (value as { readonly items?: unknown }).items
  if (Array.isArray(items)) return listed(items, column, reading)
  if (Symbol.iterator in value) return listed([...(value as Iterable<unknown>)], column, reading)
  return value
}
