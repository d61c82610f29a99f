import { dirname, resolve } from 'node:path'
import { readTable, type TableOptions } from '../data/table.js'
import { AbortError, describe, SeqloomError } from '../errors.js'
import type { AnsweredQuestion, ForecastRow, LabelledText, TaggedTokens, TranslationRow } from '../tasks/index.js'
import { ifGiven } from './arguments.js'
import { type FilePicture, readPicture, type Size } from './pictures.js'

/** How a file of rows is read. */
export interface FileOptions {
  readonly data: string
  readonly delimiter?: string
  readonly encoding?: string
  /** Ends reading with an `AbortError`. */
  readonly signal?: AbortSignal
}

/** What was read of a file: `rows`, and the file and line that each comes from, for `namingLines`. */
export interface Read<Row> {
  readonly rows: readonly Row[]
  readonly path: string
  readonly lines: readonly number[]
}

/** The options of reading that were given. */
export const tableOptions = ({ delimiter, encoding, signal }: Omit<FileOptions, 'data'>): TableOptions =>
  ifGiven({ delimiter, encoding, signal })

/** Reads columns, which options of these names say. */
async function read<Name extends string, Row>(
  file: FileOptions,
  columns: Readonly<Record<Name, string>>,
  row: (row: Record<Name, string>) => Row,
  values: Pick<TableOptions, 'plainValues' | 'lists'> = {},
): Promise<Read<Row>> {
  const names = Object.keys(columns) as Name[]
  const wanted = names.map((name) => columns[name])
  const options = { ...tableOptions(file), ...values }
  const { rows, path, lines } = await namingOptions(columns, readTable(file.data, wanted, options))
  const named = (each: Readonly<Record<string, string>>) =>
    Object.fromEntries(names.map((name) => [name, each[columns[name]]])) as Record<Name, string>
  return { rows: rows.map((each) => row(named(each))), path, lines }
}

/** Waits for a table; what says that a column is missing says by which option it is named, too. */
export async function namingOptions<T>(columns: Readonly<Record<string, string>>, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_DATA') throw error
    const missing = /\bhas no (?:column )?('.*?'); /.exec(error.message)?.[1]
    const name = Object.keys(columns).find((each) => describe(columns[each]) === missing)
    if (name === undefined) throw error
    throw new SeqloomError('ERR_DATA', `${error.message}; --${name} names another`, { cause: error })
  }
}

/** Reads labelled texts from two columns of a file. */
export function readRows(
  file: FileOptions & { readonly text: string; readonly label: string },
): Promise<Read<LabelledText>> {
  const { text, label } = file
  return read(file, { text, label }, (row) => row, { plainValues: true })
}

/** Reads texts with translations from two columns of a file. */
export function readTranslations(
  file: FileOptions & { readonly source: string; readonly target: string },
): Promise<Read<TranslationRow>> {
  const { source, target } = file
  return read(file, { source, target }, (row) => row)
}

/** Reads tokens with their tags from two columns of a file. */
export function readTagged(
  file: FileOptions & { readonly tokens: string; readonly tags: string },
): Promise<Read<TaggedTokens>> {
  const { tokens, tags } = file
  return read(file, { tokens, tags }, (row) => ({ tokens: listOf(row.tokens), tags: listOf(row.tags) }), {
    lists: true,
  })
}

/** The strings of a JSON array, or what a text has between spaces. */
function listOf(text: string): string[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list as string[]
  } catch {
    // Not everything that begins like JSON is.
  }
  return text.split(/\s+/).filter((part) => part !== '')
}

/** Reads answered questions from three columns of a file. */
export function readQuestions(
  file: FileOptions & { readonly story: string; readonly question: string; readonly answer: string },
): Promise<Read<AnsweredQuestion>> {
  const { story, question, answer } = file
  return read(file, { story, question, answer }, (row) => row)
}

/** Reads numbers from columns of a file, a row for each step, NaN for cells that are empty, NaN, NA or null if values may be missing; `ERR_DATA` for what is no number, naming the line. */
export async function readSeriesColumns(
  file: FileOptions,
  columns: readonly string[],
  fill: string,
): Promise<Read<number[]>> {
  const options = { ...tableOptions(file), plainValues: true }
  const { rows, path, lines, delimiter } = await readTable(file.data, columns, options)
  const parsers = columns.map((column) => numberParser(rows, column, delimiter))
  const values = rows.map((row, index) =>
    columns.map((column, at) => {
      const text = row[column] as string
      const value = isMissing(text) ? Number.NaN : (parsers[at] as (text: string) => number)(text.trim())
      if (Number.isFinite(value) || (fill !== 'none' && isMissing(text))) return value
      const place = `${path}: line ${lines[index]}: row ${index}`
      throw new SeqloomError('ERR_DATA', `${place}: ${column} must be a number, not ${describe(text)}${cure(text)}`)
    }),
  )
  return { rows: values, path, lines }
}

