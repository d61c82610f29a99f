import { runSliced, type Sliced } from '../../data/slices.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { charTokenizer, wordTokenizer } from '../../text/index.js'
import { isSpacing, joinWords, learnSpacing, type Spacing } from '../../text/spacing.js'
import { Tokenizer } from '../../text/tokenizer.js'
import { lowercased, words } from '../../text/words.js'
import { knownAs } from '../shared/vocabulary.js'

/** A text, or its tokens, such as phonemes. */
export type Writing = string | readonly string[]

/** Whether a value may be a text or an array of tokens. */
export const isWriting = (value: unknown): boolean => typeof value === 'string' || Array.isArray(value)

/** @inline How texts are cut into tokens: into words and punctuation, into characters, or by a given tokenizer. */
export type Level = 'word' | 'character' | Tokenizer

/** How {@link Units} encode. */
export interface EncodeWritings {
  /** The most ids of a text. */
  readonly maxLength: number
  /** Whether a text without tokens is one unknown token; default false. */
  readonly fillEmpty?: boolean
  readonly signal?: AbortSignal | undefined
}

/** A vocabulary of one side of a translation. */
export interface Units {
  /** One more than the largest id. */
  readonly size: number
  /** The id of unknown tokens. */
  readonly unknownId: number | undefined
  /** Ids of each text. Rejects with `ERR_DATA`, naming the row, for texts of the wrong kind, and with an AbortError. */
  encode(where: string, writings: readonly Writing[], options: EncodeWritings): Promise<Int32Array[]>
  /** Turns ids into text; listed tokens are separated by spaces. */
  decode(ids: Int32Array): string
  /** Joins tokens as {@link decode} does. */
  join(tokens: readonly string[]): string
  /** The tokens of a text as they are written in it, one per id; undefined if they cannot be determined. */
  written(writing: Writing, ids: Int32Array): readonly string[] | undefined
  /** The token of an id. */
  token(id: number): string
  /** The separator of tokens when texts are compared. */
  readonly separator: string
  /** The units by which a text is compared: its words and punctuation, characters or tokens. */
  split(writing: Writing): string[]
  /** As JSON, which {@link unitsFrom} reads. */
  toJSON(): object
}

/** How a vocabulary writes texts. */
const casing = (lowercase: boolean): ((text: string) => string) => (lowercase ? lowercased : (text) => text)

/**
 * The vocabulary of some texts, or of some lists of tokens. Rejects with `ERR_DATA` for a mixture of both, and with an
 * AbortError.
 */
export async function buildUnits(
  where: string,
  writings: readonly Writing[],
  options: { level: Level; lowercase: boolean; maxVocabulary: number; minFrequency: number },
  signal: AbortSignal | undefined,
): Promise<Units> {
  const { level, lowercase, ...limits } = options
  if (Array.isArray(writings[0])) return await runSliced(ListedUnits.of(where, writings, limits), signal)
  if (level instanceof Tokenizer) return new TokenizedUnits(level.withMaxLength(), 'word', false)
  const texts = checkStrings(where, writings)
  const build = level === 'word' ? wordTokenizer : charTokenizer
  const tokenizer = await build(texts, { ...limits, lowercase, ...(signal && { signal }) })
  const spacing = level === 'word' ? await runSliced(learnSpacing(texts, casing(lowercase)), signal) : undefined
  return new TokenizedUnits(tokenizer, level, lowercase, spacing)
}

/** A vocabulary that is known already: of a tokenizer, or of lists of tokens. */
export const knownUnits = (
  tokens: Tokenizer | readonly string[],
  level: 'word' | 'character',
  lowercase: boolean,
): Units =>
  tokens instanceof Tokenizer ? new TokenizedUnits(tokens.withMaxLength(), level, lowercase) : new ListedUnits(tokens)

/**
 * Throws `ERR_DATA`, naming the row, unless all are texts, or all lists of tokens, like those of a vocabulary or like
 * another one; by default, like the first.
 */
export function checkAlike(
  where: string,
  writings: readonly Writing[],
  like: Units | Writing = writings[0] ?? '',
): void {
  const listed = like instanceof ListedUnits || Array.isArray(like)
  if (listed) checkLists(where, writings)
  else checkStrings(where, writings)
}

/** Reads what `toJSON` wrote; `ERR_FORMAT` for anything else. */
export async function unitsFrom(file: string, json: string): Promise<Units> {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch (error) {
    throw new SeqloomError('ERR_FORMAT', `${file}: ${(error as Error).message}`, { cause: error })
  }
  if (isRecord(parsed)) {
    const { tokens, tokenizer, level, lowercase, spacing } = parsed
    if (Array.isArray(tokens) && tokens.every((token) => typeof token === 'string')) return new ListedUnits(tokens)
    const known = level === 'word' || level === 'character'
    if (isRecord(tokenizer) && known && typeof lowercase === 'boolean') {
      const read = await Tokenizer.read(Buffer.from(JSON.stringify(tokenizer)), file)
      return new TokenizedUnits(read, level, lowercase, spacing === undefined ? undefined : readSpacing(file, spacing))
    }
  }
  throw new SeqloomError('ERR_FORMAT', `${file} holds neither a tokenizer nor a list of tokens`)
}

/** Reads how marks are spaced; `ERR_FORMAT` for anything else. */
function readSpacing(file: string, saved: unknown): Spacing {
  if (isSpacing(saved)) return saved
  throw new SeqloomError('ERR_FORMAT', `${file}: its spacing is not that of a vocabulary`)
}

class TokenizedUnits implements Units {
  readonly size: number
  readonly separator: string
  readonly unknownId: number | undefined

