import { SeqloomError } from '../../errors.js'
import { bytesOf } from '../format.js'

/** A group to be written. */
export class WrittenGroup {
  readonly attributes = new Map<string, string | readonly string[]>()
  readonly groups = new Map<string, WrittenGroup>()
  readonly datasets = new Map<string, WrittenDataset>()

  /** The group at a path below this one; what is missing of it is made. */
  at(path: readonly string[]): WrittenGroup {
    let group: WrittenGroup = this
    for (const name of path) {
      const inner = group.groups.get(name) ?? new WrittenGroup()
      group.groups.set(name, inner)
      group = inner
    }
    return group
  }
}

/** A dataset to be written. */
export interface WrittenDataset {
  readonly shape: readonly number[]
  /** Its elements; large ones are made when their turn comes, which takes float32. */
  readonly data: Float32Array | Uint32Array | (() => Float32Array)
}

/** As many bytes of texts as Keras puts into one attribute; a message of a header has at most 65,535. */
const mostAttributeBytes = 64_512

const nowhere = 0xffffffffffffffffn
/** Half of the entries of a node of names, and of a node of a tree: what the library uses by default. */
const [halfLeaf, halfTree] = [4, 16]
const superblockBytes = 96

const padded = (size: number): number => Math.ceil(size / 8) * 8

/**
 * The bytes of an HDF5 file in order (File Format Specification, superblock of version 0, which all versions of the library read): groups by symbol tables, contiguous
 * datasets, attributes in headers; a single text lies in a heap, so that it may have any length, and a list of texts has texts of one length.
 */
export const writeHdf5 = (root: WrittenGroup): Generator<Uint8Array> => new Writer().file(root)

/** A part of a file, filled number by number. */
class Block {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  #at = 0

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.#view = new DataView(this.bytes.buffer)
  }

  numbers(width: 1 | 2 | 4, ...values: readonly number[]): this {
    for (const value of values) {
      if (width === 1) this.#view.setUint8(this.#at, value)
      else if (width === 2) this.#view.setUint16(this.#at, value, true)
      else this.#view.setUint32(this.#at, value, true)
      this.#at += width
    }
    return this
  }

  /** Addresses and lengths. */
  sizes(...values: readonly (number | bigint)[]): this {
    for (const value of values) {
      this.#view.setBigUint64(this.#at, BigInt(value), true)
      this.#at += 8
    }
    return this
  }

  put(bytes: Uint8Array, width = bytes.length): this {
    this.bytes.set(bytes, this.#at)
    this.#at += width
    return this
  }

  text(text: string): this {
    return this.put(Buffer.from(text, 'latin1'))
  }
}

interface Message {
  readonly type: number
  readonly data: Uint8Array
}

/** A part of a file: its bytes, or what makes so many of them. */
type Piece = Uint8Array | { readonly length: number; make(): Uint8Array }

class Writer {
  readonly #pieces: Piece[] = []
  #end = superblockBytes

