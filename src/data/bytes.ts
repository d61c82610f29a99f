import { AbortError, describe, reading, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { allocated } from './allocated.js'
import { blocksOf } from './blocks.js'
import { decompressed } from './compressed.js'
import { isWebStream, iterableOf } from './iterables.js'

/** The bytes of a file, or its text in pieces: a Node.js stream, the body of a response, or what gives them otherwise. */
export type ByteStream = AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array>

/** Whether bytes come from a value, rather than that it names files. `ERR_OPTION` for what throws when it is looked at. */
export const isByteStream = (where: string, value: unknown): value is ByteStream =>
  reading('ERR_OPTION', where, () => isWebStream(value) || (isRecord(value) && Symbol.asyncIterator in value))

/** What a stream holds, decompressed. `ERR_DATA` for elements that are neither bytes nor texts. */
export const bytesOf = (name: string, stream: ByteStream, signal?: AbortSignal): AsyncIterable<Uint8Array> =>
  decompressed(name, pieces(name, stream, signal))

async function* pieces(name: string, stream: ByteStream, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for await (const block of blocksOf(iterableOf<unknown>(stream), signal)) {
    for (const piece of block) {
      if (typeof piece === 'string') yield Buffer.from(piece)
      else if (piece instanceof Uint8Array) yield piece
      else throw new SeqloomError('ERR_DATA', `${name}: expected bytes or texts, not ${describe(piece)}`)
    }
  }
}

/** All bytes of a stream. `ERR_MEMORY`, naming the stream, if they do not fit, and an `AbortError` for the signal. */
export async function collected(
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of bytes) {
    // Who gives pieces may write into them again.
    const own = allocated(name, Uint8Array, piece.length)
    own.set(piece)
    pieces.push(own)
    length += piece.length
  }
  // A stream that is told to end has fewer bytes.
  if (signal?.aborted) throw new AbortError(signal)
  const whole = allocated(name, Uint8Array, length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
