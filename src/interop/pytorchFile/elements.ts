import { runSliced, type Sliced } from '../../data/index.js'
import { piecesOf } from '../../model/newWeights.js'
import { floatPieces } from '../floats.js'
import { type Source, type StoredTensor, wholeOf } from '../format.js'
import { elementBytes, type Tensor } from './objects.js'

/** Bytes of a file, the least significant one of an element first or last. */
export interface Place {
  readonly offset: number
  readonly size: number
  readonly isBigEndian: boolean
}

/** How many elements are put in order between two chances for the event loop. */
const slice = 1 << 16

/** A tensor whose elements are read when they are asked for. Throws `ERR_FORMAT` unless all of them are in their storage. */
export function storedTensor(
  source: Source,
  name: string,
  { dtype, storage, offset, shape, strides }: Tensor,
  place: Place,
): StoredTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] as number), offset)
  const bytes = elementBytes[dtype]
  const unit = storage.dtype === undefined ? 1 : (elementBytes[storage.dtype] ?? Number.NaN)
  const before = storage.skipped * unit
  const isWhole = (storage.skipped + storage.count) * unit <= place.size
  const isInside = count === 0 || bytes === undefined || (last + 1) * bytes <= storage.count * unit
  if (!isWhole || !isInside || !Number.isSafeInteger(last)) {
    throw source.malformed(`'${name}' has elements that are not in the file`)
  }
  const spanned = last + 1 - offset
  const stored = floatPieces(source, {
    ...{ name, dtype, isBigEndian: place.isBigEndian },
    offset: place.offset + before + offset * (bytes ?? 1),
  })
  if (count === 0 || isInOrder(shape, strides)) return { dtype, shape, pieces: stored }
  return {
    dtype,
    shape,
    async *pieces(from, length) {
      if (count > spanned) throw source.unsupported(`'${name}' repeats its elements; in Python, store its contiguous()`)
      const values = await wholeOf(source.where, { shape: [spanned], pieces: stored })
      yield* piecesOf(await runSliced(inOrder(values, count, shape, strides)))(from, length)
    },
  }
}

/** Whether elements lie one after the other, row by row. */
function isInOrder(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis] as number
  }
  return true
}

/** Elements row by row, of a tensor that was transposed or cut out of another. */
function* inOrder(
  values: Float32Array,
  count: number,
  shape: readonly number[],
  strides: readonly number[],
): Sliced<Float32Array> {
  const ordered = new Float32Array(count)
  const position = shape.map(() => 0)
  let from = 0
  for (let at = 0; at < count; at++) {
    ordered[at] = values[from] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number
      position[axis] = (position[axis] as number) + 1
      if ((position[axis] as number) < (shape[axis] as number)) break
      from -= (shape[axis] as number) * (strides[axis] as number)
      position[axis] = 0
    }
    if (at % slice === 0) yield
  }
  return ordered
}
