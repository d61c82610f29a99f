import { allocated } from '../../data/allocated.js'
import { halfOf } from '../half.js'
import type { Bytes } from './bytes.js'
import type { Datatype } from './datatype.js'

/** Elements as numbers of single precision; `what` says whose they are. */
export function floatsOf(bytes: Bytes, what: string, datatype: Datatype, elements: Uint8Array): Float32Array {
  const { kind, size } = datatype
  if (kind !== 'float' && kind !== 'signed' && kind !== 'unsigned') {
    throw bytes.wrong(`${what} holds ${kind === 'other' ? datatype.what : 'texts'}, not numbers`)
  }
  const view = new DataView(elements.buffer, elements.byteOffset, elements.byteLength)
  const count = elements.length / size
  const out = allocated(what, Float32Array, count)
  if (kind === 'float' && size === 4) {
    new Uint8Array(out.buffer).set(elements)
    return out
  }
  const read = reader(view, kind, size)
  for (let i = 0; i < count; i++) out[i] = read(i * size)
  return out
}

function reader(view: DataView, kind: 'float' | 'signed' | 'unsigned', size: number): (at: number) => number {
  if (kind === 'float') return size === 8 ? (at) => view.getFloat64(at, true) : (at) => halfOf(view.getUint16(at, true))
  const isSigned = kind === 'signed'
  if (size === 1) return isSigned ? (at) => view.getInt8(at) : (at) => view.getUint8(at)
  if (size === 2) return isSigned ? (at) => view.getInt16(at, true) : (at) => view.getUint16(at, true)
  if (size === 4) return isSigned ? (at) => view.getInt32(at, true) : (at) => view.getUint32(at, true)
  return isSigned ? (at) => Number(view.getBigInt64(at, true)) : (at) => Number(view.getBigUint64(at, true))
}

/** Elements as texts, those of any length too; undefined if they are none. */
export function textsOf(bytes: Bytes, { kind, size }: Datatype, elements: Uint8Array): string[] | undefined {
  if (kind !== 'text' && kind !== 'longText') return undefined
  const view = new DataView(elements.buffer, elements.byteOffset, elements.byteLength)
  return Array.from({ length: Math.floor(elements.length / size) }, (_, i) => {
    if (kind === 'text') return untilZero(elements.subarray(i * size, (i + 1) * size))
    const length = view.getUint32(i * size, true)
    const heap = Number(view.getBigUint64(i * size + 4, true))
    return length === 0 ? '' : untilZero(inHeap(bytes, heap, view.getUint32(i * size + 12, true)).subarray(0, length))
  })
}

function untilZero(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8')
}

/** An object of a collection of values of any length. */
function inHeap(bytes: Bytes, at: number, index: number): Uint8Array {
  bytes.requireSignature(at, 'GCOL')
  const end = at + bytes.size(at + 8)
  for (let place = at + 16; place + 16 <= end; ) {
    const [found, size] = [bytes.u16(place), bytes.size(place + 8)]
    if (found === index) return bytes.part(place + 16, size)
    if (found === 0) break
    place += 16 + 8 * Math.ceil(size / 8)
  }
  throw bytes.wrong(`object ${index} is missing in the collection at byte ${at}`)
}
