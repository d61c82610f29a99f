import { SeqloomError } from '../errors.js'

/** How many bytes are read at a time: few turns of the event loop, each of which takes about a millisecond. */
export const chunkSize = 1 << 18

/** A file's name in lower case, without what says that it is compressed. */
export const uncompressed = (path: string): string => path.toLowerCase().replace(/\.(gz|zst)$/, '')

/** What compressed contents begin with (RFC 1952 with its only method, RFC 8878): no UTF-8 does. */
const beginnings = { gz: [0x1f, 0x8b, 8], zst: [0x28, 0xb5, 0x2f, 0xfd] }

/**
 * What a file, or standard input, holds: decompressed if its name ends in `.gz` or `.zst`, or if it begins as such
 * contents do. `ERR_DATA` for damaged ones.
 */
export async function* decompressed(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const ending = /\.(gz|zst)$/i.exec(path)?.[1]?.toLowerCase()
  const iterator = bytes[Symbol.asyncIterator]()
  const { head, kind } = await beginningOf(iterator)
  const whole = rejoined(head, iterator)
  if ((ending ?? kind) === 'gz') yield* unzipped(path, whole)
  else if ((ending ?? kind) === 'zst') yield* unzstd(path, whole)
  else yield* whole
}

/** Reads no further than it takes to tell compressed contents from others: somebody may be typing. */
async function beginningOf(iterator: AsyncIterator<Uint8Array>): Promise<{ head: Uint8Array[]; kind?: 'gz' | 'zst' }> {
  const head: Uint8Array[] = []
  for (;;) {
    const first = Buffer.concat(head).subarray(0, 4)
    const fitting = (['gz', 'zst'] as const).find((kind) => beginsAlike(first, beginnings[kind]))
    if (fitting === undefined) return { head }
    if (first.length >= beginnings[fitting].length) return { head, kind: fitting }
    const next = await iterator.next()
    if (next.done) return { head }
    head.push(next.value)
  }
}

/** Whether bytes are the beginning of others, or begin with them. */
const beginsAlike = (bytes: Uint8Array, expected: readonly number[]): boolean =>
  expected.every((byte, at) => at >= bytes.length || bytes[at] === byte)

/** What a source begins with, as far as it came at once, and all of it. */
export async function peeked(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly whole: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]()
  const first = await iterator.next()
  const head = first.done ? new Uint8Array(0) : first.value
  return { head, whole: rejoined([head], iterator) }
}

/** What was read of a source, and what follows. */
async function* rejoined(head: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* head
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* unzipped(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const [{ createGunzip }, { pipeline }] = await Promise.all([import('node:zlib'), import('node:stream')])
  const gunzip = createGunzip({ chunkSize })
  pipeline(bytes, gunzip, () => {})
  try {
    yield* gunzip
  } catch (error) {
    if (!String((error as { readonly code?: unknown }).code).startsWith('Z_')) throw error
    throw damaged(path, error)
  }
}

async function* unzstd(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  let pieces: Uint8Array[] = []
  let ended = false
  const stream = new Decompress((piece, last) => {
    pieces.push(piece)
    ended = last ?? false
  })
  const push = (piece: Uint8Array, last: boolean) => {
    try {
      stream.push(piece, last)
    } catch (error) {
      throw damaged(path, error)
    }
    const ready = pieces
    pieces = []
    return ready
  }
  // The library keeps what it is given.
  for await (const piece of bytes) yield* push(Uint8Array.from(piece), false)
  yield* push(new Uint8Array(0), true)
  if (!ended) throw damaged(path, new Error('it ends too early'))
}

const damaged = (path: string, cause: unknown): SeqloomError =>
  new SeqloomError('ERR_DATA', `${path} cannot be decompressed: ${(cause as Error).message}`, { cause })
