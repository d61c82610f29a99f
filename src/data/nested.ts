import { describe, SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import { allocate, axisName, type Converted, placeAt, type Slot, transfer } from './elements.js'
import type { Sliced } from './slices.js'
import { isNumericArray } from './tensor.js'

/** How many elements to convert between two chances for the event loop. */
const sliceElements = 4096

/** Converts nested arrays. If the number of steps is free, rows of different lengths make a ragged result. */
export function* convertNested(slot: Slot, value: ArrayLike<unknown>): Sliced<Converted> {
  const rank = slot.shape.length
  const rows = value.length
  if (rows === 0) throw new SeqloomError('ERR_DATA', `${slot.where} has no rows`)
  if (rank === 1) {
    const data = allocate(slot, rows)
    for (let from = 0; from < rows; from += sliceElements) {
      const to = Math.min(rows, from + sliceElements)
      transfer(slot, value, from, to, data, from, (i) => `row ${i}`)
      yield
    }
    return { data, shape: [rows] }
  }
  const lengths = new Uint32Array(rows)
  for (let row = 0; row < rows; row++) {
    lengths[row] = rowLength(slot, value, row, lengths[0] as number)
    if (row % sliceElements === 0) yield
  }
  const inner = innerShape(slot, value)
  const stepSize = inner.reduce((product, dim) => product * dim, 1)
  let steps = 0
  let longest = 0
  for (const length of lengths) {
    steps += length
    longest = Math.max(longest, length)
  }
  if (slot.filler !== undefined) longest = Math.max(longest, 1)
  const data = allocate(slot, slot.filler === undefined ? steps * stepSize : rows * longest)
  const filler = new Filler(slot, inner, data)
  let written = 0
  for (let row = 0; row < rows; row++) {
    const list = value[row] as ArrayLike<unknown>
    const length = lengths[row] as number
    if (list.length !== length)
      throw new SeqloomError('ERR_DATA', `${slot.where}: row ${row} changed while it was read`)
    for (let step = 0; step < length; ) {
      const count = Math.min(length - step, Math.max(1, Math.floor(sliceElements / stepSize)))
      filler.steps(list, row, step, step + count)
      step += count
      written += count * stepSize
      if (written >= sliceElements) {
        written = 0
        yield
      }
    }
    if (slot.filler !== undefined) filler.fill(slot.filler, longest - length)
  }
  if (slot.filler !== undefined) return { data, shape: [rows, longest] }
  const ragged = steps !== rows * longest
  return ragged
    ? { data, shape: [rows, longest, ...inner], lengths, ragged }
    : { data, shape: [rows, longest, ...inner] }
}

/** Copies the steps of rows one after another. */
class Filler {
  #offset = 0
  readonly #slot: Slot
  readonly #inner: readonly number[]
  readonly #data: Float32Array | Int32Array

  constructor(slot: Slot, inner: readonly number[], data: Float32Array | Int32Array) {
    this.#slot = slot
    this.#inner = inner
    this.#data = data
  }

  steps(list: ArrayLike<unknown>, row: number, from: number, to: number): void {
    if (this.#inner.length === 0) {
      this.#leaf(list, from, to, [row])
      return
    }
    for (let step = from; step < to; step++) this.#descend(list[step], 0, [row, step])
  }

  /** Fills up a row. */
  fill(value: number, count: number): void {
    this.#data.fill(value, this.#offset, this.#offset + count)
    this.#offset += count
  }

  #descend(value: unknown, depth: number, path: number[]): void {
    const size = this.#inner[depth] as number
    const list = asArray(this.#slot, value, path)
    if (list.length !== size) {
      const place = placeAt(path, this.#slot.shape.length)
      throw new SeqloomError('ERR_SHAPE', `${this.#slot.where}: ${place} has ${list.length} values, expected ${size}`)
    }
    if (depth === this.#inner.length - 1) this.#leaf(list, 0, size, path)
    else for (let i = 0; i < size; i++) this.#descend(list[i], depth + 1, [...path, i])
  }

  #leaf(list: ArrayLike<unknown>, from: number, to: number, path: readonly number[]): void {
    const place = (i: number) => placeAt([...path, i], this.#slot.shape.length)
    transfer(this.#slot, list, from, to, this.#data, this.#offset, place)
    this.#offset += to - from
  }
}

function asArray(slot: Slot, value: unknown, path: readonly number[]): ArrayLike<unknown> {
  if (Array.isArray(value) || isNumericArray(value)) return value
  const place = placeAt(path, slot.shape.length)
  const numeric = typeof value === 'number'
  throw new SeqloomError(
    numeric ? 'ERR_SHAPE' : 'ERR_DATA',
    `${slot.where}: ${place} is ${describe(value)}, not an array; the expected shape is ${showShape(slot.shape)}`,
  )
}

/** The length of a row; if a length is expected, the row must have it. */
function rowLength(slot: Slot, value: ArrayLike<unknown>, row: number, first: number): number {
  const { length } = asArray(slot, value[row], [row])
  const expected = slot.shape[1]
  const unit = `${axisName(1, slot.shape.length)}s`
  if (expected !== null && length !== expected) {
    const compared = row > 0 ? `row 0 has ${first}` : `expected ${expected}`
    throw new SeqloomError('ERR_SHAPE', `${slot.where}: row ${row} has ${length} ${unit}, ${compared}`)
  }
  if (length === 0 && slot.filler === undefined) {
    throw new SeqloomError('ERR_DATA', `${slot.where}: row ${row} is empty; a row needs at least one step`)
  }
  return length
}

/**
 * The sizes of the dimensions after rows and steps: the expected ones, or those of the first element where they are
 * free.
 */
function innerShape(slot: Slot, value: ArrayLike<unknown>): number[] {
  let element = (value[0] as ArrayLike<unknown>)[0]
  return (slot.shape.slice(2) as Shape).map((dim, depth) => {
    const list = asArray(slot, element, Array<number>(depth + 2).fill(0))
    element = list[0]
    const size = dim ?? list.length
    if (size === 0) throw new SeqloomError('ERR_DATA', `${slot.where}: row 0 has a dimension of size 0`)
    return size
  })
}
