import { describe, SeqloomError } from '../errors.js'
import { type DType, type Shape, showShape } from '../graph/shape.js'
import { allocated } from './allocated.js'
import type { NumericArray } from './tensor.js'

/** One input or target of a model, and what it expects. */
export interface Slot {
  /** Its name in messages: `input 'x'`. */
  readonly where: string
  /** The name by which data for it can be given. */
  readonly name: string
  readonly dtype: DType
  /** The expected shape; null dimensions are free. */
  readonly shape: Shape
  /** Whether data may lack a last dimension of size 1, or have an additional one, as inputs and targets often do. */
  readonly looseLast: boolean
  /**
   * Whether native code checks for NaN and infinities itself, batch by batch, so that float32 arrays are not searched
   * for them here.
   */
  readonly checkedNatively?: boolean
  /**
   * What is put after rows that are shorter than others, of slots `[rows, steps]` of whose rows each may have its own
   * length and may be empty; undefined where lengths are given to native code.
   */
  readonly filler?: number
}

/** Converted data as native code takes them. */
export interface Converted {
  data: Float32Array | Int32Array
  shape: number[]
  lengths?: Uint32Array
  mask?: Uint8Array
  ragged?: boolean
}

/** A new array of a slot's element type. */
export function allocate(slot: Pick<Slot, 'where' | 'dtype'>, size: number): Float32Array | Int32Array {
  return slot.dtype === 'int32' ? allocated(slot.where, Int32Array, size) : allocated(slot.where, Float32Array, size)
}

/**
 * Checks elements `from` to `to` of a list and copies them to `target` at `offset`, booleans as 0 and 1; without a
 * target they are only checked. `place` names the position of an element from its index, for `ERR_DATA`.
 */
export function transfer(
  slot: Slot,
  source: ArrayLike<unknown>,
  from: number,
  to: number,
  target: Float32Array | Int32Array | undefined,
  offset: number,
  place: (index: number) => string,
): void {
  const integers = slot.dtype === 'int32'
  for (let i = from; i < to; i++) {
    let value = source[i] as number
    // `| 0` changes everything that is not a 32-bit integer; x - x is 0 for finite numbers only.
    if (typeof value !== 'number' || (integers ? (value | 0) !== value : value - value !== 0)) {
      if (typeof value !== 'boolean') throw wrongElement(slot, value, place(i))
      value = Number(value)
    }
    if (target) target[offset + i - from] = value
  }
}

/** `ERR_DATA` or `ERR_SHAPE` for something that is not the number that belongs there. */
function wrongElement(slot: Slot, value: unknown, place: string): SeqloomError {
  if (typeof value === 'object' && value !== null && 'length' in value) {
    return new SeqloomError(
      'ERR_SHAPE',
      `${slot.where}: ${place} is ${describe(value)}, not a number; the expected shape is ${showShape(slot.shape)}`,
    )
  }
  const wanted = slot.dtype === 'int32' ? 'an integer of 32 bits (int32)' : 'a finite number'
  return new SeqloomError('ERR_DATA', `${slot.where}: ${place} is ${describe(value)}, not ${wanted}`)
}

/** The position of an element in a row-major array, in words: `row 3, step 2, value 1`. */
export function placeOf(index: number, shape: readonly number[]): string {
  const indices: number[] = []
  let rest = index
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const dim = shape[axis] as number
    indices.unshift(rest % dim)
    rest = Math.floor(rest / dim)
  }
  return placeAt(indices, shape.length)
}

/** A position in words, from its indices in an array of a given rank. */
export function placeAt(indices: readonly number[], rank: number): string {
  return indices.map((at, axis) => `${axisName(axis, rank)} ${at}`).join(', ')
}

/** What the positions along an axis are called. */
export function axisName(axis: number, rank: number): string {
  if (axis === 0) return 'row'
  return axis === 1 && rank > 2 ? 'step' : axis === 1 ? 'position' : 'value'
}

/** Whether a typed array's buffer was detached. */
export function isDetached(data: NumericArray, expected: number): boolean {
  return data.length === 0 && expected > 0 && data.buffer.byteLength === 0
}
