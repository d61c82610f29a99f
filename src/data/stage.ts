import { callNative } from '../errors.js'
import { native, type StagedArray } from '../native/index.js'
import type { Converted } from './elements.js'
import type { Sliced } from './slices.js'

/** Converted data as native calls take them: large arrays are already copied to native memory. */
export interface Staged extends Omit<Converted, 'data'> {
  readonly data: Converted['data'] | StagedArray
  /** Some of the elements, where they are in native memory. */
  readonly sample?: Converted['data']
}

/** Native code copies smaller arrays in one piece, in about a millisecond. */
const largeBytes = 4 << 20
/** How many bytes to copy between two chances for the event loop. */
const sliceBytes = 1 << 20

/** Copies a large array to native memory piece by piece, so that copying does not block the event loop. */
export function* stage(converted: Converted): Sliced<Staged> {
  const { data } = converted
  if (data.byteLength < largeBytes) return converted
  return { ...converted, data: yield* stageAll(data), sample: sampleOf(data) }
}

const mostSampled = 1 << 14

/** An array, or of a large one some elements from all of its places. */
export function sampleOf<A extends Float32Array | Int32Array | Uint32Array | Uint8Array>(data: A): A {
  if (data.length <= mostSampled) return data
  const step = data.length / mostSampled
  // Irregular, so that it does not see a single column of rows.
  return data.slice(0, mostSampled).map((_, at) => data[Math.floor((at + ((at * 0.618) % 1)) * step)] as number) as A
}

/** A copy of an array in native memory. */
export function* stageAll(data: Float32Array | Int32Array | Uint8Array): Sliced<StagedArray> {
  const dtype = data instanceof Int32Array ? 'int32' : data instanceof Float32Array ? 'float32' : 'uint8'
  const staged = callNative(() => new native.StagedArray(dtype, data.length))
  const step = sliceBytes / data.BYTES_PER_ELEMENT
  for (let from = 0; from < data.length; from += step) {
    callNative(() => staged.append(data.subarray(from, from + step)))
    yield
  }
  return staged
}
