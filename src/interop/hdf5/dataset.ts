import { inflateSync } from 'node:zlib'
import { allocated } from '../../data/allocated.js'
import { SeqloomError } from '../../errors.js'
import type { Bytes } from './bytes.js'
import { countOf, type Datatype } from './datatype.js'
import type { Message } from './messages.js'

/** Elements past which nothing is taken from a file: a typed array's limit is near. */
const mostBytes = 2 ** 32

/** Deflate packs at most so many bytes into one. */
const mostPacked = 1032

/** The elements of a dataset as its layout keeps them, as bytes; `what` says whose they are. */
export function elementsOf(
  bytes: Bytes,
  what: string,
  datatype: Datatype,
  dimensions: readonly number[],
  layout: Message,
  filters: Message | undefined,
): Uint8Array {
  const length = countOf(bytes, dimensions) * datatype.size
  if (length > mostBytes) throw new SeqloomError('ERR_MEMORY', `${what} has ${length} bytes`)
  const { at } = layout
  const version = bytes.u8(at)
  if (version !== 3) throw bytes.unsupported(`layout of version ${version}`)
  const kind = bytes.u8(at + 1)
  if (kind === 0) return exactly(bytes, bytes.part(at + 4, bytes.u16(at + 2)), length)
  if (kind === 1) {
    // Where nothing was ever written there is no address.
    if (isNowhere(bytes, at + 2)) return allocated(what, Uint8Array, length)
    return exactly(bytes, bytes.part(bytes.size(at + 2), bytes.size(at + 10)), length)
  }
  if (kind !== 2) throw bytes.unsupported(`layout of class ${kind}`)
  if (length > mostPacked * bytes.length) throw bytes.wrong(`${length} bytes of elements in a file of ${bytes.length}`)
  const rank = bytes.u8(at + 2) - 1
  if (rank !== dimensions.length || rank < 1) throw bytes.wrong(`chunks of ${rank} dimensions`)
  const sizes = Array.from({ length: rank }, (_, i) => bytes.u32(at + 11 + 4 * i))
  if (countOf(bytes, sizes) * datatype.size > Math.max(mostPacked * bytes.length, 1 << 16) || sizes.includes(0)) {
    throw bytes.wrong(`chunks of ${sizes.join(' × ')} elements`)
  }
  const out = allocated(what, Uint8Array, length)
  if (isNowhere(bytes, at + 3)) return out
  const chunkBytes = countOf(bytes, sizes) * datatype.size
  const steps = filters === undefined ? [] : filtersAt(bytes, filters.at)
  let [unpacked, most] = [0, length + chunkBytes * 2 ** rank + mostPacked * bytes.length]
  most = Math.min(most, 2 * mostBytes)
  for (const { at: place, size, offsets, skipped } of chunksAt(bytes, bytes.size(at + 3), rank)) {
    unpacked += chunkBytes
    if (unpacked > most) throw bytes.wrong('chunks that cover each other')
    const chunk = unfiltered(bytes, bytes.part(place, size), steps, skipped, datatype.size, chunkBytes)
    if (offsets.every((offset, axis) => offset < (dimensions[axis] as number))) {
      copyChunk(out, dimensions, chunk, sizes, offsets, datatype.size)
    }
  }
  return out
}

/** Where the elements of a dataset begin if they lie in the file one after the other. */
export function placeOf(
  bytes: Bytes,
  datatype: Datatype,
  dimensions: readonly number[],
  { at }: Message,
): number | undefined {
  if (bytes.u8(at) !== 3 || bytes.u8(at + 1) !== 1 || isNowhere(bytes, at + 2)) return undefined
  const [offset, size] = [bytes.size(at + 2), bytes.size(at + 10)]
  const length = countOf(bytes, dimensions) * datatype.size
  bytes.within(offset, size)
  if (size < length) throw bytes.wrong(`${size} bytes where ${length} belong`)
  return offset
}

const isNowhere = (bytes: Bytes, at: number) => bytes.u32(at) === 0xffffffff && bytes.u32(at + 4) === 0xffffffff

function exactly(bytes: Bytes, part: Uint8Array, length: number): Uint8Array {
  if (part.length < length) throw bytes.wrong(`${part.length} bytes where ${length} belong`)
  return part.subarray(0, length)
}

