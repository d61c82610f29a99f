import type { Blocks } from '../../data/blocks.js'
import { Dataset } from '../../data/dataset.js'
import { TokenFile } from '../../data/tokens/tokenFile.js'
import { isInstance, SeqloomError } from '../../errors.js'
import type { Tokenizer } from '../../text/tokenizer.js'
import type { Writing } from '../decoding/units.js'
import type { Rows } from '../shared/rows.js'

/** Tokens that follow each other in a file. */
export class Piece {
  constructor(
    readonly file: TokenFile,
    readonly ids: Int32Array,
  ) {}
}

/** What an encoder learns from: a text, tokens that are cut already, or a piece of a file of tokens. */
export type Reading = Writing | Piece

/** Pieces that are read at once. */
const together = 256

/** The rows of what was given; a file of tokens is cut into pieces of so many. */
export function readings(given: Rows<Writing> | TokenFile, length: number): Rows<Reading> {
  if (!isInstance(given, TokenFile)) return given
  const file: TokenFile = given
  const all = async function* (): Blocks<Piece> {
    for (let from = 0; from < file.length; from += together * length) {
      const ids = await file.read(from, Math.min(file.length, from + together * length))
      const starts = Array.from({ length: Math.ceil(ids.length / length) }, (_, at) => at * length)
      yield starts.map((start) => new Piece(file, ids.slice(start, start + length)))
    }
  }
  return new Dataset<Reading>({ name: file.path, all })
}

/** Throws unless a piece's tokens are those of a tokenizer: `ERR_OPTION` without one, `ERR_DATA` for another one. */
export function checkPiece(where: string, { file }: Piece, tokenizer: Tokenizer | undefined): void {
  if (!tokenizer) {
    const advice = 'new LanguageEncoder({ tokenizer })'
    throw new SeqloomError('ERR_OPTION', `${where}: tokens in a file need the tokenizer that made them: ${advice}`)
  }
  if (!file.isOf(tokenizer)) {
    throw new SeqloomError('ERR_DATA', `${where}: ${file.path} was written with another tokenizer`)
  }
}
