import { types } from 'node:util'
import { numberIn } from '../../data/numbers.js'
import { describe, SeqloomError } from '../../errors.js'
import { notRows } from '../shared/rows.js'
import { isMissing } from './covariates.js'
import type { ForecasterSettings } from './options.js'

/**
 * Values in the order of time: numbers for one variable, or rows of as many numbers as there are variables; null or NaN
 * where one is missing.
 */
export type Series = readonly (number | null)[] | Float32Array | Float64Array | readonly (readonly (number | null)[])[]

/** A step of a series: a number for one variable, or a row. */
export type Observation = number | null | readonly (number | null)[]

type SeriesSettings = Pick<ForecasterSettings, 'variables' | 'transform' | 'fill'>

/**
 * The rows of a series, NaN where a value is missing; `ERR_DATA`, naming the step and the variable, for what is not a
 * finite number that the transform takes.
 */
export function readSeries(where: string, series: Series, settings: SeriesSettings): number[][] {
  if (!Array.isArray(series) && !types.isFloat32Array(series) && !types.isFloat64Array(series)) {
    throw notRows(where, 'numbers or of rows', series)
  }
  return Array.from(series as ArrayLike<Observation>, (row, step) => readRow(`${where}: step ${step}`, row, settings))
}

/** The values of one step. */
export function readRow(where: string, row: Observation, settings: SeriesSettings): number[] {
  const { variables } = settings
  const values: unknown = typeof row === 'number' || (row === null && variables.length === 1) ? [row] : row
  if (!Array.isArray(values) || values.length !== variables.length) {
    const expected = variables.length === 1 ? 'a number' : `${variables.length} numbers (${variables.join(', ')})`
    const got = Array.isArray(values) ? `${values.length} values` : describe(row)
    const rows = typeof values === 'object' && values !== null && !Array.isArray(values)
    const hint = rows ? '; rows of a table need the option time, the field that orders them' : ''
    throw new SeqloomError('ERR_DATA', `${where}: expected ${expected}, got ${got}${hint}`)
  }
  return variables.map((name, index) => readValue(where, name, values[index], settings))
}

/** A value of a variable, which may be a text; NaN if it is missing and that is to be filled. */
export function readValue(
  where: string,
  name: string,
  given: unknown,
  { transform, fill }: Omit<SeriesSettings, 'variables'>,
): number {
  const value = typeof given === 'string' ? (numberIn(given) ?? given) : given
  if (isMissing(value) && fill !== 'none') return Number.NaN
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    const hint = isMissing(value) ? "; fill: 'linear', 'last' or 'mask' takes missing ones" : ''
    throw new SeqloomError('ERR_DATA', `${where}: ${name} must be a finite number, not ${describe(value)}${hint}`)
  }
  const negative = value < 0 && (transform === 'sqrt' || transform === 'log1p')
  if (negative || (value <= 0 && transform === 'log')) {
    const takes = negative ? 'takes no negative values' : 'takes only values above 0'
    throw new SeqloomError('ERR_DATA', `${where}: ${name} is ${value}; the transform '${transform}' ${takes}`)
  }
  return value
}

const transforms = {
  none: { to: (x: number) => x, from: (z: number) => z },
  sqrt: { to: Math.sqrt, from: (z: number) => Math.max(z, 0) ** 2 },
  log: { to: Math.log, from: (z: number) => Math.exp(Math.min(z, 700)) },
  log1p: { to: Math.log1p, from: (z: number) => Math.expm1(Math.min(Math.max(z, 0), 700)) },
}

/** What is learned of a variable's values. */
export type Transform = keyof typeof transforms

/** Whether something read from a file is a list of transforms. */
export const areTransforms = (value: unknown, count: number): value is Transform[] =>
  Array.isArray(value) && value.length === count && value.every((name) => Object.hasOwn(transforms, name as string))

/**
 * Transforms values and scales them to mean 0 and deviation 1, by what was fitted to a part of the series, and back.
 */
export class Scaling {
  /** `least`: with logarithms, what is smaller than a quarter of all that was fitted to is read as that; 0 for none. */
  constructor(
    readonly transforms: readonly Transform[],
    readonly means: readonly number[],
    readonly deviations: readonly number[],
    readonly least: readonly number[] = means.map(() => 0),
  ) {}

  /**
   * Fits mean and standard deviation to what is there of every variable; one that never changes is only shifted.
   * `ERR_DATA` for one that is never there.
   */
  static fit(
    where: string,
    rows: readonly (readonly number[])[],
    variables: readonly string[],
    chosen: readonly Transform[],
  ): Scaling {
    const read = variables.map((name, index) => {
      const column = rows.map((row) => row[index] as number).filter((value) => !Number.isNaN(value))
      if (column.length > 0) return column
      throw new SeqloomError('ERR_DATA', `${where} has no value of ${name}`)
    })
    const least = read.map((column, index) =>
      chosen[index] === 'log' ? column.reduce((a, b) => Math.min(a, b)) / 4 : 0,
    )
    const columns = read.map((column, index) => column.map(transforms[chosen[index] as Transform].to))
    const means = columns.map((column) => column.reduce((sum, x) => sum + x / column.length, 0))
    const deviations = columns.map((column, index) => {
      const mean = means[index] as number
      const deviation = Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2 / column.length, 0))
      // What is left of a constant is rounding.
      return deviation > 1e-9 * Math.abs(mean) ? deviation : 1
    })
    return new Scaling(chosen, means, deviations, least)
  }

  /** A row as the model reads it. */
  scale(row: readonly number[]): Float32Array {
    const { means, deviations, least } = this
    return Float32Array.from(row, (value, index) => {
      const floor = least[index] as number
      const transformed = this.#of(index).to(floor > 0 && value < floor ? floor : value)
      return (transformed - (means[index] as number)) / (deviations[index] as number)
    })
  }

  /** A value of a variable in its own units. */
  unscale(value: number, variable: number): number {
    return this.#of(variable).from(value * (this.deviations[variable] as number) + (this.means[variable] as number))
  }

  #of(variable: number) {
    return transforms[this.transforms[variable] as Transform]
  }
}
