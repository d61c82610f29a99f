import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { blocksOf } from './blocks.js'
import { decompressed } from './compressed.js'
import type { Start } from './dataset.js'
import { isWebStream, iterableOf } from './iterables.js'

/** The bytes of a file, or its text in pieces: a Node.js stream, the body of a response, or what gives them otherwise. */
export type ByteStream = AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array>

/** Whether bytes come from a value, rather than that it names them. */
export const isByteStream = (value: unknown): value is ByteStream =>
  isWebStream(value) || (isRecord(value) && Symbol.asyncIterator in value)

/** What a stream holds, decompressed. `ERR_DATA` for elements that are neither bytes nor texts. */
export const bytesOf = (name: string, stream: ByteStream, { signal }: Start): AsyncIterable<Uint8Array> =>
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
