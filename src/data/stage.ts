import { callNative } from '../errors.js'
import { native, type StagedArray } from '../native/index.js'
import type { Converted } from './elements.js'
import type { Sliced } from './slices.js'

/** Converted data as native calls take them: large arrays have been copied to native memory already. */
export interface Staged extends Omit<Converted, 'data'> {
  readonly data: Converted['data'] | StagedArray
}

/** The native side copies smaller arrays in one piece, in about a millisecond. */
const largeBytes = 4 << 20
/** How many elements to copy between two chances for the event loop. */
const sliceElements = 256 << 10

/** Copies a large array to native memory piece by piece, so that this does not hold the event loop. */
export function* stage(converted: Converted): Sliced<Staged> {
  const { data } = converted
  if (data.byteLength < largeBytes) return converted
  const dtype = data instanceof Int32Array ? 'int32' : 'float32'
  const staged = callNative(() => new native.StagedArray(dtype, data.length))
  for (let from = 0; from < data.length; from += sliceElements) {
    callNative(() => staged.append(data.subarray(from, from + sliceElements)))
    yield
  }
  return { ...converted, data: staged }
}
