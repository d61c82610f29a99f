// Alterations of zip archives: of the files within, packed again with right checksums, and of what the archive says of them.
import { crc32, deflateRawSync } from 'node:zlib'
import { unzipSync } from 'fflate'
import { alterBytes, extremes, integer } from './bytes.mjs'

const contents = new WeakMap()

/** The files within an archive, in order: names and contents. They are unpacked once, and never written to. */
export function unzip(bytes) {
  if (!contents.has(bytes)) {
    contents.set(
      bytes,
      Object.entries(unzipSync(bytes)).map(([name, data]) => ({ name, data: Buffer.from(data) })),
    )
  }
  return contents.get(bytes).map((member) => ({ ...member }))
}

const sums = new WeakMap()
function checksum(data) {
  if (!sums.has(data)) sums.set(data, crc32(data))
  return sums.get(data)
}

/** Fields of both headers of a file, in order, with their widths. */
const shared = {
  needs: 2,
  flags: 2,
  method: 2,
  time: 2,
  date: 2,
  crc: 4,
  packed: 4,
  size: 4,
  nameLength: 2,
  extraLength: 2,
}
const central = { comment: 2, disk: 2, inner: 2, outer: 4, offset: 4 }
const ending = { disk: 2, first: 2, here: 2, count: 2, length: 4, offset: 4, comment: 2 }

/** A header: its signature, its fields, which need not fit, and what follows them. */
function header(signature, fields, widths, ...rest) {
  const size = Object.values(widths).reduce((sum, width) => sum + width, signature.length)
  const bytes = Buffer.alloc(size)
  let at = bytes.write(signature, 'latin1')
  for (const [name, width] of Object.entries(widths)) {
    const value = fields[name] ?? 0
    if (width === 2) bytes.writeUInt16LE(Number(BigInt.asUintN(16, BigInt(value))), at)
    else bytes.writeUInt32LE(Number(BigInt.asUintN(32, BigInt(value))), at)
    at += width
  }
  return Buffer.concat([bytes, ...rest])
}

/** An archive of files; `wrong` are fields of their own that do not hold: of the file's header, of the directory. */
export function zip(members, wrongEnd = {}) {
  const parts = []
  const directory = []
  let at = 0
  for (const {
    name,
    data,
    method = 0,
    packed = data,
    extra = Buffer.of(),
    wrong = {},
    wrongInDirectory = {},
  } of members) {
    const bytes = method === 8 && packed === data ? deflateRawSync(data) : packed
    const own = Buffer.from(name)
    const fields = { needs: 20, method, date: 33, crc: checksum(data), packed: bytes.length, size: data.length }
    const all = { ...fields, nameLength: own.length, extraLength: extra.length }
    const head = header('PK\x03\x04', { ...all, ...wrong }, shared, own, extra)
    const inDirectory = { version: 20, offset: at, ...all, ...wrong, ...wrongInDirectory }
    directory.push(header('PK\x01\x02', inDirectory, { version: 2, ...shared, ...central }, own, extra))
    parts.push(head, bytes)
    at += head.length + bytes.length
  }
  const listed = Buffer.concat(directory)
  const count = members.length
  const end = { here: count, count, length: listed.length, offset: at, ...wrongEnd }
  return Buffer.concat([...parts, listed, header('PK\x05\x06', end, ending)])
}

/** So many zeros, packed. */
const bombs = new Map()
function bomb(megabytes) {
  const known = bombs.get(megabytes)
  if (known) return known
  const made = deflateRawSync(Buffer.alloc(megabytes * 2 ** 20), { level: 9 })
  bombs.set(megabytes, made)
  return made
}

const ways = {
  remove: (_, members, at) => members.splice(at, 1),
  duplicate: (_, members, at) => members.push({ ...members[at] }),
  empty: (_, members, at) => {
    members[at].data = Buffer.of()
  },
  swap: (random, members, at) => {
    const other = random.of(members)
    const { data } = other
    other.data = members[at].data
    members[at].data = data
  },
  rename: (random, members, at) => {
    const { name } = members[at]
    const names = [
      '',
      '/',
      '../x',
      '/etc/passwd',
      '__proto__',
      `${name}/`,
      `x/${name}`,
      name.toUpperCase(),
      'a\0b',
      random.of(members).name,
    ]
    members[at].name = random.of(names)
  },
  pack: (_, members, at) => {
    members[at].method = 8
  },
  bomb: (random, members, at) => {
    const megabytes = random.of([1, 40])
    const size = random.of([members[at].data.length, megabytes * 2 ** 20])
    members[at].method = 8
    members[at].packed = bomb(megabytes)
    members[at].wrong = { size }
  },
  field: (random, members, at) => {
    const names = Object.keys({ ...shared, ...central })
    const key = random.of(['wrong', 'wrongInDirectory'])
    members[at][key] = { ...members[at][key], [random.of(names)]: random.of(extremes) }
  },
  wide: (random, members, at) => {
    // Sizes and the offset stand in a field of 64 bits.
    const values = ['size', 'packed', 'offset'].map(() => integer(random.of([...extremes, members[at].data.length]), 8))
    members[at].extra = Buffer.concat([integer(1, 2), integer(random.of([24, 8, 0, 65535]), 2), ...values])
    members[at].wrongInDirectory = { size: 2 ** 32 - 1, packed: 2 ** 32 - 1, offset: random.of([0, 2 ** 32 - 1]) }
  },
  many: (random, members, at) => {
    for (let count = random.of([100, 3000]); count > 0; count--)
      members.push({ name: `${count}`, data: members[at].data.subarray(0, 4) })
  },
}

/** Alters an archive's files by `alterMember`, which is given a name and bytes, or the archive itself. */
export function alterZip(random, bytes, alterMember, mattering = () => true) {
  const members = unzip(bytes)
  const done = []
  const wrongEnd = {}
  for (let count = 1 + random.below(2); count > 0; count--) {
    const usual = members.filter(({ name }) => mattering(name))
    if (members.length === 0) break
    const member = random.of(usual.length > 0 ? usual : members)
    const at = members.indexOf(member)
    const chosen = random.below(8)
    if (chosen === 0) {
      const field = random.of(Object.keys(ending))
      wrongEnd[field] = random.of(extremes)
      done.push(`end: ${field} ${wrongEnd[field]}`)
    } else if (chosen === 1) {
      const way = random.of(Object.keys(ways))
      ways[way](random, members, at)
      done.push(`${member.name}: ${way}`)
    } else {
      const [what, altered] = alterMember(member.name, member.data)
      member.data = altered
      done.push(`${member.name}: ${what}`)
    }
  }
  const whole = zip(members, wrongEnd)
  if (random.below(20) !== 0) return [done.join('; '), whole]
  const [what, altered] = alterBytes(random, whole)
  return [`${done.join('; ')}; ${what}`, altered]
}
