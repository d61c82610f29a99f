import { type ColumnNames, type ColumnOptions, columnsRead, type Example, numberOrTruth } from './columns.js'
import type { NumberField } from './csvNumbers.js'
import { placesOf } from './fields.js'
import type { Packing } from './packed.js'
import { Tensor } from './result.js'

/** How the rows of a table are packed, and which fields they have. */
export interface ColumnPacking extends Packing<Example> {
  readonly fields: readonly NumberField[]
}

/** A part of rows: what it is for one, and for all of them. */
interface Part {
  readonly row: (values: Float64Array, from: number) => unknown
  readonly batch: (values: Float64Array, width: number) => unknown
}

/** How examples of these columns are packed; undefined where they hold more than numbers. */
export function packingOf(options: ColumnOptions): ColumnPacking | undefined {
  const { x, y, sampleWeight, classes, texts } = options
  const columns = columnsRead(options)
  if (x === undefined || columns === undefined || texts !== undefined) return undefined
  const labels = classes && new Map(classes.map((label, at) => [String(label), at]))
  const isLabel = new Set(labels && y !== undefined ? columnsRead({ x: y }) : [])
  // A column of labels that is an input, too, has two numbers.
  if (columnsRead({ x, ...(sampleWeight !== undefined && { sampleWeight }) })?.some((name) => isLabel.has(name))) {
    return undefined
  }
  const fields = columns.map(
    (column): NumberField =>
      labels && isLabel.has(column)
        ? { column, number: (text) => labels.get(text), labels }
        : { column, number: (text) => numberOrTruth(text) },
  )
  const width = fields.length
  const places = placesOf(columns)
  const part = (given: NonNullable<ColumnOptions['x']>): Part => partOf(given, places)
  const inputs = part(x)
  const target = y === undefined ? undefined : part(y)
  const weight = sampleWeight === undefined ? undefined : part(sampleWeight)
  return {
    fields,
    width,
    row: (values, from) => ({
      x: inputs.row(values, from),
      ...(target && { y: target.row(values, from) }),
      ...(weight && { sampleWeight: weight.row(values, from) as number }),
    }),
    batch: (values) => ({
      x: inputs.batch(values, width),
      ...(target && { y: target.batch(values, width) }),
      ...(weight && { sampleWeight: weight.batch(values, width) }),
    }),
  }
}

function partOf(given: NonNullable<ColumnOptions['x']>, placesOfColumns: ReadonlyMap<string, number>): Part {
  if (typeof given !== 'string' && !Array.isArray(given)) {
    const parts = Object.entries(given).map(([name, of]) => [name, partOf(of as ColumnNames, placesOfColumns)] as const)
    return {
      row: (values, from) => Object.fromEntries(parts.map(([name, of]) => [name, of.row(values, from)])),
      batch: (values, width) => Object.fromEntries(parts.map(([name, of]) => [name, of.batch(values, width)])),
    }
  }
  const places = [given].flat().map((column) => placesOfColumns.get(column) as number)
  const gathered = (values: Float64Array, width: number): Float64Array => {
    const out = new Float64Array((values.length / width) * places.length)
    for (let row = 0, to = 0; row < values.length; row += width) {
      for (let at = 0; at < places.length; at++) out[to++] = values[row + (places[at] as number)] as number
    }
    return out
  }
  if (typeof given === 'string') {
    const place = places[0] as number
    return {
      row: (values, from) => values[from + place],
      batch: (values, width) => new Tensor(gathered(values, width), [values.length / width]),
    }
  }
  return {
    row: (values, from) => places.map((place) => values[from + place]),
    batch: (values, width) => new Tensor(gathered(values, width), [values.length / width, places.length]),
  }
}
