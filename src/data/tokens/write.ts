import { AbortError, describe, requireReadable, SeqloomError } from '../../errors.js'
import { checkReplaceable, replaceNamed } from '../../files.js'
import { abortSignal, checkOptions, custom, filePath, flag } from '../../options.js'
import { absolutePathOf } from '../../path.js'
import type { Dataset } from '../dataset.js'
import { placeOf } from '../places.js'
import { type From, from } from '../sources.js'
import { beginsLikeTokens, headerBytes, trailerBytes } from './header.js'
import { TokenFile } from './tokenFile.js'
import { type CorpusTokenizer, fingerprintOf, tokenizerRule } from './tokenizer.js'

/** How far writing has come. */
export interface TokensProgress {
  /** How many texts were read. */
  readonly texts: number
  /** How many tokens were written. */
  readonly tokens: number
}

/** Options of {@link writeTokens}. */
export interface WriteTokensOptions {
  /** What turns the texts into ids: made by `text.*`. Nothing is cut off. */
  readonly tokenizer: CorpusTokenizer
  /** The file to write, at once when all is written. A token file that is there is replaced. */
  readonly file: string | URL
  /**
   * What follows each text, before it is turned into ids; default `'\n'`, as the lines of `data.text` come without
   * their ends. `'<|endoftext|>'` is one token for tokenizers that know it as such; `''` is nothing.
   */
  readonly separator?: string
  /** Whether to replace a file that is no token file, too; default false, which rejects with `ERR_IO`. */
  readonly overwrite?: boolean
  /** Called as parts are written. */
  readonly onProgress?: (progress: TokensProgress) => void
  /** Stops the work, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** How many characters are turned into ids at a time, on all threads. */
const piece = 1 << 22

/**
 * Turns texts of any size into ids, on all threads and in bounded memory, and writes them one after another into a
 * file, from which `data.tokens` reads them by position. The file is there once it is whole: an error, an abort or a
 * crash leaves what was there before.
 *
 * ```ts
 * const tokenizer = await text.subwordTokenizer(sample)
 * const corpus = await data.writeTokens(data.text('wiki/*.txt.gz'), { tokenizer, file: 'wiki.tokens' })
 * await m.fit(corpus.windows({ time: 128, shuffle: true }), { batchSize: 64, epochs: 3 })
 * ```
 *
 * Rejects with `ERR_OPTION`, `ERR_DATA` for what is no text, naming its place, or no tokens at all, `ERR_IO`, also for a
 * file that is there and is no token file, what the source throws, and an AbortError.
 */
export async function writeTokens(texts: From<string>, options: WriteTokensOptions): Promise<TokenFile> {
  const where = 'data.writeTokens'
  requireReadable(where, options)
  checkOptions(where, options, {
    accepted: {
      tokenizer: tokenizerRule,
      file: filePath,
      separator: custom('a text', (v) => typeof v === 'string'),
      onProgress: custom('a function', (v) => typeof v === 'function'),
      overwrite: flag,
      signal: abortSignal,
    },
    required: ['tokenizer', 'file'],
  })
  const source = from(texts)
  const path = absolutePathOf(`${where}: file`, options.file)
  await checkReplaceable(path, options.overwrite ?? false, { what: 'token file', begins: beginsLikeTokens })
  let failure: { readonly error: unknown } | undefined
  async function* contents() {
    try {
      yield* tokenBytes(where, source, options)
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  try {
    await replaceNamed(path, contents())
  } catch (error) {
    // What a source throws is no failure of the file.
    throw failure ? failure.error : error
  }
  return await TokenFile.open(path)
}

/** All bytes of a token file; the next texts are turned into ids while the last ones are written. */
async function* tokenBytes(
  where: string,
  source: Dataset<string>,
  { tokenizer, separator = '\n', onProgress, signal }: WriteTokensOptions,
): AsyncGenerator<Uint8Array> {
  const { vocabularySize } = tokenizer
  const whole = tokenizer.withMaxLength()
  const width = vocabularySize <= 2 ** 16 ? 2 : 4
  const header = headerBytes({ width, vocabularySize, fingerprint: fingerprintOf(tokenizer) })
  yield header
  let [texts, tokens] = [0, 0]
  const encode = async (some: readonly string[]) => {
    const ids = await whole.encode(some, { specialTokens: false, ...(signal && { signal }) })
    return { count: some.length, ids }
  }
  const written = async function* (encoded: ReturnType<typeof encode>) {
    const { count, ids } = await encoded
    texts += count
    for (const each of ids) tokens += each.length
    yield packed(ids, width)
    onProgress?.({ texts, tokens })
  }
  let running: ReturnType<typeof encode> | undefined
  for await (const some of pieces(where, source, separator, signal)) {
    const next = encode(some)
    // It is awaited only after what runs already.
    next.catch(() => undefined)
    if (running) yield* written(running)
    running = next
  }
  if (running) yield* written(running)
  if (tokens === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no tokens in ${source.name}`)
  yield trailerBytes(header, tokens)
}

/** Ids as bytes. */
function packed(ids: readonly Int32Array[], width: 2 | 4): Uint8Array {
  const count = ids.reduce((sum, each) => sum + each.length, 0)
  const all = width === 2 ? new Uint16Array(count) : new Uint32Array(count)
  let at = 0
  for (const each of ids) {
    all.set(each, at)
    at += each.length
  }
  return new Uint8Array(all.buffer)
}

/** Texts with what follows each, in pieces of about the same size. */
async function* pieces(
  where: string,
  source: Dataset<string>,
  separator: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string[]> {
  let some: string[] = []
  let [size, row] = [0, 0]
  for await (const block of source.open({ pass: 0, skip: 0 })) {
    if (signal?.aborted) throw new AbortError(signal)
    for (const [at, text] of block.entries()) {
      if (typeof text !== 'string') {
        const place = placeOf(block)?.(at) ?? `text ${row + at}`
        throw new SeqloomError('ERR_DATA', `${where}: ${place} must be a string, not ${describe(text)}`)
      }
      some.push(text + separator)
      size += text.length
      if (size < piece) continue
      yield some
      some = []
      size = 0
    }
    row += block.length
  }
  if (some.length > 0) yield some
}
