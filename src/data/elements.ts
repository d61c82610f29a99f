import { describe, SeqloomError } from '../errors.js'
import { type DType, type Shape, showShape } from '../graph/shape.js'
import { allocated } from './allocated.js'
import type { NumericArray } from './tensor.js'

/** What a model expects in one place: an input or a target. */
export interface Slot {
  /** What messages call it: `input 'x'`. */
  readonly where: string
  /** Its name, under which it can be given. */
  readonly name: string
  readonly dtype: DType
  /** The expected shape; null dimensions are free. */
  readonly shape: Shape
  /** Whether a last dimension of size 1 may be missing or be there in addition, as targets often have it. */
  readonly looseLast: boolean
  /** Whether the native side looks for NaN and infinities itself, batch by batch, so that no float32 array is searched for them here. */
  readonly checkedNatively?: boolean
}

/** Converted data as the native side takes them. */
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
 * Checks elements `from` to `to` of a list and copies them to `target` at `offset`; without a target they are only checked. `place` names
 * an element's place from its index, for `ERR_DATA`.
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
    const value = source[i] as number
    // For integers `| 0` changes everything that is not one of 32 bits; x - x is 0 for finite numbers only.
    if (typeof value !== 'number' || (integers ? (value | 0) !== value : value - value !== 0)) {
      throw wrongElement(slot, value, place(i))
    }
    if (target) target[offset + i - from] = value
  }
}

/** `ERR_DATA` or `ERR_SHAPE` for what stands where a number should. */
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

/** The name of an element's place in a row-major array: `row 3, step 2, value 1`. */
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

/** The name of a place from its indices in an array of so many dimensions. */
export function placeAt(indices: readonly number[], rank: number): string {
  return indices.map((at, axis) => `${axisName(axis, rank)} ${at}`).join(', ')
}

/** What the places of an axis are called. */
export function axisName(axis: number, rank: number): string {
  if (axis === 0) return 'row'
  return axis === 1 && rank > 2 ? 'step' : axis === 1 ? 'position' : 'value'
}

/** Whether a typed array lost its buffer. */
export function isDetached(data: NumericArray, expected: number): boolean {
  return data.length === 0 && expected > 0 && data.buffer.byteLength === 0
}
