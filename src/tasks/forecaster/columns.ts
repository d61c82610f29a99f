import { type FileOptions, tableOptions } from '../../cli/rows.js'
import { Dataset } from '../../data/dataset.js'
import { placed } from '../../data/places.js'
import { readTable, type Table } from '../../data/table.js'
import { describe, SeqloomError } from '../../errors.js'
import type { ForecastRow } from './rows.js'

/**
 * Reads numbers from columns of a file, a row for each step, NaN for empty cells if values may be missing; `ERR_DATA`
 * for what is no number, naming the line.
 */
export async function readSeriesColumns(
  file: FileOptions,
  columns: readonly string[],
  fill: string,
): Promise<Dataset<number[]>> {
  const options = { ...tableOptions(file), plainValues: true }
  const table = await readTable(file.data, columns, options)
  const { rows, delimiter } = table
  const parsers = columns.map((column) => numberParser(rows, column, delimiter))
  const values = rows.map((row, index) =>
    columns.map((column, at) => {
      const text = row[column] as string
      const value = isMissing(text) ? Number.NaN : (parsers[at] as (text: string) => number)(text.trim())
      if (Number.isFinite(value) || (fill !== 'none' && isMissing(text))) return value
      const place = `${table.place(index)}: row ${index}`
      throw new SeqloomError('ERR_DATA', `${place}: ${column} must be a number, not ${describe(text)}${cure(text)}`)
    }),
  )
  return listed(file, values, table)
}

/** Rows in memory, with their places in a table. */
const listed = <Row>(
  { data }: FileOptions,
  rows: readonly Row[],
  { place }: Pick<Table<string>, 'place'>,
): Dataset<Row> =>
  new Dataset<Row>({
    name: data,
    async *all() {
      yield placed([...rows], (at) => place(at) ?? `row ${at}`)
    },
  })

/** The columns of a table that a forecaster reads. */
export interface ForecastColumns {
  readonly time: string | undefined
  readonly group: string | undefined
  readonly variables: readonly string[]
  readonly covariates: { readonly known: readonly string[]; readonly past: readonly string[] }
}

/**
 * Reads rows with a time: cells of variables are numbers, those of covariates numbers, truth values or texts, and empty
 * ones null. `ERR_DATA` for a variable that is no number, naming the line.
 */
export async function readForecastRows(file: FileOptions, columns: ForecastColumns): Promise<Dataset<ForecastRow>> {
  const { time, group, variables, covariates } = columns
  const names = [
    time as string,
    ...(group === undefined ? [] : [group]),
    ...variables,
    ...covariates.known,
    ...covariates.past,
  ]
  const options = { ...tableOptions(file), plainValues: true }
  const table = await readTable(file.data, names, options)
  const { rows, delimiter } = table
  const read: Record<string, unknown>[] = rows.map((row) => ({ ...row }))
  for (const name of [...variables, ...covariates.known, ...covariates.past]) {
    const parse = numberParser(rows, name, delimiter)
    const numbers = rows.map((row) => (isMissing(row[name]) ? null : parse((row[name] as string).trim())))
    const wrong = numbers.findIndex((value) => value !== null && !Number.isFinite(value))
    if (wrong >= 0 && variables.includes(name)) {
      const text = rows[wrong]?.[name] as string
      throw new SeqloomError(
        'ERR_DATA',
        `${table.place(wrong)}: ${name} must be a number, not ${describe(text)}${cure(text)}`,
      )
    }
    read.forEach((row, index) => {
      row[name] = wrong < 0 ? numbers[index] : isBlank(row[name]) ? null : row[name]
    })
    if (wrong >= 0 && read.every((row) => row[name] === null || /^(true|false)$/i.test(row[name] as string))) {
      for (const row of read) row[name] = row[name] === null ? null : (row[name] as string).toLowerCase() === 'true'
    }
  }
  return listed(file, read, table)
}

/** Whether there is no number: an empty cell, or what tables of other programs have instead. */
const isMissing = (value: unknown): boolean =>
  typeof value === 'string' && /^\s*(nan|n\/?a|null|none)?\s*$/i.test(value)

const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === ''

/**
 * How the numbers of a column are written: where semicolons are between columns, with decimal commas if any value has a
 * comma.
 */
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
): Promise<Dataset<ForecastRow> | Dataset<number[]>> {
  if (forecaster.time !== undefined) return await readForecastRows(file, forecaster)
  return await readSeriesColumns(file, forecaster.variables, forecaster.fill)
}