/** The columns of a table that a forecaster reads. */
export interface ForecastColumns {
  readonly time: string | undefined
  readonly group: string | undefined
  readonly variables: readonly string[]
  readonly covariates: { readonly known: readonly string[]; readonly past: readonly string[] }
}

/**
 * Reads rows with a time: cells of variables are numbers, those of covariates numbers, truth values or texts, and empty ones null, among numbers NaN, NA and null, too. `ERR_DATA` for a
 * variable that is no number, naming the line.
 */
export async function readForecastRows(file: FileOptions, columns: ForecastColumns): Promise<Read<ForecastRow>> {
  const { time, group, variables, covariates } = columns
  const names = [
    time as string,
    ...(group === undefined ? [] : [group]),
    ...variables,
    ...covariates.known,
    ...covariates.past,
  ]
  const options = { ...tableOptions(file), plainValues: true }
  const { rows, path, lines, delimiter } = await readTable(file.data, names, options)
  const read: Record<string, unknown>[] = rows.map((row) => ({ ...row }))
  for (const name of [...variables, ...covariates.known, ...covariates.past]) {
    const parse = numberParser(rows, name, delimiter)
    const numbers = rows.map((row) => (isMissing(row[name]) ? null : parse((row[name] as string).trim())))
    const wrong = numbers.findIndex((value) => value !== null && !Number.isFinite(value))
    if (wrong >= 0 && variables.includes(name)) {
      const text = rows[wrong]?.[name] as string
      throw new SeqloomError(
        'ERR_DATA',
        `${path}: line ${lines[wrong]}: ${name} must be a number, not ${describe(text)}${cure(text)}`,
      )
    }
    read.forEach((row, index) => {
      row[name] = wrong < 0 ? numbers[index] : isBlank(row[name]) ? null : row[name]
    })
    if (wrong >= 0 && read.every((row) => row[name] === null || /^(true|false)$/i.test(row[name] as string))) {
      for (const row of read) row[name] = row[name] === null ? null : (row[name] as string).toLowerCase() === 'true'
    }
  }
  return { rows: read, path, lines }
}

/** Whether there is no number: an empty cell, or what tables of other programs have instead. */
const isMissing = (value: unknown): boolean =>
  typeof value === 'string' && /^\s*(nan|n\/?a|null|none)?\s*$/i.test(value)

const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === ''

/** How the numbers of a column are written: where semicolons are between columns, with decimal commas if any value has a comma. */
function numberParser(
  rows: readonly Readonly<Record<string, string>>[],
  column: string,
  delimiter: string | undefined,
): (text: string) => number {
  if (delimiter !== ';' || !rows.some((row) => row[column]?.includes(','))) return Number
  return (text) =>
    /^[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d+)?(e[+-]?\d+)?$/i.test(text)
      ? Number(text.replaceAll('.', '').replace(',', '.'))
      : Number.NaN
}

const cure = (text: string) =>
  /^\s*[+-]?[\d.]*,\d+\s*$/.test(text) ? '; decimal commas are read from files with semicolons between columns' : ''

/** Reads what a forecaster trains on or goes on from: rows if it knows of time, else a series. */
export async function readForecastData(
  file: FileOptions,
  forecaster: ForecastColumns & { readonly fill: string },
): Promise<Read<ForecastRow> | Read<number[]>> {
  if (forecaster.time !== undefined) return await readForecastRows(file, forecaster)
  return await readSeriesColumns(file, forecaster.variables, forecaster.fill)
}

/** Reads captions, and the image files that they belong to, named from the folder of the data file. */
export async function readCaptions(
  file: FileOptions & { readonly image: string; readonly caption: string; readonly size?: Size },
  signal: AbortSignal,
): Promise<Read<{ image: FilePicture; caption: string }>> {
  const { data, image, caption, size } = file
  const { rows, path, lines } = await read({ ...file, signal }, { image, caption }, (row) => row)
  const pictures = new Map<string, FilePicture>()
  const captions: { image: FilePicture; caption: string }[] = []
  for (const row of rows) {
    const from = resolve(dirname(data), row.image)
    if (signal.aborted) throw new AbortError(signal)
    const picture = pictures.get(from) ?? (await readPicture(from, size))
    pictures.set(from, picture)
    captions.push({ image: picture, caption: row.caption })
  }
  return { rows: captions, path, lines }
}
