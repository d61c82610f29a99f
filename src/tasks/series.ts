import { describe, SeqloomError } from '../errors.js'
import type { ForecasterSettings } from './forecasterOptions.js'

/** Values in the order of time: numbers for one variable, or rows of as many numbers as there are variables. */
export type Series = readonly number[] | Float32Array | Float64Array | readonly (readonly number[])[]

/** A step of a series: a number for one variable, or a row. */
export type Observation = number | readonly number[]

type SeriesSettings = Pick<ForecasterSettings, 'variables' | 'transform'>

/** The rows of a series; `ERR_DATA`, naming the step and the variable, for what is not a finite number that the transform takes. */
export function readSeries(where: string, series: Series, settings: SeriesSettings): number[][] {
  if (!Array.isArray(series) && !(series instanceof Float32Array) && !(series instanceof Float64Array)) {
    throw new SeqloomError('ERR_DATA', `${where}: expected an array of numbers or of rows, not ${describe(series)}`)
  }
  return Array.from(series as ArrayLike<Observation>, (row, step) => readRow(`${where}: step ${step}`, row, settings))
}

/** The values of one step. */
export function readRow(where: string, row: Observation, { variables, transform }: SeriesSettings): number[] {
  const values: unknown = typeof row === 'number' ? [row] : row
  if (!Array.isArray(values) || values.length !== variables.length) {
    const expected = variables.length === 1 ? 'a number' : `${variables.length} numbers (${variables.join(', ')})`
    const got = Array.isArray(values) ? `${values.length} values` : describe(row)
    throw new SeqloomError('ERR_DATA', `${where}: expected ${expected}, got ${got}`)
  }
  values.forEach((value: unknown, index) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: ${variables[index]} must be a finite number, not ${describe(value)}`,
      )
    }
    if (transform !== 'none' && value < 0) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: ${variables[index]} is ${value}; the transform '${transform}' takes no negative values`,
      )
    }
  })
  return [...(values as number[])]
}

const transforms = {
  none: { to: (x: number) => x, from: (z: number) => z },
  sqrt: { to: Math.sqrt, from: (z: number) => Math.max(z, 0) ** 2 },
  log1p: { to: Math.log1p, from: (z: number) => Math.expm1(Math.max(z, 0)) },
}

/** Transforms values and scales them to mean 0 and deviation 1, by what was fitted to a part of the series, and back. */
export class Scaling {
  readonly #transform: (typeof transforms)[keyof typeof transforms]

  constructor(
    transform: ForecasterSettings['transform'],
    readonly means: readonly number[],
    readonly deviations: readonly number[],
  ) {
    this.#transform = transforms[transform]
  }

  /** Fits mean and standard deviation to every variable; one that never changes is only shifted. */
  static fit(rows: readonly (readonly number[])[], transform: ForecasterSettings['transform']): Scaling {
    const { to } = transforms[transform]
    const columns = (rows[0] ?? []).map((_, index) => rows.map((row) => to(row[index] as number)))
    const means = columns.map((column) => column.reduce((sum, x) => sum + x / column.length, 0))
    const deviations = columns.map((column, index) => {
      const mean = means[index] as number
      const deviation = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2 / column.length, 0))
      // What is left of a constant is rounding.
      return deviation > 1e-9 * Math.abs(mean) ? deviation : 1
    })
    return new Scaling(transform, means, deviations)
  }

  /** A row as the model reads it. */
  scale(row: readonly number[]): Float32Array {
    const { means, deviations } = this
    return Float32Array.from(
      row,
      (value, index) => (this.#transform.to(value) - (means[index] as number)) / (deviations[index] as number),
    )
  }

  /** A value of a variable in its own units. */
  unscale(value: number, variable: number): number {
    return this.#transform.from(value * (this.deviations[variable] as number) + (this.means[variable] as number))
  }
}
