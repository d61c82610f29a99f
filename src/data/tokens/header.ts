import { createHash } from 'node:crypto'
import { SeqloomError } from '../../errors.js'

/** What a token file says of itself. */
export interface TokenHeader {
  /** How many bytes a token takes: 2 if the vocabulary has at most 65,536 tokens, else 4. */
  readonly width: 2 | 4
  /** One more than the largest id that the tokenizer can give. */
  readonly vocabularySize: number
  /** The SHA-256 of the tokenizer's `tokenizer.json`, in hexadecimal digits. */
  readonly fingerprint: string
}

const magic = 'SEQTOKEN'
const version = 1

/** The sizes of what precedes the tokens and of what follows them, in bytes. */
export const [headerSize, trailerSize] = [64, 16]

/** The first bytes of the hash of some bytes. */
const checksum = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest().subarray(0, 8)
}

/**
 * The header of a token file, in little-endian order: `SEQTOKEN`, the version (16 bits), the width of a token (16
 * bits), the size of the vocabulary (32 bits), the fingerprint (32 bytes), zeros, and 8 bytes of the SHA-256 of all
 * that.
 */
export function headerBytes({ width, vocabularySize, fingerprint }: TokenHeader): Buffer {
  const bytes = Buffer.alloc(headerSize)
  bytes.write(magic, 'latin1')
  bytes.writeUInt16LE(version, 8)
  bytes.writeUInt16LE(width, 10)
  bytes.writeUInt32LE(vocabularySize, 12)
  bytes.write(fingerprint, 16, 'hex')
  checksum(bytes.subarray(0, headerSize - 8)).copy(bytes, headerSize - 8)
  return bytes
}

/** What follows the tokens: how many they are (64 bits), and 8 bytes of the SHA-256 of the header and that number. */
export function trailerBytes(header: Uint8Array, count: number): Buffer {
  const bytes = Buffer.alloc(trailerSize)
  bytes.writeBigUInt64LE(BigInt(count))
  checksum(header, bytes.subarray(0, 8)).copy(bytes, 8)
  return bytes
}

/** Whether bytes begin as a token file does, of whatever version. */
export const beginsLikeTokens = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, magic.length) === magic

/** Reads a header and a trailer. `ERR_FORMAT`, naming the file, for anything but a whole token file of a known version. */
export function readEnds(
  path: string,
  size: number,
  header: Buffer,
  trailer: Buffer,
): TokenHeader & { readonly length: number } {
  const wrong = (why: string) => new SeqloomError('ERR_FORMAT', `${path}: ${why}`)
  if (header.length < headerSize || !beginsLikeTokens(header)) {
    throw wrong('not a token file, as data.writeTokens makes them')
  }
  const written = header.readUInt16LE(8)
  if (written !== version) throw wrong(`a token file of version ${written}; this version of seqloom reads ${version}`)
  if (!checksum(header.subarray(0, headerSize - 8)).equals(header.subarray(headerSize - 8))) {
    throw wrong('the header is damaged')
  }
  const width = header.readUInt16LE(10)
  const length = (size - headerSize - trailerSize) / width
  if (!trailerBytes(header, Number.isInteger(length) && length >= 0 ? length : 0).equals(trailer)) {
    throw wrong('the file is damaged or not whole; write it again')
  }
  return {
    width: width as 2 | 4,
    vocabularySize: header.readUInt32LE(12),
    fingerprint: header.toString('hex', 16, 48),
    length,
  }
}
