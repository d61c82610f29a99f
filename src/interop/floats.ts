import { runSliced, type Sliced } from '../data/index.js'
import type { FilePlace, Pieces } from '../model/newWeights.js'
import type { Source } from './format.js'
import { halfOf } from './half.js'

type Bytes = Uint8Array<ArrayBuffer>

/** A floating-point type of a file. */
interface FloatType {
  /** Bytes of an element. */
  readonly bytes: number
  /** Elements of little-endian bytes, in whose memory they may be. */
  convert(bytes: Bytes): Sliced<Float32Array>
}

/** Floating-point types that files of weights use. */
const floats: ReadonlyMap<string, FloatType> = new Map([
  ['F32', { bytes: 4, convert: justSo }],
  ['F64', { bytes: 8, convert: doubles }],
  ['F16', { bytes: 2, convert: halves }],
  ['BF16', { bytes: 2, convert: brains }],
])

/** Where elements are in a file. */
export interface FloatPlace {
  /** A name for messages. */
  readonly name: string
  readonly dtype: string
  readonly offset: number
  readonly isBigEndian?: boolean
}

/** Elements of a file as float32; reading them rejects with `ERR_UNSUPPORTED` for a type that is no floating-point number. */
export function floatPieces(source: Source, { name, dtype, offset, isBigEndian }: FloatPlace): Pieces {
  async function* pieces(from: number, count: number): AsyncGenerator<Float32Array> {
    const type = floats.get(dtype)
    if (!type) {
      throw source.unsupported(
        `'${name}' has the type ${dtype}; weights are read from ${[...floats.keys()].join(', ')}`,
      )
    }
    const { bytes, convert } = type
    for await (const piece of source.pieces(offset + from * bytes, count * bytes, bytes)) {
      if (isBigEndian) swap(piece, bytes)
      yield await runSliced(convert(piece))
    }
  }
  if (!source.place(offset) || isBigEndian || (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')) return pieces
  const size = (floats.get(dtype) as FloatType).bytes
  async function* places(from: number, count: number): AsyncGenerator<FilePlace> {
    const place = source.place(offset + from * size)
    if (place) yield { ...place, count, dtype: dtype as FilePlace['dtype'] }
  }
  return Object.assign(pieces, { places })
}

/** How many elements are converted between two chances for the event loop. */
const slice = 1 << 16

// biome-ignore lint/correctness/useYield: there is nothing to do in slices
function* justSo(bytes: Bytes): Sliced<Float32Array> {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

function* doubles(bytes: Bytes): Sliced<Float32Array> {
  return yield* each(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8), (value) => value)
}

function* brains(bytes: Bytes): Sliced<Float32Array> {
  const words = new Uint32Array(bytes.length / 2)
  const shifted = new Float32Array(words.buffer)
  const given = new Uint16Array(bytes.buffer, bytes.byteOffset, words.length)
  for (let from = 0; from < given.length; from += slice) {
    for (let at = from; at < Math.min(from + slice, given.length); at++) words[at] = (given[at] as number) << 16
    yield
  }
  return shifted
}

function* halves(bytes: Bytes): Sliced<Float32Array> {
  return yield* each(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2), halfOf)
}

function* each(given: Float64Array | Uint16Array, convert: (value: number) => number): Sliced<Float32Array> {
  const values = new Float32Array(given.length)
  for (let from = 0; from < given.length; from += slice) {
    for (let at = from; at < Math.min(from + slice, given.length); at++) values[at] = convert(given[at] as number)
    yield
  }
  return values
}

function swap(bytes: Bytes, size: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (size === 2) view.swap16()
  if (size === 4) view.swap32()
  if (size === 8) view.swap64()
}
