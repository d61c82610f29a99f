import { types } from 'node:util'

/**
 * The bytes of a `Uint8Array` or an `ArrayBuffer`, also of another realm, such as those of a test runner, as an array of
 * this one over the same memory; undefined for anything else.
 */
export function bytesGiven(value: unknown): Uint8Array | undefined {
  if (types.isUint8Array(value)) {
    const { buffer, byteOffset, byteLength } = value
    return value instanceof Uint8Array ? value : over(buffer, byteOffset, byteLength)
  }
  return types.isAnyArrayBuffer(value) ? over(value, 0, value.byteLength) : undefined
}

/** None of memory that was given away, which has no elements left. */
const over = (memory: ArrayBufferLike, offset: number, length: number): Uint8Array =>
  length === 0 ? new Uint8Array(0) : new Uint8Array(memory, offset, length)
