import { computeStrides } from './shapes.js'
import type { DataType } from './types.js'

/** Beyond so many entries of a dimension, only the first and last few are shown. */
const longest = 20
const shownAtEnds = 3

type Values = ArrayLike<number | string>

/** A tensor as text, laid out as tfjs does. */
export function tensorToString(values: Values, shape: readonly number[], dtype: DataType, verbose: boolean): string {
  const head = verbose ? [`  dtype: ${dtype}`, `  rank: ${shape.length}`, `  shape: [${shape}]`, '  values:'] : []
  const body = lines(values, 0, shape, computeStrides(shape), dtype, columnWidths(values, shape, dtype), true)
  return ['Tensor', ...head, body.map((line) => `    ${line}`).join('\n')].join('\n')
}

/** The width of each column: over all rows, or of a very large tensor over those that are shown. */
function columnWidths(values: Values, shape: readonly number[], dtype: DataType): number[] {
  const columns = shape.length > 1 ? (shape.at(-1) as number) : 0
  const widths = new Array<number>(columns).fill(0)
  if (columns === 0) return widths
  const isLarge = values.length > 100_000
  const rows = isLarge ? shownRows(shape.slice(0, -1)) : range(0, values.length / columns)
  for (const row of rows) {
    for (const column of isLarge ? shownIndices(columns) : widths.keys()) {
      const text = shown(values[row * columns + column], dtype)
      widths[column] = Math.max(widths[column] as number, text.length)
    }
  }
  return widths
}

/** Which entries of a dimension are shown. */
const shownIndices = (size: number): number[] =>
  size <= longest ? range(0, size) : [...range(0, shownAtEnds), ...range(size - shownAtEnds, size)]

/** Which rows of a tensor are shown, from its shape without the last dimension. */
const shownRows = (shape: readonly number[]): number[] =>
  shape.reduce<number[]>((rows, size) => rows.flatMap((row) => shownIndices(size).map((i) => row * size + i)), [0])

function shown(value: number | string | undefined, dtype: DataType): string {
  if (typeof value === 'string') return `'${value}'`
  if (dtype === 'bool') return value === 0 ? 'false' : 'true'
  return Number.parseFloat((value as number).toFixed(7)).toString()
}

/** The lines of the part of a tensor that begins at `offset`. */
function lines(
  values: Values,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  dtype: DataType,
  widths: readonly number[],
  isLast: boolean,
): string[] {
  const [size = 0, ...inner] = shape
  if (shape.length === 0) return [dtype === 'bool' ? shown(values[0], dtype) : String(values[0])]
  const isShort = size <= longest
  const indices = shownIndices(size)
  if (inner.length === 0) {
    const entries = indices.map((i) => shown(values[offset + i], dtype).padEnd(widths[i] ?? 0))
    if (!isShort) entries.splice(shownAtEnds, 0, '...')
    return [`[${entries.join(', ')}]`]
  }
  const found: string[] = []
  indices.forEach((i, at) => {
    if (!isShort && at === shownAtEnds) found.push('...')
    const from = offset + i * (strides[0] as number)
    found.push(...lines(values, from, inner, strides.slice(1), dtype, widths, i === size - 1))
  })
  const separator = inner.length === 1 ? ',' : ''
  const end = `]${isLast ? '' : `,\n${'\n'.repeat(inner.length - 1)}`}`
  found[0] = `[${size > 0 ? (found[0] as string) + separator : ''}`
  for (let i = 1; i < found.length - 1; i++) found[i] = ` ${found[i]}${separator}`
  found[found.length - 1] = ` ${found[found.length - 1]}${end}`
  return found
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
