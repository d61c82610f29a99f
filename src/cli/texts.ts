import { addAbortSignal } from 'node:stream'
import { Lines } from '../data/jsonLines.js'
import { TextDecoding } from '../data/textFile.js'

/** The most texts that are handled at once. */
export const most = 256

/** Texts in batches. */
export function* inBatches(texts: readonly string[]): Generator<string[]> {
  for (let start = 0; start < texts.length; start += most) yield texts.slice(start, start + most)
}

/** The lines that have come in so far, at once, so that a slow source is answered line by line; `ERR_DATA` for bytes that are no text. */
export async function* lines(
  input: NodeJS.ReadStream,
  signal: AbortSignal,
  encoding?: string,
): AsyncGenerator<string[]> {
  const decoding = new TextDecoding('standard input', encoding)
  const lines = new Lines()
  for await (const chunk of addAbortSignal(signal, input) as AsyncIterable<Buffer>) {
    yield* inBatches(lines.push(decoding.push(chunk)))
  }
  yield* inBatches([...lines.push(decoding.end()), ...lines.end()])
}
