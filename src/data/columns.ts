import { describe, SeqloomError } from '../errors.js'
import { checkOptions, custom } from '../options.js'

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
}

/** Checks these options alone. */
export const checkColumnOptions = (where: string, options: ColumnOptions): void =>
  checkOptions(where, options, { accepted: columnRules })

/** The columns that are read; undefined for all. */
export function columnsRead({ x, y, sampleWeight }: ColumnOptions): string[] | undefined {
  if (x === undefined) return undefined
  const of = (given: unknown): string[] =>
    typeof given === 'string' ? [given] : Array.isArray(given) ? given : Object.values(given ?? {}).flatMap(of)
  return [...new Set([...of(x), ...of(y), ...of(sampleWeight)])]
}

/**
 * What makes examples of rows; rows stay as they are if no `x` is named. `place` says where a row is, for messages.
 * Texts that are numbers become numbers, and `true` and `false`, in any case, 1 and 0.
 */
export function exampleOf(
  where: string,
  options: ColumnOptions,
): (row: TableRow, place: () => string) => TableRow | Example {
  const { x, y, sampleWeight, classes } = options
  if (x === undefined) {
    const needing = (['y', 'sampleWeight', 'classes', 'texts'] as const).find((name) => options[name] !== undefined)
    if (needing !== undefined) throw new SeqloomError('ERR_OPTION', `${where}: ${needing} needs x`)
    return (row) => row
  }
  const numbers = classes && new Map(classes.map((label, at) => [String(label), at]))
  const isText = new Set(options.texts)
  const labelled = (value: unknown, column: string, place: () => string): unknown => {
    const number = numbers?.get(String(value))
    if (number !== undefined) return number
    const known = (classes ?? []).slice(0, 20).map(describe).join(', ')
    throw new SeqloomError(
      'ERR_DATA',
      `${place()}: the label ${describe(value)} in ${describe(column)} is not among the classes ${known}`,
    )
  }
  const field = (row: TableRow, column: string, place: () => string, isLabel: boolean): unknown => {
    if (!Object.hasOwn(row, column)) {
      const has = Object.keys(row).slice(0, 20).map(describe).join(', ')
      throw new SeqloomError('ERR_DATA', `${place()}: there is no column ${describe(column)}; there are ${has}`)
    }
    const value = row[column]
    if (isLabel && numbers) return labelled(value, column, place)
    return isText.has(column) ? String(value ?? '') : numeric(value, column, place, isLabel)
  }
  type Part = (row: TableRow, place: () => string) => unknown
  const part = (given: NonNullable<ColumnOptions['x']>, isLabel: boolean): Part => {
    if (typeof given === 'string') return (row, place) => field(row, given, place, isLabel)
    if (Array.isArray(given)) {
      return (row, place) => given.map((column: string) => field(row, column, place, isLabel))
    }
    const parts = Object.entries(given).map(([name, of]) => [name, part(of as ColumnNames, isLabel)] as const)
    return (row, place) => Object.fromEntries(parts.map(([name, of]) => [name, of(row, place)]))
  }
  const [inputs, targets] = [part(x, false), y === undefined ? undefined : part(y, true)]
  return (row, place) => ({
    x: inputs(row, place),
    ...(targets && { y: targets(row, place) }),
    ...(sampleWeight !== undefined && { sampleWeight: field(row, sampleWeight, place, false) as number }),
  })
}

/** Booleans as DuckDB, pandas and R write them. */
const truths = new Map([
  ['false', 0],
  ['true', 1],
])

/** The number that a text is. */
export function numberIn(text: string): number | undefined {
  if (text.trim() === '') return undefined
  const number = Number(text)
  return Number.isNaN(number) ? truths.get(text.trim().toLowerCase()) : number
}

function numeric(value: unknown, column: string, place: () => string, isLabel: boolean): unknown {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean' || typeof value === 'bigint') return Number(value)
  if (typeof value === 'object' && value !== null) return listed(value)
  const number = typeof value === 'string' ? numberIn(value) : undefined
  if (number !== undefined) return number
  const cure = isLabel ? '; for labels that are texts, name them in classes' : '; name columns of texts in texts'
  throw new SeqloomError(
    'ERR_DATA',
    `${place()}: ${describe(column)} must be a number, not ${describe(value)}${typeof value === 'string' ? cure : ''}`,
  )
}

/** A list in a column, such as a sequence. */
function listed(value: object): unknown {
  if (Array.isArray(value)) return value.map((each) => (typeof each === 'bigint' ? Number(each) : each))
  const items = (value as { readonly items?: unknown }).items
  if (Array.isArray(items)) return listed(items)
  if (Symbol.iterator in value) return listed([...(value as Iterable<unknown>)])
  return value
}
