import { describe, SeqloomError } from '../errors.js'
import type { NumericArray } from './tensor.js'

/** Nested arrays of numbers. */
export type NestedNumbers = number | NestedNumbers[]

/** How many elements a printed tensor shows. */
const shown = 6

/**
 * Numbers in row-major order with their shape: what models return and `tensor` makes. Nothing else writes to a result's
 * data.
 */
export class Tensor<Values extends NumericArray = Float32Array> {
  readonly data: Values
  readonly shape: number[]
  /** How many leading steps of each row count, `[batch]`; absent if all do. */
  declare readonly lengths?: Uint32Array
  /** Which steps count, 1 or 0 each, `[batch · time]`; absent if all do. */
  declare readonly mask?: Uint8Array

  /** @internal */
  constructor(data: Values, shape: number[], steps: { lengths?: Uint32Array; mask?: Uint8Array } = {}) {
    this.data = data
    this.shape = shape
    // Fields that are absent, not undefined, so that tensors compare like plain objects.
    if (steps.lengths) this.lengths = steps.lengths
    if (steps.mask) this.mask = steps.mask
  }

  /**
   * The numbers as nested arrays that follow the shape; a single number if there are no dimensions. With `lengths`,
   * each row has its own length, which gives ragged arrays that models accept; with a `mask`, all steps are included.
   */
  array<Nested extends NestedNumbers = NestedNumbers>(): Nested {
    checkHeld('array', this)
    const [rows = 0, ...row] = this.shape
    const { lengths } = this
    if (!lengths) return nested(this.data, this.shape, 0) as Nested
    const size = product(row)
    const made = Array.from({ length: rows }, (_, i) => nested(this.data, [lengths[i] ?? 0, ...row.slice(1)], i * size))
    return made as Nested
  }

  /**
   * Row `index` of the first dimension, counted from the end if negative: a tensor of the other dimensions, over a part
   * of the same memory. With `lengths`, it has only the row's own steps. Errors: `ERR_SHAPE` for a tensor without
   * dimensions, `ERR_OPTION` for a row that does not exist.
   */
  row(index: number): Tensor<Values> {
    const [rows, ...row] = this.shape
    if (rows === undefined) throw new SeqloomError('ERR_SHAPE', 'row: a single number has no rows; take item()')
    if (!Number.isInteger(index) || index < -rows || index >= rows) {
      const range = rows === 0 ? 'there is none' : `rows are 0 to ${rows - 1}, or -1 to ${-rows} from the end`
      throw new SeqloomError('ERR_OPTION', `row: ${describe(index)} is not a row; ${range}`)
    }
    checkHeld('row', this)
    const at = index < 0 ? index + rows : index
    const shape = this.lengths ? [this.lengths[at] ?? 0, ...row.slice(1)] : row
    const start = at * product(row)
    return new Tensor(this.data.subarray(start, start + product(shape)) as Values, shape)
  }

  /**
   * The index of the largest value along the last dimension, such as the most probable class of each row: one index for
   * each position of the other dimensions, in row-major order. Among equals the first wins; NaN counts as largest, as
   * in NumPy. Padded steps have an index, too. Errors: `ERR_SHAPE` if there is no last dimension, or it is 0.
   */
  argMax(): Int32Array {
    const width = this.shape.at(-1) ?? 0
    if (width === 0) {
      throw new SeqloomError('ERR_SHAPE', `argMax: the shape ${describe(this.shape)} has no last dimension to search`)
    }
    checkHeld('argMax', this)
    const { data } = this
    return Int32Array.from({ length: data.length / width }, (_, i) => largest(data, i * width, width))
  }

  /** The only element. Errors: `ERR_SHAPE` if there is not exactly one. */
  item(): number {
    checkHeld('item', this)
    if (this.data.length === 1) return this.data[0] as number
    throw new SeqloomError(
      'ERR_SHAPE',
      `item: the shape ${describe(this.shape)} has ${this.data.length} elements, not one; take row(), array() or data`,
    )
  }

  /** The shape and the first elements: `Tensor [2, 3] 0.5, -1.25, …`. */
  toString(): string {
    const first = Array.from({ length: Math.min(this.data.length, shown) }, (_, at) => this.data[at] as number).map(
      (value) => String(Number(value.toPrecision(5))),
    )
    const more = this.data.length > shown ? ', …' : ''
    const lengths = this.lengths ? ' with lengths' : this.mask ? ' with a mask' : ''
    return `Tensor [${this.shape.join(', ')}]${lengths} ${first.join(', ')}${more}`.trimEnd()
  }

  /** How `console.log` shows it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** `ERR_DATA` for a tensor whose memory was transferred to another thread. */
function checkHeld(what: string, { data, shape }: Tensor<NumericArray>): void {
  if (data.length === product(shape)) return
  throw new SeqloomError(
    'ERR_DATA',
    `${what}: the tensor's data have ${data.length} elements, but its shape is ${describe(shape)}: their memory was transferred away`,
  )
}

const product = (shape: readonly number[]): number => shape.reduce((size, dim) => size * dim, 1)

function nested(data: NumericArray, shape: readonly number[], start: number): NestedNumbers {
  const [rows, ...row] = shape
  if (rows === undefined) return data[start] as number
  if (row.length === 0) return Array.from(data.subarray(start, start + rows))
  const size = product(row)
  return Array.from({ length: rows }, (_, i) => nested(data, row, start + i * size))
}

function largest(data: NumericArray, start: number, width: number): number {
  let best = 0
  for (let i = 0; i < width; i++) {
    const value = data[start + i] as number
    if (Number.isNaN(value)) return i
    if (value > (data[start + best] as number)) best = i
  }
  return best
}