  /** Adds a part and gives its address. */
  #add(piece: Piece): number {
    const at = this.#end
    this.#pieces.push(piece)
    this.#end += padded(piece.length)
    return at
  }

  *file(root: WrittenGroup): Generator<Uint8Array> {
    const { header, tree, heap } = this.#group(root)
    yield new Block(superblockBytes)
      .put(Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a))
      .numbers(1, 0, 0, 0, 0, 0, 8, 8, 0)
      .numbers(2, halfLeaf, halfTree)
      .numbers(4, 0)
      .sizes(0, nowhere, this.#end, nowhere)
      .sizes(0, header)
      .numbers(4, 1, 0)
      .sizes(tree, heap).bytes
    for (const piece of this.#pieces) {
      yield piece instanceof Uint8Array ? piece : piece.make()
      const rest = padded(piece.length) - piece.length
      if (rest > 0) yield new Uint8Array(rest)
    }
  }

  #group(group: WrittenGroup): { readonly header: number; readonly tree: number; readonly heap: number } {
    const entries: Entry[] = []
    for (const [name, inner] of group.groups) entries.push({ name: Buffer.from(name), ...this.#group(inner) })
    for (const [name, dataset] of group.datasets) {
      entries.push({ name: Buffer.from(name), header: this.#dataset(dataset) })
    }
    entries.sort((a, b) => Buffer.compare(a.name, b.name))
    const places = this.#names(entries)
    const tree = this.#tree(entries, places.offsets)
    const messages: Message[] = [{ type: 0x11, data: new Block(16).sizes(tree, places.heap).bytes }]
    for (const [name, value] of group.attributes) messages.push(...this.#attribute(name, value))
    return { header: this.#header(messages), tree, heap: places.heap }
  }

  /** Names of a group, each ended by a zero, behind an empty one. */
  #names(entries: readonly Entry[]): { readonly heap: number; readonly offsets: readonly number[] } {
    let size = 8
    const offsets = entries.map(({ name }) => {
      const offset = size
      size += padded(name.length + 1)
      return offset
    })
    const names = new Uint8Array(size)
    for (const [index, { name }] of entries.entries()) names.set(name, offsets[index])
    const data = this.#add(names)
    // One stands for: there is no free place.
    const heap = new Block(32).text('HEAP').numbers(4, 0).sizes(size, 1, data)
    return { heap: this.#add(heap.bytes), offsets }
  }

  /** The tree of a group's names: nodes of entries, and levels of nodes above them, each with the last name of each node below. */
  #tree(entries: readonly Entry[], offsets: readonly number[]): number {
    let nodes: { at: number; last: number }[] = []
    for (let from = 0; from < entries.length; from += 2 * halfLeaf) {
      const some = entries.slice(from, from + 2 * halfLeaf)
      const node = new Block(8 + 2 * halfLeaf * 40).text('SNOD').numbers(1, 1, 0).numbers(2, some.length)
      for (const [index, { header, tree, heap }] of some.entries()) {
        node.sizes(offsets[from + index] as number, header)
        if (tree === undefined || heap === undefined) node.numbers(4, 0, 0).sizes(0, 0)
        else node.numbers(4, 1, 0).sizes(tree, heap)
      }
      nodes.push({ at: this.#add(node.bytes), last: offsets[from + some.length - 1] as number })
    }
    for (let level = 0; ; level++) {
      const above: typeof nodes = []
      for (let from = 0; from < Math.max(nodes.length, 1); from += 2 * halfTree) {
        const some = nodes.slice(from, from + 2 * halfTree)
        const node = new Block(24 + 8 * (4 * halfTree + 1))
        // Neighbours are only for those who search along a level.
        node.text('TREE').numbers(1, 0, level).numbers(2, some.length).sizes(nowhere, nowhere)
        node.sizes(from === 0 ? 0 : (nodes[from - 1]?.last as number))
        for (const { at, last } of some) node.sizes(at, last)
        above.push({ at: this.#add(node.bytes), last: some.at(-1)?.last ?? 0 })
      }
      if (above.length === 1) return above[0]?.at as number
      nodes = above
    }
  }

  #header(messages: readonly Message[]): number {
    const length = messages.reduce((sum, { data }) => sum + 8 + padded(data.length), 0)
    const header = new Block(16 + length).numbers(1, 1, 0).numbers(2, messages.length).numbers(4, 1, length, 0)
    for (const { type, data } of messages) {
      if (padded(data.length) > 0xffff)
        throw new SeqloomError('ERR_UNSUPPORTED', 'a name or a shape is too long for HDF5')
      header.numbers(2, type, padded(data.length)).numbers(4, 0).put(data, padded(data.length))
    }
    return this.#add(header.bytes)
  }

  #dataset({ shape, data }: WrittenDataset): number {
    const piece =
      typeof data === 'function'
        ? { length: shape.reduce((product, size) => product * size, 4), make: () => bytesOf(data()) }
        : bytesOf(data)
    const at = piece.length === 0 ? nowhere : this.#add(piece)
    const layout = new Block(18).numbers(1, 3, 1).sizes(at, piece.length)
    return this.#header([
      { type: 0x01, data: dataspace(shape) },
      { type: 0x03, data: data instanceof Uint32Array ? uint32 : float32 },
      // Its places are allocated late, and filled only where a value is said.
      { type: 0x05, data: Uint8Array.of(2, 2, 2, 0) },
      { type: 0x08, data: layout.bytes },
    ])
  }

  /** The messages of an attribute; a list too long for one is given in several with numbers, as Keras does. */
  #attribute(name: string, value: string | readonly string[]): Message[] {
    if (typeof value === 'string') return [attribute(name, longText, [], this.#inHeap(value))]
    const texts = value.map((text) => Buffer.from(text))
    const size = Math.max(1, ...texts.map(({ length }) => length))
    const each = Math.max(1, Math.floor(mostAttributeBytes / size))
    if (texts.length <= each) return [textsAttribute(name, texts, size)]
    return Array.from({ length: Math.ceil(texts.length / each) }, (_, part) =>
      textsAttribute(`${name}${part}`, texts.slice(part * each, (part + 1) * each), size),
    )
  }

  /** Puts a text into a heap of its own; gives what stands for it. */
  #inHeap(text: string): Uint8Array {
    const bytes = Buffer.from(text)
    const used = 32 + padded(bytes.length)
    const size = Math.max(4096, used + 16)
    const heap = new Block(size).text('GCOL').numbers(1, 1, 0, 0, 0).sizes(size)
    heap.numbers(2, 1, 1).numbers(4, 0).sizes(bytes.length).put(bytes, padded(bytes.length))
    heap.numbers(4, 0, 0).sizes(size - used)
    return new Block(16).numbers(4, bytes.length).sizes(this.#add(heap.bytes)).numbers(4, 1).bytes
  }
}

/** A group or a dataset under its name. */
interface Entry {
  readonly name: Buffer
  readonly header: number
  readonly tree?: number
  readonly heap?: number
}

const float32 = new Block(20)
  .numbers(1, 0x11, 0x20, 0x1f, 0)
  .numbers(4, 4)
  .numbers(2, 0, 32)
  .numbers(1, 23, 8, 0, 23)
  .numbers(4, 127).bytes
const uint32 = new Block(12).numbers(1, 0x10, 0, 0, 0).numbers(4, 4).numbers(2, 0, 32).bytes
/** A text in UTF-8 of any length: a list of single bytes. */
const longText = new Block(20)
  .numbers(1, 0x19, 1, 1, 0)
  .numbers(4, 16)
  .numbers(1, 0x10, 0, 0, 0)
  .numbers(4, 1)
  .numbers(2, 0, 8).bytes
/** A text in UTF-8 that zeros fill up. */
const shortText = (size: number): Uint8Array => new Block(8).numbers(1, 0x13, 0x11, 0, 0).numbers(4, size).bytes

const dataspace = (shape: readonly number[]): Uint8Array =>
  new Block(8 + 8 * shape.length)
    .numbers(1, 1, shape.length, 0, 0)
    .numbers(4, 0)
    .sizes(...shape).bytes

function textsAttribute(name: string, texts: readonly Uint8Array[], size: number): Message {
  const data = new Uint8Array(texts.length * size)
  for (const [index, text] of texts.entries()) data.set(text, index * size)
  return attribute(name, shortText(size), [texts.length], data)
}

function attribute(name: string, type: Uint8Array, shape: readonly number[], data: Uint8Array): Message {
  const own = Buffer.from(`${name}\0`)
  const space = dataspace(shape)
  const all = new Block(8 + padded(own.length) + padded(type.length) + padded(space.length) + data.length)
  all.numbers(1, 1, 0).numbers(2, own.length, type.length, space.length)
  for (const part of [own, type, space]) all.put(part, padded(part.length))
  return { type: 0x0c, data: all.put(data).bytes }
}
