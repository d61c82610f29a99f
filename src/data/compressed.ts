import { SeqloomError } from '../errors.js'

/** A file's name in lower case, without what says that it is compressed. */
export const uncompressed = (path: string): string => path.toLowerCase().replace(/\.(gz|zst)$/, '')

/** What a file holds: one whose name ends in `.gz` or `.zst` is decompressed. `ERR_DATA` for damaged ones. */
export async function* decompressed(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const name = path.toLowerCase()
  if (name.endsWith('.gz')) yield* unzipped(path, bytes)
  else if (name.endsWith('.zst')) yield* unzstd(path, bytes)
  else yield* bytes
}

async function* unzipped(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const [{ createGunzip }, { pipeline }] = await Promise.all([import('node:zlib'), import('node:stream')])
  const gunzip = createGunzip({ chunkSize: 1 << 16 })
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
