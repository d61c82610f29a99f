import type { Pieces } from '../../model/newWeights.js'
import { floatPieces } from '../floats.js'
import type { Source } from '../format.js'
import { Bytes } from './bytes.js'
import { elementsOf, placeOf } from './dataset.js'
import { countOf, datatypeAt, dimensionsAt } from './datatype.js'
import { type Message, messagesOf, messageType } from './messages.js'
import { floatsOf, textsOf } from './values.js'

/** A group of an HDF5 file. */
export interface Group {
  readonly path: string
  readonly groups: ReadonlyMap<string, Group>
  readonly datasets: ReadonlyMap<string, Dataset>
  /** The texts of an attribute, one or several; undefined if there is none of the name, or none that holds texts. */
  texts(attribute: string): readonly string[] | undefined
}

/** A dataset of an HDF5 file. */
export interface Dataset {
  readonly path: string
  readonly shape: readonly number[]
  /** Its elements as float32. `ERR_FORMAT`, `ERR_UNSUPPORTED`, `ERR_MEMORY`. */
  floats(): Float32Array
  /** The same piece by piece, where they lie in the file as they are. */
  readonly pieces: Pieces | undefined
}

/** Groups and datasets that a file may have, and how deep they may lie: each costs more than the few bytes it may take there. */
const mostObjects = 100_000
const deepest = 64

/**
 * Reads the tree of an HDF5 file, as h5py and Keras write it (HDF5 File Format Specification, version 3): groups by symbol tables or by links,
 * contiguous, compact and chunked datasets with gzip and shuffle, attributes in headers. Elements are read when they are asked for. Every address,
 * size and count is checked before it is used. `ERR_FORMAT`, `ERR_UNSUPPORTED`.
 */
export function readHdf5(file: Source, where: string): Group {
  const bytes = new Bytes(file, where)
  bytes.requireSignature(0, '\ufffdHDF\r\n\x1a\n')
  const version = bytes.u8(8)
  if (version > 3) throw bytes.unsupported(`superblock of version ${version}`)
  const [offsets, lengths] = version < 2 ? [bytes.u8(13), bytes.u8(14)] : [bytes.u8(9), bytes.u8(10)]
  if (offsets !== 8 || lengths !== 8) throw bytes.unsupported(`addresses of ${offsets} and lengths of ${lengths} bytes`)
  const base = version < 2 ? 24 + (version === 1 ? 4 : 0) : 12
  if (bytes.size(base) !== 0) throw bytes.unsupported('behind other data')
  const root = bytes.size(version < 2 ? base + 40 : base + 24)
  return new Reader(bytes).group(root, '', 0)
}

/** Whether bytes begin as an HDF5 file does. */
export const isHdf5 = (file: Uint8Array): boolean =>
  [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, at) => file[at] === byte)

class Reader {
  #objects = 0
  readonly #bytes: Bytes

  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  group(at: number, path: string, depth: number): Group {
    return this.#groupOf(messagesOf(this.#bytes, at), path, depth)
  }

  #groupOf(messages: readonly Message[], path: string, depth: number): Group {
    const bytes = this.#bytes
    if (depth > deepest) throw bytes.wrong(`groups ${depth} deep`)
    const [groups, datasets] = [new Map<string, Group>(), new Map<string, Dataset>()]
    for (const [name, at] of this.#links(messages)) {
      this.#objects += 1
      if (this.#objects > mostObjects) throw bytes.wrong(`more than ${mostObjects} groups and datasets`)
      const inner = messagesOf(bytes, at)
      const own = `${path}/${name}`
      if (inner.some(({ type }) => type === messageType.layout)) datasets.set(name, datasetOf(bytes, inner, own))
      else groups.set(name, this.#groupOf(inner, own, depth + 1))
    }
    return { path, groups, datasets, texts: (attribute) => attributeOf(bytes, messages, attribute) }
  }

  *#links(messages: readonly Message[]): Generator<[name: string, at: number]> {
    const bytes = this.#bytes
    for (const { type, at } of messages) {
      if (type === messageType.symbolTable) yield* symbols(bytes, bytes.size(at), bytes.size(at + 8))
      if (type === messageType.link) {
        const found = linkAt(bytes, at)
        if (found !== undefined) yield found
      }
      if (type === messageType.linkInfo && isDense(bytes, at + (bytes.u8(at + 1) & 1 ? 10 : 2))) {
        throw bytes.unsupported('group with a heap of links')
      }
    }
  }
}

