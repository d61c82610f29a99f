import { setImmediate } from 'node:timers/promises'
import { pieceSize } from '../files.js'

// A library that writes archives knows no sizes of 64 bits, or wants all files in memory; ours are stored as they are, which takes little.

/** A file to be put into an archive. */
export interface ZipFile {
  readonly name: string
  /** Its contents in any number of parts, made when their turn comes. They are made once more to be written, unless they are an array. */
  parts(): Promise<readonly Uint8Array[]> | Iterable<Uint8Array>
}

interface Options {
  /** At multiples of what the contents of files begin; default 1. */
  readonly alignment?: number
  /** From which size or place on numbers have 64 bits; default the largest of 32. */
  readonly most?: number
}

const none = 0xffffffff
/** A field of the header that says nothing, so that the contents begin where they should: PyTorch's own number for it. */
const padding = 0x4246

/** The bytes of a zip archive (with its extension for 64 bits where it is needed), whose files are not compressed. */
export async function* zipped(files: Iterable<ZipFile>, options: Options = {}): AsyncGenerator<Uint8Array> {
  const { alignment = 1, most = none } = options
  const entries: Uint8Array[] = []
  let at = 0
  for (const file of files) {
    const name = Buffer.from(file.name)
    const parts = await file.parts()
    const { size, checksum } = await measured(parts)
    const offset = at
    const isLarge = size >= most
    const sizes = isLarge ? field(1, size, size) : Buffer.alloc(0)
    const start = offset + 30 + name.length + sizes.length
    const filler = Buffer.alloc(alignment > 1 ? (alignment - ((start + 4) % alignment)) % alignment : 0, 'Z')
    const extra = alignment > 1 ? Buffer.concat([sizes, field(padding), filler]) : sizes
    if (alignment > 1) extra.writeUInt16LE(filler.length, sizes.length + 2)
    const about = described(checksum, isLarge ? none : size, name.length)
    yield Buffer.concat([numbers([4, 0x04034b50]), about, numbers([2, extra.length]), name, extra])
    at += 30 + name.length + extra.length
    yield* Array.isArray(parts) ? parts : await file.parts()
    at += size
    const far = [...(isLarge ? [size, size] : []), ...(offset >= most ? [offset] : [])]
    const more = far.length > 0 ? field(1, ...far) : Buffer.alloc(0)
    entries.push(
      Buffer.concat([
        numbers([4, 0x02014b50], [2, 45]),
        about,
        numbers([2, more.length], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset >= most ? none : offset]),
        ...[name, more],
      ]),
    )
  }
  const directory = Buffer.concat(entries)
  yield directory
  const count = entries.length
  const end = at + directory.length
  const isFar = at >= most || directory.length >= most || count >= 0xffff
  if (isFar) {
    yield numbers([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count])
    yield numbers([8, directory.length], [8, at], [4, 0x07064b50], [4, 0], [8, end], [4, 1])
  }
  const [shown, length, place] = isFar ? [0xffff, none, none] : [count, directory.length, at]
  yield numbers([4, 0x06054b50], [2, 0], [2, 0], [2, shown], [2, shown], [4, length], [4, place], [2, 0])
}

/** What both headers of a file say: the version, names in UTF-8, not compressed, a fixed time, so that the same files give the same bytes. */
const described = (checksum: number, size: number, name: number): Buffer =>
  numbers([2, 45], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, checksum], [4, size], [4, size], [2, name])

/** A further field of a header, of numbers of 64 bits. */
const field = (id: number, ...values: readonly number[]): Buffer =>
  numbers([2, id], [2, 8 * values.length], ...values.map((value): [8, number] => [8, value]))

/** Numbers of so many bytes each. */
function numbers(...given: readonly (readonly [width: 2 | 4 | 8, value: number])[]): Buffer {
  const bytes = Buffer.alloc(given.reduce((sum, [width]) => sum + width, 0))
  let at = 0
  for (const [width, value] of given) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt(value), at)
    else bytes.writeUIntLE(value, at, width)
    at += width
  }
  return bytes
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** The size of a file and its checksum, which Node.js has since version 20.15 only. */
async function measured(parts: Iterable<Uint8Array>): Promise<{ readonly size: number; readonly checksum: number }> {
  let [size, sum] = [0, none]
  for (const bytes of parts) {
    size += bytes.length
    for (let from = 0; from < bytes.length; from += pieceSize) {
      const piece = bytes.subarray(from, from + pieceSize)
      for (let at = 0; at < piece.length; at++) {
        sum = (table[(sum ^ (piece[at] as number)) & 255] as number) ^ (sum >>> 8)
      }
      if (piece.length === pieceSize) await setImmediate()
    }
  }
  return { size, checksum: ~sum >>> 0 }
}