interface Chunk {
  readonly at: number
  readonly size: number
  readonly offsets: readonly number[]
  /** A bit for each filter that was left out. */
  readonly skipped: number
}

/** The chunks that a tree lists. */
function* chunksAt(bytes: Bytes, root: number, rank: number): Generator<Chunk> {
  const waiting = [root]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    bytes.follow(at)
    bytes.requireSignature(at, 'TREE')
    const [kind, level, used] = [bytes.u8(at + 4), bytes.u8(at + 5), bytes.u16(at + 6)]
    if (kind !== 1) throw bytes.wrong('a tree of groups among chunks')
    const keySize = 8 + 8 * (rank + 1)
    for (let i = 0; i < used; i++) {
      const key = at + 24 + i * (keySize + 8)
      const child = bytes.size(key + keySize)
      if (level > 0) waiting.push(child)
      else {
        const offsets = Array.from({ length: rank }, (_, axis) => bytes.size(key + 8 + 8 * axis))
        yield { at: child, size: bytes.u32(key), skipped: bytes.u32(key + 4), offsets }
      }
    }
  }
}

/** The numbers of the filters that chunks went through, in order. */
function filtersAt(bytes: Bytes, at: number): number[] {
  const [version, count] = [bytes.u8(at), bytes.u8(at + 1)]
  const steps: number[] = []
  let place = at + (version === 1 ? 8 : 2)
  for (let i = 0; i < count; i++) {
    const id = bytes.u16(place)
    const isNamed = version === 1 || id >= 256
    const name = isNamed ? bytes.u16(place + 2) : 0
    const values = bytes.u16(place + (isNamed ? 6 : 4))
    steps.push(id)
    place += (isNamed ? 8 : 6) + (version === 1 ? 8 * Math.ceil(name / 8) : name) + 4 * values
    if (version === 1 && values % 2 === 1) place += 4
  }
  return steps
}

function unfiltered(
  bytes: Bytes,
  packed: Uint8Array,
  steps: readonly number[],
  skipped: number,
  size: number,
  length: number,
): Uint8Array {
  let chunk = packed
  for (let i = steps.length - 1; i >= 0; i--) {
    if (skipped & (1 << i)) continue
    if (steps[i] === 1) {
      try {
        chunk = inflateSync(chunk, { maxOutputLength: length + 4 })
      } catch {
        throw bytes.wrong('a chunk that cannot be unpacked')
      }
    } else if (steps[i] === 2) chunk = unshuffled(chunk, size)
    else if (steps[i] === 3) chunk = chunk.subarray(0, Math.max(chunk.length - 4, 0))
    else throw bytes.unsupported(`filter ${steps[i]}`)
  }
  return exactly(bytes, chunk, length)
}

/** All first bytes of elements, then all second ones… put back together. */
function unshuffled(chunk: Uint8Array, size: number): Uint8Array {
  const count = Math.floor(chunk.length / size)
  const out = new Uint8Array(chunk)
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < count; i++) out[i * size + byte] = chunk[byte * count + i] as number
  }
  return out
}

/** Copies a chunk, as far as it lies inside, row by row. */
function copyChunk(
  out: Uint8Array,
  dimensions: readonly number[],
  chunk: Uint8Array,
  sizes: readonly number[],
  offsets: readonly number[],
  size: number,
): void {
  const inside = sizes.map((extent, axis) => Math.min(extent, (dimensions[axis] as number) - (offsets[axis] as number)))
  const last = sizes.length - 1
  const length = (inside[last] as number) * size
  const rows = inside.slice(0, -1).reduce((product, extent) => product * extent, 1)
  for (let row = 0; row < rows; row++) {
    let [rest, from, to, stride, outStride] = [
      row,
      0,
      offsets[last] as number,
      sizes[last] as number,
      dimensions[last] as number,
    ]
    for (let axis = last - 1; axis >= 0; axis--) {
      const index = rest % (inside[axis] as number)
      rest = Math.floor(rest / (inside[axis] as number))
      from += index * stride
      to += (index + (offsets[axis] as number)) * outStride
      stride *= sizes[axis] as number
      outStride *= dimensions[axis] as number
    }
    out.set(chunk.subarray(from * size, from * size + length), to * size)
  }
}