const isDense = (bytes: Bytes, at: number): boolean =>
  !(bytes.u32(at) === 0xffffffff && bytes.u32(at + 4) === 0xffffffff)

/** The names of a group that is kept as a tree and a heap of names. */
function* symbols(bytes: Bytes, tree: number, heap: number): Generator<[name: string, at: number]> {
  bytes.requireSignature(heap, 'HEAP')
  const names = bytes.size(heap + 24)
  const waiting = [tree]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    bytes.follow(at)
    if (bytes.text(at, 4) === 'TREE') {
      if (bytes.u8(at + 4) !== 0) throw bytes.wrong('a tree of chunks among groups')
      const used = bytes.u16(at + 6)
      for (let i = used - 1; i >= 0; i--) waiting.push(bytes.size(at + 24 + 8 + 16 * i))
      continue
    }
    bytes.requireSignature(at, 'SNOD')
    const count = bytes.u16(at + 6)
    for (let i = 0; i < count; i++) {
      const entry = at + 8 + 40 * i
      yield [bytes.zeroTerminated(names + bytes.size(entry)), bytes.size(entry + 8)]
    }
  }
}

/** A link of a newer file; undefined if it leads elsewhere. */
function linkAt(bytes: Bytes, at: number): [name: string, at: number] | undefined {
  const flags = bytes.u8(at + 1)
  let place = at + 2
  const kind = flags & 8 ? bytes.u8(place++) : 0
  place += (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0)
  const width = 1 << (flags & 3)
  const length = bytes.size(place, width)
  const name = bytes.text(place + width, length)
  return kind === 0 ? [name, bytes.size(place + width + length)] : undefined
}

/** What other files call floating-point numbers of so many bytes. */
const floatNames: ReadonlyMap<number, string> = new Map([
  [2, 'F16'],
  [4, 'F32'],
  [8, 'F64'],
])

function datasetOf(bytes: Bytes, messages: readonly Message[], path: string): Dataset {
  const find = (type: number) => messages.find((message) => message.type === type)
  const [space, type, layout] = [find(messageType.dataspace), find(messageType.datatype), find(messageType.layout)]
  if (!space || !type || !layout) throw bytes.wrong(`${path} says no shape or no type`)
  const [datatype, dimensions] = [datatypeAt(bytes, type.at), dimensionsAt(bytes, space.at)]
  const shape = dimensions ?? [0]
  countOf(bytes, shape)
  const floats = () =>
    floatsOf(bytes, path, datatype, elementsOf(bytes, path, datatype, shape, layout, find(messageType.filters)))
  return {
    path,
    shape,
    floats,
    get pieces() {
      const dtype = datatype.kind === 'float' ? floatNames.get(datatype.size) : undefined
      if (dtype === undefined) return undefined
      const offset = placeOf(bytes, datatype, shape, layout)
      return offset === undefined ? undefined : floatPieces(bytes.source, { name: path, dtype, offset })
    },
  }
}

/** The texts of an attribute of an object. */
function attributeOf(bytes: Bytes, messages: readonly Message[], name: string): string[] | undefined {
  for (const { type, at } of messages) {
    if (type === messageType.attributeInfo) {
      const flags = bytes.u8(at + 1)
      if (isDense(bytes, at + 2 + (flags & 1 ? 2 : 0))) throw bytes.unsupported('object with a heap of attributes')
    }
    if (type !== messageType.attribute) continue
    const version = bytes.u8(at)
    if (version < 1 || version > 3) throw bytes.wrong(`an attribute of version ${version}`)
    const padded = (size: number) => (version === 1 ? 8 * Math.ceil(size / 8) : size)
    const sizes = [bytes.u16(at + 2), bytes.u16(at + 4), bytes.u16(at + 6)] as const
    const start = at + (version === 3 ? 9 : 8)
    if (bytes.text(start, sizes[0]).replace(/\0.*$/s, '') !== name) continue
    const [ofType, ofSpace] = [start + padded(sizes[0]), start + padded(sizes[0]) + padded(sizes[1])]
    const [datatype, dimensions] = [datatypeAt(bytes, ofType), dimensionsAt(bytes, ofSpace)]
    const count = dimensions === undefined ? 0 : countOf(bytes, dimensions)
    return textsOf(bytes, datatype, bytes.part(ofSpace + padded(sizes[2]), count * datatype.size))
  }
  return undefined
}