  constructor(
    readonly tokenizer: Tokenizer,
    readonly level: 'word' | 'character',
    readonly lowercase: boolean,
    /** How marks are spaced, for words whose vocabulary was built from texts. */
    readonly spacing?: Spacing,
  ) {
    this.size = tokenizer.vocabularySize
    this.unknownId = tokenizer.unknownId
    this.separator = level === 'character' ? '' : ' '
  }

  async encode(where: string, writings: readonly Writing[], { maxLength, fillEmpty = false, signal }: EncodeWritings) {
    const texts = checkStrings(where, writings)
    const options = { specialTokens: false, fillEmpty, ...(signal && { signal }) }
    const ids = await this.tokenizer.encode(texts, options)
    return ids.map((row) => (row.length > maxLength ? row.subarray(0, maxLength) : row))
  }

  decode(ids: Int32Array): string {
    return this.spacing ? this.join(Array.from(ids, (id) => this.token(id))) : this.tokenizer.decode(ids)
  }

  join(tokens: readonly string[]): string {
    return this.spacing ? joinWords(tokens, this.spacing) : tokens.join(this.separator)
  }

  written(writing: Writing, ids: Int32Array): readonly string[] | undefined {
    if (typeof writing !== 'string') return undefined
    const tokens = this.level === 'character' ? [...writing] : words(writing)
    // A tokenizer that was given may cut otherwise, and long texts are cut short.
    const long = tokens.length === ids.length || (tokens.length > ids.length && this.spacing !== undefined)
    const cased = casing(this.lowercase)
    // A vocabulary of words that was saved before may hold letters apart from their marks.
    const known = (id: number) => (this.level === 'character' ? this.token(id) : this.token(id).normalize('NFC'))
    const alike = long && ids.every((id, at) => id === this.unknownId || known(id) === cased(tokens[at] as string))
    return alike ? tokens.slice(0, ids.length) : undefined
  }

  token(id: number): string {
    return this.tokenizer.idToToken(id) ?? ''
  }

  split(writing: Writing): string[] {
    const text = typeof writing === 'string' ? writing : writing.join(' ')
    const cased = casing(this.lowercase)(text)
    if (this.level === 'character') return [...cased]
    return words(cased)
  }

  toJSON(): object {
    const { tokenizer, level, lowercase, spacing } = this
    return { tokenizer: tokenizer.toJSON(), level, lowercase, ...(spacing && { spacing }) }
  }
}

/** Tokens as they are given. Id 0 pads, 1 is unknown, then tokens by falling frequency, as in tokenizers. */
class ListedUnits implements Units {
  readonly size: number
  readonly unknownId = 1
  readonly separator = ' '
  readonly #ids: ReadonlyMap<string, number>

  constructor(readonly tokens: readonly string[]) {
    this.size = tokens.length + 2
    this.#ids = new Map(tokens.map((token, index) => [token, index + 2]))
  }

  static *of(
    where: string,
    writings: readonly Writing[],
    { maxVocabulary, minFrequency }: { maxVocabulary: number; minFrequency: number },
  ): Sliced<ListedUnits> {
    const counts = new Map<string, number>()
    for (const tokens of checkLists(where, writings)) {
      for (const token of tokens) {
        const composed = token.normalize('NFC')
        counts.set(composed, (counts.get(composed) ?? 0) + 1)
      }
      yield
    }
    const known = [...counts].filter(([, count]) => count >= minFrequency)
    known.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    return new ListedUnits(known.slice(0, maxVocabulary - 2).map(([token]) => token))
  }

  async encode(where: string, writings: readonly Writing[], { signal, ...options }: EncodeWritings) {
    return await runSliced(this.#encode(checkLists(where, writings), options), signal)
  }

  *#encode(
    lists: readonly (readonly string[])[],
    { maxLength, fillEmpty = false }: EncodeWritings,
  ): Sliced<Int32Array[]> {
    const rows: Int32Array[] = []
    for (const tokens of lists) {
      const ids = Int32Array.from(tokens.slice(0, maxLength), (token) => knownAs(this.#ids, token) ?? 1)
      rows.push(ids.length === 0 && fillEmpty ? Int32Array.of(1) : ids)
      yield
    }
    return rows
  }

  decode(ids: Int32Array): string {
    return this.join(Array.from(ids, (id) => this.token(id)))
  }

  join(tokens: readonly string[]): string {
    return tokens.join(' ')
  }

  written(writing: Writing, ids: Int32Array): readonly string[] | undefined {
    return typeof writing === 'string' ? undefined : writing.slice(0, ids.length)
  }

  token(id: number): string {
    return this.tokens[id - 2] ?? '[UNK]'
  }

  split(writing: Writing): string[] {
    return typeof writing === 'string' ? writing.split(' ').filter((token) => token !== '') : [...writing]
  }

  toJSON(): object {
    return { tokens: this.tokens }
  }
}

function checkStrings(where: string, writings: readonly Writing[]): string[] {
  const wrong = writings.findIndex((writing) => typeof writing !== 'string')
  if (wrong < 0) return writings as string[]
  throw new SeqloomError(
    'ERR_DATA',
    `${where} ${wrong} must be a text, as the others are, not ${describe(writings[wrong])}`,
  )
}

function checkLists(where: string, writings: readonly Writing[]): (readonly string[])[] {
  const wrong = writings.findIndex(
    (writing) => !Array.isArray(writing) || writing.some((token) => typeof token !== 'string'),
  )
  if (wrong < 0) return writings as (readonly string[])[]
  const got = describe(writings[wrong])
  throw new SeqloomError('ERR_DATA', `${where} ${wrong} must be an array of tokens, as the others are, not ${got}`)
}
