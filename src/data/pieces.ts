import type { Dataset } from './dataset.js'
import { ofFiles } from './ofFiles.js'
import { streamText, type TextOptions } from './textFile.js'

/** The longest piece, in characters, unless a line is longer. */
const longest = 1 << 16

/** The text of a file, of all files that a pattern names, or of standard input (`-`), in pieces that end with lines. */
export const textPieces = (from: string, options: TextOptions): Dataset<string> =>
  ofFiles('--data', from, (path) => wholeLines(streamText(path, options)))

async function* wholeLines(pieces: AsyncIterable<string>): AsyncGenerator<string[]> {
  let some: string[] = []
  let size = 0
  for await (const piece of pieces) {
    const end = piece.lastIndexOf('\n') + 1
    if (end > 0 && size + end >= longest) {
      yield [some.join('') + piece.slice(0, end)]
      some = [piece.slice(end)]
      size = piece.length - end
      continue
    }
    some.push(piece)
    size += piece.length
  }
  if (size > 0) yield [some.join('')]
}
