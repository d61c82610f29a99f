import type { Source } from './format.js'

// A library that reads archives would want all of a file in memory; only what is asked for is read here, and nothing has to be unpacked.

/** A file within an archive. */
export interface Member {
  /** Where its header is. */
  readonly offset: number
  readonly size: number
  /** How many bytes it takes in the archive. */
  readonly packed: number
  /** How it is packed; undefined if it is encrypted. */
  readonly method: 'stored' | 'deflated' | undefined
}

const methods: ReadonlyMap<number, 'stored' | 'deflated'> = new Map([
  [0, 'stored'],
  [8, 'deflated'],
])

/** The longest directory that is read. */
const mostDirectoryBytes = 64 << 20
const endBytes = 22
const end64Bytes = 56
const locatorBytes = 20
const headerBytes = 30
const entryBytes = 46
const mostCommentBytes = 0xffff

/** The files of a zip archive by name, with where their headers are. Rejects with `ERR_FORMAT`. */
export async function directoryOf(source: Source): Promise<ReadonlyMap<string, Member>> {
  const { offset, length, count } = await directoryPlace(source)
  if (offset + length > source.size || length > mostDirectoryBytes || count * entryBytes > length) {
    throw source.malformed('the directory of its archive does not fit the file')
  }
  const bytes = Buffer.from((await source.read(offset, length)).buffer)
  const members = new Map<string, Member>()
  for (let at = 0, read = 0; read < count; read++) {
    if (at + entryBytes > length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw source.malformed('the directory of its archive is damaged')
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ]
    const next = at + entryBytes + nameLength + extraLength + commentLength
    if (next > length) throw source.malformed('the directory of its archive is damaged')
    const name = bytes.toString('utf8', at + entryBytes, at + entryBytes + nameLength)
    if (members.has(name)) throw source.malformed(`its archive has more than one '${name}'`)
    const isEncrypted = (bytes.readUInt16LE(at + 8) & 1) !== 0
    const method = isEncrypted ? undefined : methods.get(bytes.readUInt16LE(at + 10))
    const sizes = { packed: bytes.readUInt32LE(at + 20), size: bytes.readUInt32LE(at + 24) }
    const place = { ...sizes, offset: bytes.readUInt32LE(at + 42) }
    const extra = bytes.subarray(at + entryBytes + nameLength, at + entryBytes + nameLength + extraLength)
    const { packed, size, offset: header } = widened(place, extra)
    if (header + headerBytes + packed > source.size || (method === 'stored' && packed !== size)) {
      throw source.malformed(`'${name}' does not fit the archive`)
    }
    members.set(name, { offset: header, size, packed, method })
    at = next
  }
  return members
}

/** Where the contents of a file begin: behind a header of its own. Rejects with `ERR_FORMAT`. */
export async function contentsOf(source: Source, { offset, packed }: Member): Promise<number> {
  const header = Buffer.from((await source.read(offset, headerBytes)).buffer)
  const start = offset + headerBytes + header.readUInt16LE(26) + header.readUInt16LE(28)
  if (header.readUInt32LE(0) !== 0x04034b50 || start + packed > source.size) {
    throw source.malformed('a file of its archive is damaged')
  }
  return start
}

/** Where the directory is, as the last bytes of the file tell. */
async function directoryPlace(source: Source): Promise<{ offset: number; length: number; count: number }> {
  const from = Math.max(0, source.size - endBytes - mostCommentBytes)
  const tail = Buffer.from((await source.read(from, source.size - from)).buffer)
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== 0x06054b50 || at + endBytes + tail.readUInt16LE(at + 20) !== tail.length) continue
    const [count, length, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)]
    const locator = at - locatorBytes
    if (locator < 0 || tail.readUInt32LE(locator) !== 0x07064b50) return { count, length, offset }
    const end = Buffer.from((await source.read(number64(tail, locator + 8), end64Bytes)).buffer)
    if (end.readUInt32LE(0) !== 0x06064b50) break
    return { count: number64(end, 32), length: number64(end, 40), offset: number64(end, 48) }
  }
  throw source.malformed(
    'it begins like an archive, but has no directory at its end; it may not have been copied whole',
  )
}

/** Sizes and offsets with those that need 64 bits put in. */
function widened<Place extends Record<'packed' | 'size' | 'offset', number>>(place: Place, extra: Buffer): Place {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    const wide = { ...place }
    let field = at + 4
    for (const name of ['size', 'packed', 'offset'] as const) {
      if (place[name] !== 0xffffffff || field + 8 > extra.length) continue
      wide[name] = number64(extra, field) as Place[typeof name]
      field += 8
    }
    return wide
  }
  return place
}

/** A number of 64 bits; larger than any file where it is not exact. */
const number64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))
