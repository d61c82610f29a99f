import { runSliced, type Sliced } from '../../data/index.js'
import { SeqloomError, visible } from '../../errors.js'
import { countOf, type FilePlace, type Pieces } from '../../model/newWeights.js'
import { pieceBytes } from '../format.js'
import { halfOf } from '../half.js'
import type { SavedWeight } from '../keras/weights.js'
import type { SavedSpec } from './artifacts.js'
import type { Bytes } from './bytes.js'

/** A weight of a model of TensorFlow.js. */
export interface TfjsWeight extends SavedWeight {
  readonly name: string
}

/** Elements as they are stored, by their type. */
const stored = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  float16: Uint16Array,
} as const

/** The types of a weight, and what each may be packed as. */
const packings: Readonly<Record<string, readonly (keyof typeof stored)[]>> = {
  float32: ['float32', 'uint8', 'uint16', 'float16'],
  int32: ['int32', 'uint8', 'uint16'],
  bool: ['bool'],
}

/**
 * The weights of a group, or what the optimizer keeps beside them, none read yet. `ERR_FORMAT` unless the bytes are as
 * many as they take; `ERR_UNSUPPORTED` for types that are no numbers.
 */
export function weightsIn(where: string, specs: readonly SavedSpec[], bytes: Bytes, optimizers = false): TfjsWeight[] {
  let offset = 0
  const weights = specs.flatMap((spec): TfjsWeight[] => {
    const { name, shape, ofOptimizer = false } = spec
    const type = storedType(where, spec)
    const start = offset
    const length = shape.reduce((product, size) => product * size, stored[type].BYTES_PER_ELEMENT)
    offset += length
    // Sums of sizes that no file has are not exact.
    if (offset > bytes.size) {
      throw new SeqloomError(
        'ERR_FORMAT',
        `${where}: '${visible(name)}' [${shape.join(', ')}] does not fit the ${bytes.size} bytes of its group of weights`,
      )
    }
    if (ofOptimizer !== optimizers) return []
    return [
      {
        name,
        shape,
        floats: async () => await runSliced(unpacked(spec, type, await bytes.read(start, length))),
        pieces: piecesOf(spec, type, bytes, start),
      },
    ]
  })
  if (offset !== bytes.size) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `${where}: a group of weights has ${bytes.size} bytes where its description tells of ${offset}`,
    )
  }
  return weights
}

/** What native code reads as it is. */
const read: Partial<Record<keyof typeof stored, FilePlace['dtype']>> = { float32: 'F32', float16: 'F16' }

function piecesOf(spec: SavedSpec, type: keyof typeof stored, bytes: Bytes, start: number): Pieces {
  const size = stored[type].BYTES_PER_ELEMENT
  async function* pieces(from: number, count: number): AsyncGenerator<Float32Array> {
    const [first, last] = [start + from * size, start + (from + count) * size]
    const room = new Uint8Array(Math.min(pieceBytes, last - first))
    for (let at = first; at < last; at += room.length) {
      const piece = room.subarray(0, last - at)
      await bytes.copy(at, piece)
      yield await runSliced(unpacked(spec, type, piece))
    }
  }
  const dtype = read[type]
  const length = size * countOf({ sizes: spec.shape })
  if (dtype === undefined || bytes.places?.(start, length, size) === undefined) return pieces
  async function* places(from: number, count: number): AsyncGenerator<FilePlace> {
    for await (const { length, ...part } of bytes.places?.(start + from * size, count * size, size) ?? []) {
      yield { ...part, count: length / size, dtype: dtype as FilePlace['dtype'] }
    }
  }
  return Object.assign(pieces, { places })
}

function storedType(where: string, { name, dtype, quantization }: SavedSpec): keyof typeof stored {
  const packed = quantization?.dtype ?? dtype
  const found = Object.hasOwn(packings, dtype) ? packings[dtype]?.find((each) => each === packed) : undefined
  if (found !== undefined) return found
  const as = quantization === undefined ? '' : ` packed as ${quantization.dtype}`
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    visible(`${where}: '${name}' is of the type ${dtype}${as}; weights are float32, int32 or bool`),
  )
}

/** How many elements are converted between two chances for the event loop. */
const slice = 1 << 16

function* unpacked(
  { dtype, quantization }: SavedSpec,
  type: keyof typeof stored,
  bytes: Uint8Array<ArrayBuffer>,
): Sliced<Float32Array> {
  const given = new stored[type](bytes.buffer, bytes.byteOffset, bytes.length / stored[type].BYTES_PER_ELEMENT)
  if (given instanceof Float32Array) return given
  const { scale = 1, min = 0 } = quantization ?? {}
  const value = (packed: number): number => {
    if (type === 'float16') return halfOf(packed)
    if (quantization === undefined) return packed
    return dtype === 'int32' ? Math.round(packed * scale + min) : packed * scale + min
  }
  const values = new Float32Array(given.length)
  for (let from = 0; from < given.length; from += slice) {
    for (let at = from; at < Math.min(from + slice, given.length); at++) values[at] = value(given[at] as number)
    yield
  }
  return values
}
