import { looksLikeTensor, rankOf } from '../data/index.js'
import { isNamed, stacked } from '../data/stacked.js'
import { describe, reading, SeqloomError } from '../errors.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { isRecord } from '../options.js'

/** The inputs, targets and weights of a batch, as they were given. */
export interface BatchParts {
  readonly x: unknown
  readonly y?: unknown
  readonly sampleWeight?: unknown
}

/** {@link partsOf} an element that may throw when it is read. */
export const readParts = (where: string, element: unknown, needsTarget: boolean): BatchParts =>
  reading('ERR_DATA', where, () => partsOf(where, element, needsTarget))

/** The parts of a row or a batch: `{ x, y, sampleWeight }`, `[x, y]` or `[x, y, sampleWeight]`, or `x` alone. */
function partsOf(where: string, element: unknown, needsTarget: boolean): BatchParts {
  if (isNamed(element) && 'x' in element) {
    const unknown = Object.keys(element).find((name) => !['x', 'y', 'sampleWeight'].includes(name))
    if (unknown !== undefined) {
      throw new SeqloomError('ERR_DATA', `${where}: a row has x, y and sampleWeight, not ${describe(unknown)}`)
    }
    if (needsTarget && element.y === undefined) throw new SeqloomError('ERR_DATA', `${where}: the rows have no y`)
    return element as unknown as BatchParts
  }
  if (needsTarget) {
    if (Array.isArray(element) && (element.length === 2 || element.length === 3)) {
      return { x: element[0], y: element[1], ...(element.length === 3 && { sampleWeight: element[2] }) }
    }
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: expected rows or batches { x, y } or [x, y], got ${describe(element)}${columnsCure(element)}`,
    )
  }
  return { x: element }
}

/** What rows of a table lack that are not made into inputs and targets. */
const columnsCure = (element: unknown): string =>
  isRecord(element) && Object.values(element).every((value) => typeof value !== 'object')
    ? ` with ${Object.keys(element).slice(0, 4).map(describe).join(', ')}; name its columns as x and y, as in data.csv(file, { x: ['a', 'b'], y: 'c' })`
    : ''

/** The inputs, targets or weights of rows, side by side for each of several. `ERR_DATA` for what cannot be read. */
export function together(where: string, rows: readonly unknown[], parts: number): unknown {
  return reading('ERR_DATA', where, () => {
    if (isNamed(rows[0])) return stacked(rows)
    if (parts === 1) return rows
    return Array.from({ length: parts }, (_, at) => rows.map((row) => (row as readonly unknown[])[at]))
  })
}

/** Whether the first element's inputs are those of a batch: they have one more dimension than those of a row. */
export function givesBatches(x: unknown, inputs: readonly SymbolicTensor[]): boolean {
  const [value, input] = [firstOf(x, inputs.length), inputs[0] as SymbolicTensor]
  if (looksLikeTensor(value)) return true
  const { shape } = input
  const rank = rankOf(value)
  if (shape.length === 1 || shape.at(-1) !== 1 || rank !== shape.length - 1) return rank >= shape.length
  // The last dimension, of size 1, may be left out of a batch; what has another size there is no row.
  return typeof leafOf(value) === 'string' || !innermost(value, rank).every(({ length }) => length === 1)
}

/** The innermost lists of nested arrays of a rank. */
const innermost = (value: unknown, rank: number): ArrayLike<unknown>[] =>
  rank <= 1
    ? [value as ArrayLike<unknown>]
    : Array.from(value as ArrayLike<unknown>).flatMap((each) => innermost(each, rank - 1))

const firstOf = (x: unknown, inputs: number): unknown =>
  isNamed(x) && !looksLikeTensor(x) ? Object.values(x)[0] : inputs > 1 && Array.isArray(x) ? x[0] : x

function leafOf(value: unknown): unknown {
  let leaf = value
  for (let depth = 0; depth < 10 && Array.isArray(leaf); depth++) leaf = leaf[0]
  return leaf
}

/** About how many numbers a row holds. */
export function sizeOf({ x }: BatchParts): number {
  const count = (value: unknown, depth = 0): number => {
    if (depth > 10) return 1
    if (isNamed(value)) return Object.values(value).reduce<number>((sum, each) => sum + count(each, depth + 1), 0)
    if (Array.isArray(value)) return value.length * Math.max(1, count(value[0], depth + 1))
    return ArrayBuffer.isView(value) ? (value as Float32Array).length : 1
  }
  return Math.max(1, count(x))
}
