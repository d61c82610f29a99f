import { describe, SeqloomError } from '../../errors.js'
import { checkTexts, Tokenizer } from '../../text/tokenizer.js'
import { checkList } from '../shared/rows.js'
import { textTokenizer } from '../shared/textTokenizer.js'
import { unknownShare } from '../shared/unknown.js'
import { Vocabulary } from '../shared/vocabulary.js'
import type { LanguageEncoderSettings } from './options.js'
import { checkPiece, Piece, type Reading } from './pieces.js'

/** How texts become tokens: by a tokenizer, or, if they are arrays of tokens, by a vocabulary. */
export type Tokens = Tokenizer | Vocabulary

/** How many tokens there are. */
export const tokenCount = (tokens: Tokens): number =>
  tokens instanceof Tokenizer ? tokens.vocabularySize : tokens.size

/** Such as `unknown.ts` takes it. */
export const withUnknown = (tokens: Tokens): Pick<Tokenizer, 'unknownId'> =>
  tokens instanceof Tokenizer ? tokens : { unknownId: 1 }

/**
 * Throws `ERR_DATA`, naming the row, unless all rows are texts, or all arrays of tokens, as `like` or the first row is.
 * Pieces of a file of tokens must be of the tokenizer that is known or given.
 */
export function checkReadings(
  where: string,
  rows: readonly Reading[],
  like: Tokens | Reading | undefined,
  tokenizer?: Tokenizer,
): void {
  const [first] = rows
  if (first instanceof Piece) {
    checkPiece(where, first, like instanceof Tokenizer ? like : tokenizer)
    return
  }
  checkList(where, 'texts, or of arrays of tokens', rows)
  const listed = like instanceof Vocabulary || Array.isArray(like ?? rows[0])
  if (!listed) {
    checkTexts(where, rows)
    return
  }
  const wrong = rows.findIndex((row) => !Array.isArray(row) || row.some((token: unknown) => typeof token !== 'string'))
  if (wrong < 0) return
  const got = describe(rows[wrong])
  throw new SeqloomError('ERR_DATA', `${where}: row ${wrong} must be an array of tokens, as the others are, not ${got}`)
}

/** The most tokens of a text that are read, if nothing says otherwise. */
const usualLength = 300

/** The largest share of unknown tokens with which those that occur once stay unknown. */
const mostUnknown = 0.25

/** Learns tokens from rows; {@link checkReadings} knows that they are alike. */
export async function tokensOf(
  rows: readonly Reading[],
  settings: LanguageEncoderSettings,
  signal: AbortSignal | undefined,
): Promise<Tokens> {
  const { minFrequency, tokenizer } = settings
  if (rows[0] instanceof Piece && tokenizer) return tokenizer
  const make = async (least: number): Promise<Tokens> =>
    Array.isArray(rows[0])
      ? listed(rows as readonly (readonly string[])[], settings, least)
      : await textTokenizer(rows as readonly string[], { ...settings, minFrequency: least }, signal)
  if (minFrequency !== undefined || tokenizer) return await make(minFrequency ?? 1)
  const frequent = await make(2).catch((error: unknown) => {
    // No token may occur twice.
    if (error instanceof SeqloomError && error.code === 'ERR_DATA') return undefined
    throw error
  })
  if (!frequent) return await make(1)
  const share = unknownShare(withUnknown(frequent), await encode(frequent, rows, settings, signal))
  return share > mostUnknown ? await make(1) : frequent
}

function listed(
  rows: readonly (readonly string[])[],
  { maxVocabulary = 20_000, tokenizer, tokens }: LanguageEncoderSettings,
  least: number,
): Vocabulary {
  if (tokenizer || tokens !== 'word') {
    const what = tokenizer ? 'tokenizer' : 'tokens'
    throw new SeqloomError(
      'ERR_OPTION',
      `LanguageEncoder.train: ${what} is for texts; arrays of tokens are cut already`,
    )
  }
  const { tokens: known } = Vocabulary.of(rows, least)
  return Vocabulary.parse(known.slice(0, maxVocabulary - 2))
}

/** The tokens of a text that are read, by default those that its tokenizer would read. */
export const pieceLength = ({ maxLength, tokenizer }: LanguageEncoderSettings): number =>
  maxLength ?? tokenizer?.maxLength ?? usualLength

/** The ids of each row; none for one without tokens. */
export async function encode(
  tokens: Tokens,
  rows: readonly Reading[],
  { maxLength = usualLength }: Pick<LanguageEncoderSettings, 'maxLength'>,
  signal: AbortSignal | undefined,
): Promise<Int32Array[]> {
  if (rows[0] instanceof Piece) return rows.map((row) => (row as Piece).ids)
  if (tokens instanceof Tokenizer) return await tokens.encode(rows as readonly string[], signal ? { signal } : {})
  return rows.map((row) => tokens.encode((row as readonly string[]).slice(0, maxLength)))
}
