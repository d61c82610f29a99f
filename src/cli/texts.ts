import { fstatSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { decompressed } from '../data/compressed.js'
import { Lines } from '../data/jsonLines.js'
import { TextDecoding } from '../data/textFile.js'
import { checkStandardInput } from '../distributed.js'
import { SeqloomError } from '../errors.js'
import { note } from './output.js'

/** The longest line that is read, in characters: input without line ends, such as a device, would fill the memory. */
const longestLine = 16 * 2 ** 20

/** The keys that end the input. */
const endOfInput = process.platform === 'win32' ? 'Ctrl-Z and Enter' : 'Ctrl-D'

/** The most texts that are processed at once. */
export const most = 256

/** Texts in batches. */
export function* inBatches(texts: readonly string[]): Generator<string[]> {
  for (let start = 0; start < texts.length; start += most) yield texts.slice(start, start + most)
}

/**
 * Batches of the lines that have arrived so far, so that a slow source is answered line by line; `ERR_DATA` for bytes
 * that are not text. Compressed input is decompressed.
 */
export async function* lines(
  input: NodeJS.ReadStream,
  signal: AbortSignal,
  encoding?: string,
): AsyncGenerator<string[]> {
  checkStandardInput()
  // Node.js reads a folder as if it were empty.
  if (isFolder(0)) throw new SeqloomError('ERR_IO', 'cannot read standard input: it is a folder, not a file')
  if (input.isTTY) note(`seqloom: reading standard input, line by line; ${endOfInput} ends it`)
  const decoding = new TextDecoding('standard input', encoding)
  const lines = new Lines()
  for await (const chunk of decompressed('standard input', addAbortSignal(signal, input))) {
    yield* inBatches(lines.push(decoding.push(chunk)))
    if (lines.rest > longestLine) {
      throw new SeqloomError('ERR_DATA', `standard input has a line of more than ${longestLine} characters`)
    }
  }
  yield* inBatches([...lines.push(decoding.end()), ...lines.end()])
}

function isFolder(fd: number): boolean {
  try {
    return fstatSync(fd).isDirectory()
  } catch {
    return false
  }
}
