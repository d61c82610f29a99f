import { decimalOf, isMissingText, numberCure, numberIn } from '../../data/numbers.js'
import type { Place } from '../../data/places.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import type { ForecasterSettings } from './options.js'
import type { ForecastRow, RowFormat } from './rows.js'

const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === ''

const isTruth = (text: string): boolean => /^\s*(true|false)\s*$/i.test(text)

/**
 * Rows of tables, whose cells may all be texts, as a forecaster reads rows: variables become numbers, covariates numbers
 * or truth values if all of a column's texts are such, and empty cells null. Covariates that training had as texts stay
 * texts. `ERR_DATA`, naming the row, for a variable that is no number.
 */
export function typedRows(
  where: string,
  rows: readonly ForecastRow[],
  { variables, covariates }: Pick<ForecasterSettings, 'variables' | 'covariates'>,
  decimal: Place['decimal'],
  format?: RowFormat,
): readonly ForecastRow[] {
  if (!rows.every(isRecord)) return rows
  const typed: Record<string, unknown>[] = rows.map((row) => ({ ...row }))
  const isText = (value: unknown): value is string => typeof value === 'string'
  const learned = [...(format?.known ?? []), ...(format?.past ?? [])]
  for (const name of [...variables, ...covariates.known, ...covariates.past]) {
    const texts = typed.map((row) => row[name]).filter(isText)
    const written = decimal === 'either' ? decimalOf(texts) : decimal
    const read = (text: string) => (isMissingText(text) ? null : numberIn(text, written))
    const set = (of: (text: string) => unknown) => {
      for (const row of typed) if (isText(row[name])) row[name] = of(row[name])
    }
    const encoder = learned.find((each) => each.name === name)
    if (encoder && 'categories' in encoder) set((text) => (isBlank(text) ? null : text))
    else if (texts.every((text) => read(text) !== undefined)) set(read)
    else if (variables.includes(name)) throw notNumeric(where, typed, name, read)
    else if (texts.every((text) => isBlank(text) || isTruth(text))) {
      set((text) => (isBlank(text) ? null : text.trim().toLowerCase() === 'true'))
    } else set((text) => (isBlank(text) ? null : text))
  }
  return typed
}

function notNumeric(
  where: string,
  rows: readonly ForecastRow[],
  name: string,
  read: (text: string) => number | null | undefined,
): SeqloomError {
  const wrong = rows.findIndex((row) => typeof row[name] === 'string' && read(row[name]) === undefined)
  const text = rows[wrong]?.[name] as string
  return new SeqloomError(
    'ERR_DATA',
    `${where}: row ${wrong}: ${name} must be a number, not ${describe(text)}${numberCure(text)}`,
  )
}
