import { writeFile } from 'node:fs/promises'
import { types } from 'node:util'
import { runSliced, runSync, type Sliced } from '../data/slices.js'
import { callNative, describe, fromNative, reading, SeqloomError } from '../errors.js'
import { cannot } from '../files.js'
import { cancellable } from '../model/cancel.js'
import { type NativeTokenizer, native, type StagedTexts } from '../native/index.js'
import { abortSignal, checkOptions, flag, integer } from '../options.js'
import { absolutePathOf } from '../path.js'

/** How a vocabulary is built. */
export interface TokenizerOptions {
  /**
   * How many tokens to keep at most, the most frequent ones, including padding and unknown; default all, for subwords
   * 8192.
   */
  readonly maxVocabulary?: number
  /** How often a token must occur to be kept; default 1, for subwords 2. */
  readonly minFrequency?: number
  /** Whether text is lowercased first; default true for words, else false. */
  readonly lowercase?: boolean
  /** Texts are truncated to this many ids; default: not at all. */
  readonly maxLength?: number
  /** Stops the work, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** How texts are encoded. */
export interface EncodeOptions {
  /** Whether the tokenizer's special tokens, such as `[CLS]`, are added; default true. */
  readonly specialTokens?: boolean
  /**
   * Whether a text without any token becomes one unknown token, since models refuse sequences of length 0; default
   * false.
   */
  readonly fillEmpty?: boolean
}

/** How texts are encoded on other threads. */
export interface EncodeAsyncOptions extends EncodeOptions {
  /** Stops the work, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** A token and its id. */
export interface VocabularyToken {
  readonly token: string
  readonly id: number
}

/**
 * Turns text into ids and back. Made by `text.charTokenizer`, `text.wordTokenizer`, `text.subwordTokenizer` and
 * `text.loadTokenizer`; it never changes.
 */
export class Tokenizer {
  readonly #native: NativeTokenizer

  private constructor(tokenizer: NativeTokenizer) {
    this.#native = tokenizer
  }

  /** @internal */
  static async train(
    unit: 'character' | 'word' | 'subword',
    texts: readonly string[],
    options: TokenizerOptions,
  ): Promise<Tokenizer> {
    const where = `text.${unit === 'character' ? 'char' : unit}Tokenizer`
    checkTexts(where, texts)
    checkOptions(where, options, {
      accepted: {
        maxVocabulary: integer(3),
        minFrequency: integer(1),
        lowercase: flag,
        maxLength: integer(1),
        signal: abortSignal,
      },
    })
    const { signal, ...rest } = options
    const staged = await runSliced(stageTexts(texts), signal)
    return new Tokenizer(
      await cancellable(signal, (cancel) => native.NativeTokenizer.train(unit, staged, { ...rest }, cancel)),
    )
  }

  /**
   * Reads the text of a Hugging Face `tokenizer.json`, or the object parsed from it; `ERR_FORMAT` if it is not such a
   * file.
   */
  static fromJSON(json: string | object): Tokenizer {
    const text: unknown =
      typeof json === 'string' ? json : reading('ERR_FORMAT', 'tokenizer.json', () => JSON.stringify(json))
    if (typeof text === 'string') return Tokenizer.parse(text, 'tokenizer.json')
    throw new SeqloomError('ERR_FORMAT', `tokenizer.json: expected a text or an object, not ${describe(json)}`)
  }

  /** @internal {@link fromJSON} of a text; `where` names it in messages. */
  static parse(json: string, where: string): Tokenizer {
    try {
      return new Tokenizer(callNative(() => native.NativeTokenizer.fromJson(json)))
    } catch (error) {
      throw named(error, where)
    }
  }

  /** @internal {@link parse} of a file's bytes, on another thread. */
  static async read(bytes: Uint8Array, where: string): Promise<Tokenizer> {
    try {
      return new Tokenizer(await cancellable(undefined, (cancel) => native.NativeTokenizer.read(bytes, cancel)))
    } catch (error) {
      throw named(error, where)
    }
  }

