import { createHash } from 'node:crypto'
import { allocated } from '../data/allocated.js'
import { runSliced, type Sliced } from '../data/slices.js'
import { SeqloomError } from '../errors.js'
import { pieceSize } from '../files.js'
import {
  descriptionName,
  type FileBytes,
  inMemory,
  type ModelFiles,
  type NewFile,
  requireHash,
  requireSize,
  textOf,
} from './folder.js'

// The files of a model folder, one after another in the tar format, which `tar` unpacks to such a folder. Only what
// Seqloom writes is read: plain files with short names (POSIX.1-1988 headers), the description first.

const block = 512
const padded = (size: number): number => Math.ceil(size / block) * block

/** The longest name and the largest file that a header has room for. */
const longestName = 100
const largestFile = 8 ** 11 - 1

/**
 * Packs a model's files and its description into one array of bytes, yielding to the event loop. Errors:
 * `ERR_UNSUPPORTED` for a file above 8 GiB.
 */
export async function packArchive(files: readonly NewFile[], description: string): Promise<Uint8Array> {
  return await runSliced(pack([{ name: descriptionName, ...inMemory(Buffer.from(description)) }, ...files]))
}

function* pack(files: readonly (FileBytes & Pick<NewFile, 'name'>)[]): Sliced<Uint8Array> {
  for (const { name, bytes } of files) {
    if (bytes > largestFile || name.length > longestName) {
      throw new SeqloomError('ERR_UNSUPPORTED', `toBytes: '${name}' is too large for one archive; save to a folder`)
    }
  }
  const size = files.reduce((sum, { bytes }) => sum + block + padded(bytes), 2 * block)
  const archive = allocated('toBytes', Uint8Array, size)
  let end = 0
  for (const { name, bytes, pieces } of files) {
    archive.set(header(name, bytes), end)
    let at = end + block
    for (const piece of pieces()) {
      archive.set(piece, at)
      at += piece.length
      yield
    }
    end += block + padded(bytes)
  }
  return archive
}

function header(name: string, size: number): Buffer {
  const made = Buffer.alloc(block)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  made.write(name, 0, 'latin1')
  made.write(octal(0o644, 7), 100, 'latin1')
  made.write(octal(0, 7), 108, 'latin1')
  made.write(octal(0, 7), 116, 'latin1')
  made.write(octal(size, 11), 124, 'latin1')
  made.write(octal(0, 11), 136, 'latin1')
  made.write('0', 156, 'latin1')
  made.write('ustar\x0000', 257, 'latin1')
  made.write(`${octal(checksum(made), 6)}\0 `, 148, 'latin1')
  return made
}

/** The sum of a header's bytes, with spaces in place of its checksum. */
function checksum(head: Uint8Array): number {
  return head.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)
}

/**
 * The files of an archive as parts of its bytes: nothing is copied, and a file that does not lie within the bytes is
 * `ERR_FORMAT`.
 */
export function openArchive(bytes: Uint8Array): ModelFiles {
  const found = new Map<string, Uint8Array>()
  let at = 0
  while (at + block <= bytes.byteLength && bytes[at] !== 0) {
    const head = bytes.subarray(at, at + block)
    const text = (from: number, length: number) =>
      Buffer.from(head.subarray(from, from + length))
        .toString('latin1')
        .split('\0', 1)[0] as string
    const name = text(0, longestName)
    const size = octalOf(text(124, 12))
    const kind = text(156, 1)
    const sound = size !== undefined && octalOf(text(148, 8)) === checksum(head) && (kind === '0' || kind === '')
    if (!sound) throw broken(`has no file at byte ${at}`)
    at += block
    if (size > bytes.byteLength - at) throw broken(`ends within '${name}'`)
    if (found.has(name)) throw broken(`holds '${name}' twice`)
    found.set(name, bytes.subarray(at, at + size))
    at += padded(size)
  }
  if (!found.has(descriptionName)) throw broken(`holds no '${descriptionName}'`)
  return {
    name: 'the archive',
    path: (name) => name,
    text: async () => textOf(descriptionName, found.get(descriptionName) as Uint8Array),
    copy: async (name, entry, room) => {
      const data = found.get(name)
      if (!data) throw new SeqloomError('ERR_FORMAT', `'${name}' is missing`)
      requireSize(name, data.byteLength, entry)
      requireHash(name, await runSliced(copyPieces(data, room(data.byteLength))), entry)
    },
  }
}

/** Copies bytes, and returns the hash of the copy: the caller may change the archive meanwhile. */
function* copyPieces(data: Uint8Array, take: (piece: Uint8Array) => void): Sliced<string> {
  const hash = createHash('sha256')
  for (let from = 0; from < data.byteLength; from += pieceSize) {
    const copy = Uint8Array.from(data.subarray(from, from + pieceSize))
    hash.update(copy)
    take(copy)
    yield
  }
  return hash.digest('hex')
}

const octalOf = (digits: string): number | undefined =>
  /^[0-7]+ ?$/.test(digits) ? Number.parseInt(digits, 8) : undefined

const broken = (what: string): SeqloomError =>
  new SeqloomError('ERR_FORMAT', `loadModel: these bytes are not what toBytes returns: the archive ${what}`)
