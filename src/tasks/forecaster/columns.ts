import { type FileOptions, tableOptions } from '../../cli/rows.js'
import { Dataset } from '../../data/dataset.js'
import { decimalOf, isMissingText, numberCure, numberIn } from '../../data/numbers.js'
import { placed } from '../../data/places.js'
import { readTable, textColumns } from '../../data/table.js'
import { describe, SeqloomError } from '../../errors.js'
import type { ForecasterSettings } from './options.js'
import type { ForecastRow } from './rows.js'
import { readValue } from './series.js'

/**
 * Reads numbers from columns of a file, a row for each step, NaN for empty cells if values may be missing; `ERR_DATA`
 * for what is no number, naming the line.
 */
async function readSeriesColumns(
  file: FileOptions,
  columns: readonly string[],
  fill: ForecasterSettings['fill'],
): Promise<Dataset<number[]>> {
  const table = await readTable(file.data, columns, { ...tableOptions(file), plainValues: true })
  const { rows, delimiter } = table
  const texts = (column: string) => rows.map((row) => row[column] as string)
  const decimals = columns.map((column) => (delimiter === ';' ? decimalOf(texts(column)) : '.'))
  const values = rows.map((row, index) =>
    columns.map((column, at) => {
      const text = row[column] as string
      const value = numberIn(text, decimals[at])
      if (value !== undefined) return value
      if (isMissingText(text)) return readValue(`${table.place(index)}`, column, null, { transform: 'none', fill })
      throw new SeqloomError(
        'ERR_DATA',
        `${table.place(index)}: ${column} must be a number, not ${describe(text)}${numberCure(text)}`,
      )
    }),
  )
  return new Dataset<number[]>({
    name: file.data,
    async *all() {
      yield placed([...values], (at) => table.place(at) ?? `row ${at}`)
    },
  })
}

/** The columns of a table that a forecaster reads. */
export interface ForecastColumns {
  readonly time: string | undefined
  readonly group: string | undefined
  readonly variables: readonly string[]
  readonly covariates: { readonly known: readonly string[]; readonly past: readonly string[] }
}

/** Rows with a time, of texts, which a forecaster reads as numbers where they are such. */
export const readForecastRows = (file: FileOptions, columns: ForecastColumns): Dataset<ForecastRow> => {
  const { time, group, variables, covariates } = columns
  const names = [time, group, ...variables, ...covariates.known, ...covariates.past]
  const given = names.filter((name) => name !== undefined)
  return textColumns(file.data, [...new Set(given)], { ...tableOptions(file), plainValues: true })
}

/** Reads what a forecaster trains on or goes on from: rows if it knows of time, else a series. */
export async function readForecastData(
  file: FileOptions,
  forecaster: ForecastColumns & { readonly fill: ForecasterSettings['fill'] },
): Promise<Dataset<ForecastRow> | Dataset<number[]>> {
  if (forecaster.time !== undefined) return readForecastRows(file, forecaster)
  return await readSeriesColumns(file, forecaster.variables, forecaster.fill)
}