  /** One more than the largest id: the `inputDim` that an embedding needs. */
  get vocabularySize(): number {
    return callNative(() => this.#native.vocabularySize())
  }

  /** The id of padding: 0 in vocabularies built here; undefined if there is none. */
  get paddingId(): number | undefined {
    return callNative(() => this.#native.paddingId()) ?? undefined
  }

  /** The id of unknown tokens: 1 in vocabularies built here; undefined if there is none. */
  get unknownId(): number | undefined {
    return callNative(() => this.#native.unknownId()) ?? undefined
  }

  /** The number of ids to which texts are truncated; undefined if they are not. */
  get maxLength(): number | undefined {
    return callNative(() => this.#native.maxLength()) ?? undefined
  }

  /**
   * Encodes texts on other threads, many at once. Gives one array of ids per text; a model takes these arrays as they
   * are, as (ragged) input. Rejects with `ERR_DATA`, naming the text.
   */
  async encode(texts: readonly string[], options: EncodeAsyncOptions = {}): Promise<Int32Array[]> {
    checkOptions('encode', options, { accepted: { specialTokens: flag, fillEmpty: flag, signal: abortSignal } })
    const { signal, ...rest } = options
    checkEncoding(texts, rest)
    const staged = await runSliced(stageTexts(texts), signal)
    const { ids, lengths } = await cancellable(signal, (cancel) => this.#native.encodeBatch(staged, rest, cancel))
    return await runSliced(rows(ids, lengths), signal)
  }

  /** {@link encode} on the caller's thread, for a few texts. */
  encodeSync(texts: readonly string[], options: EncodeOptions = {}): Int32Array[] {
    checkEncoding(texts, options)
    const { ids, lengths } = callNative(() => this.#native.encodeBatchSync(texts as string[], { ...options }))
    return runSync(rows(ids, lengths))
  }

  /**
   * Turns ids back into text: words with spaces between them, characters without. Padding is left out, and with
   * `skipSpecial` (default true) so are `[CLS]` and the like. `ERR_DATA` for an id outside the vocabulary, naming its
   * position.
   */
  decode(ids: Int32Array | readonly number[], options: { readonly skipSpecial?: boolean } = {}): string {
    checkOptions('decode', options, { accepted: { skipSpecial: flag } })
    const all = reading('ERR_DATA', 'decode', () => int32(ids))
    return callNative(() => this.#native.decode(all, options.skipSpecial ?? true))
  }

  /** Every token with its id, by id. */
  vocabulary(): VocabularyToken[] {
    return callNative(() => this.#native.vocabulary())
  }

  /** The id of a token; undefined if the vocabulary does not hold it. */
  tokenToId(token: string): number | undefined {
    return callNative(() => this.#native.tokenToId(token)) ?? undefined
  }

  /** The token of an id; undefined if the vocabulary does not hold it. */
  idToToken(id: number): string | undefined {
    return callNative(() => this.#native.idToToken(id)) ?? undefined
  }

  /**
   * The same tokenizer with another `maxLength`, special tokens included; without one, texts are not truncated.
   * `ERR_OPTION` if it leaves no room.
   */
  withMaxLength(maxLength?: number): Tokenizer {
    return new Tokenizer(callNative(() => this.#native.withMaxLength(maxLength)))
  }

  /** The tokenizer as the object of a Hugging Face `tokenizer.json`. */
  toJSON(): object {
    return JSON.parse(this.toString()) as object
  }

  /** The tokenizer as the text of a Hugging Face `tokenizer.json`. */
  toString(): string {
    return callNative(() => this.#native.toJson())
  }

  /** @internal {@link toString} on another thread. */
  async text(): Promise<string> {
    try {
      return await this.#native.write()
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** Writes a Hugging Face `tokenizer.json`. Rejects with `ERR_IO`. */
  async save(path: string | URL): Promise<void> {
    const file = absolutePathOf('Tokenizer.save: the file', path)
    const json = await this.text()
    await writeFile(file, json).catch((cause: unknown) => {
      throw cannot('write', file, cause)
    })
  }
}

function checkEncoding(texts: readonly string[], options: EncodeOptions): void {
  checkTexts('encode', texts)
  checkOptions('encode', options, { accepted: { specialTokens: flag, fillEmpty: flag } })
}

/** Throws `ERR_DATA`, naming the position, unless `texts` is an array of strings. */
export function checkTexts(where: string, texts: unknown): asserts texts is readonly string[] {
  reading('ERR_DATA', where, () => {
    if (!Array.isArray(texts)) {
      throw new SeqloomError('ERR_DATA', `${where}: expected an array of strings, not ${describe(texts)}`)
    }
    const wrong = texts.findIndex((text) => typeof text !== 'string')
    if (wrong >= 0) {
      throw new SeqloomError('ERR_DATA', `${where}: text ${wrong} must be a string, not ${describe(texts[wrong])}`)
    }
  })
}

function int32(ids: Int32Array | readonly number[]): Int32Array {
  if (types.isInt32Array(ids)) return ids
  if (!Array.isArray(ids)) throw new SeqloomError('ERR_DATA', `decode: expected an array of ids, not ${describe(ids)}`)
  const wrong = ids.findIndex((id) => typeof id !== 'number' || (id | 0) !== id)
  if (wrong >= 0) {
    throw new SeqloomError('ERR_DATA', `decode: id ${wrong} must be a 32-bit integer, not ${describe(ids[wrong])}`)
  }
  return Int32Array.from(ids)
}

/** The ids of each text, as a view over the ids of all. */
function* rows(ids: Int32Array, lengths: Uint32Array): Sliced<Int32Array[]> {
  const views: Int32Array[] = []
  let start = 0
  for (const [index, length] of lengths.entries()) {
    if (index % slice.texts === slice.texts - 1) yield
    views.push(ids.subarray(start, start + length))
    start += length
  }
  return views
}

/** How many texts, and how many characters, cross to native code in one piece: about a millisecond of work. */
const slice = { texts: 1024, characters: 256 << 10 }

/**
 * Texts as native calls take them: many or long ones are copied piece by piece, so that copying does not block the
 * event loop.
 */
function* stageTexts(texts: readonly string[]): Sliced<string[] | StagedTexts> {
  let characters = 0
  for (const text of texts) characters += text.length
  if (texts.length <= slice.texts && characters <= slice.characters) return texts as string[]
  const staged = new native.StagedTexts()
  let some: string[] = []
  let size = 0
  for (const text of texts) {
    let end = wholeCharacters(text, slice.characters)
    some.push(text.slice(0, end))
    size += end
    if (some.length >= slice.texts || size >= slice.characters || end < text.length) {
      callNative(() => staged.add(some))
      some = []
      size = 0
      yield
    }
    while (end < text.length) {
      const from = end
      end = wholeCharacters(text, from + slice.characters)
      callNative(() => staged.extend(text.slice(from, end)))
      yield
    }
  }
  if (some.length > 0) callNative(() => staged.add(some))
  return staged
}

/** The position `at`, or the one before it if cutting at `at` would split a surrogate pair. */
export function wholeCharacters(text: string, at: number): number {
  if (at >= text.length) return text.length
  const code = text.charCodeAt(at - 1)
  return code >= 0xd800 && code < 0xdc00 ? at - 1 : at
}

/** An error from reading a tokenizer, with the file's name. */
function named(error: unknown, where: string): unknown {
  if (!(error instanceof SeqloomError)) return error
  const reason = error.message.replace(/^(tokenizer\.json: )+/, '')
  return new SeqloomError(error.code, `${where}: ${reason}`, { cause: error.cause })
}
