import type { Sliced } from '../data/index.js'
import { halfOf } from './half.js'

/** Floating-point types that files of weights use, each with its conversion from little-endian bytes, which may be reused. */
export const floats: ReadonlyMap<string, (bytes: Uint8Array<ArrayBuffer>) => Sliced<Float32Array>> = new Map([
  ['F32', justSo],
  ['F64', doubles],
  ['F16', halves],
  ['BF16', brains],
])

/** How many elements are converted between two chances for the event loop. */
const slice = 1 << 16

// biome-ignore lint/correctness/useYield: there is nothing to do in slices
function* justSo(bytes: Uint8Array<ArrayBuffer>): Sliced<Float32Array> {
  return new Float32Array(bytes.buffer)
}

function* doubles(bytes: Uint8Array<ArrayBuffer>): Sliced<Float32Array> {
  return yield* each(new Float64Array(bytes.buffer), (value) => value)
}

function* brains(bytes: Uint8Array<ArrayBuffer>): Sliced<Float32Array> {
  const words = new Uint32Array(bytes.length / 2)
  const shifted = new Float32Array(words.buffer)
  const given = new Uint16Array(bytes.buffer)
  for (let from = 0; from < given.length; from += slice) {
    for (let at = from; at < Math.min(from + slice, given.length); at++) words[at] = (given[at] as number) << 16
    yield
  }
  return shifted
}

function* halves(bytes: Uint8Array<ArrayBuffer>): Sliced<Float32Array> {
  return yield* each(new Uint16Array(bytes.buffer), halfOf)
}

function* each(given: Float64Array | Uint16Array, convert: (value: number) => number): Sliced<Float32Array> {
  const values = new Float32Array(given.length)
  for (let from = 0; from < given.length; from += slice) {
    for (let at = from; at < Math.min(from + slice, given.length); at++) values[at] = convert(given[at] as number)
    yield
  }
  return values
}
