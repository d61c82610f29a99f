import { allocated } from '../data/allocated.js'
import { runSliced, type Sliced } from '../data/index.js'
import { type Tensor, tensor } from '../data/tensor.js'
import { reading, SeqloomError } from '../errors.js'
import { abortSignal, checkOptions, custom, flag, integer } from '../options.js'
import { pathOf } from '../path.js'
import { Tokenizer, wordTokenizer } from '../text/index.js'
import { readWordVectors } from './wordVectorFile.js'

/** How word vectors are loaded. */
export interface LoadWordVectorsOptions {
  /** The most words to read, from the beginning; default all. Files begin with the most frequent words. */
  readonly limit?: number
  /**
   * The only words to keep, such as those that occur in the texts; default all. With `lowercase`, give them in lower
   * case.
   */
  readonly words?: Iterable<string>
  /**
   * Whether to lowercase words and texts; default true if no kept word has a capital letter. If words become equal, the
   * first one counts.
   */
  readonly lowercase?: boolean
  /** Stops the work, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/** Words and their vectors. */
export interface WordVectors {
  /**
   * Splits texts into words like `text.wordTokenizer`: id 0 is padding, id 1 the unknown word, then the file's words in
   * order.
   */
  readonly tokenizer: Tokenizer
  /**
   * `[vocabulary, dimensions]`: zeros for padding; for unknown words, the vector of `<unk>` if the file has it, else
   * the mean.
   */
  readonly vectors: Tensor
}

const where = 'interop.loadWordVectors'

/** Names under which files store the vector of unknown words. */
const unknown = new Set(['<unk>', '<UNK>', '[UNK]'])

/**
 * Reads word vectors in the formats of GloVe, word2vec (text and binary) and fastText (`.vec`), gzipped or not, as a
 * stream. Use them with `layers.embedding({ weights: vectors, maskZero: true, trainable: false })`. Rejects with
 * `ERR_IO`, with `ERR_FORMAT` naming the line, with `ERR_DATA` if no word is left, with `ERR_MEMORY` and with an
 * AbortError.
 */
export async function loadWordVectors(file: string | URL, options: LoadWordVectorsOptions = {}): Promise<WordVectors> {
  checkOptions(where, options, {
    accepted: { limit: integer(1), words: iterable, lowercase: flag, signal: abortSignal },
  })
  const path = pathOf(`${where}: the file`, file)
  const { limit = Number.POSITIVE_INFINITY, lowercase, signal } = options
  const words = options.words
  const wanted = words && reading('ERR_OPTION', `${where}: words`, () => new Set(words))
  const ids = new Map<string, number>()
  const rows = new Rows()
  let [read, own, isCased] = [0, undefined as Float32Array | undefined, false]
  await readWordVectors(
    path,
    (given, vector) => {
      read += 1
      if (unknown.has(given)) own = vector.slice()
      else {
        const lower = given.toLowerCase()
        const word = lowercase === true ? lower : given
        if (word !== '' && word !== '[PAD]' && !ids.has(word) && (wanted?.has(word) ?? true)) {
          ids.set(word, 2 + ids.size)
          isCased ||= given !== lower
          rows.add(vector)
        }
      }
      return read < limit
    },
    signal,
  )
  if (ids.size === 0) throw new SeqloomError('ERR_DATA', `${where}: none of the words is in ${path}`)
  const base = await baseTokenizer(lowercase ?? !isCased)
  const json = await runSliced(tokenizerText(base, ids), signal)
  return { tokenizer: await Tokenizer.read(json, path), vectors: await runSliced(rows.table(own), signal) }
}

const iterable = custom(
  'an iterable of words',
  (value) => typeof value === 'object' && value !== null && Symbol.iterator in value,
)

/** Rows of equal length, in blocks, so that nothing grows by being copied. */
class Rows {
  static readonly #inBlock = 4096
  readonly #blocks: Float32Array[] = []
  #count = 0
  #sums = new Float64Array(0)

  add(row: Float32Array): void {
    const at = this.#count % Rows.#inBlock
    if (at === 0) this.#blocks.push(allocated(where, Float32Array, Rows.#inBlock * row.length))
    if (this.#count === 0) this.#sums = new Float64Array(row.length)
    this.#blocks.at(-1)?.set(row, at * row.length)
    for (let i = 0; i < row.length; i++) this.#sums[i] = (this.#sums[i] as number) + (row[i] as number)
    this.#count += 1
  }

  /** Zeros, the row of unknown words, then all rows. The blocks are freed as they are copied. */
  *table(unknown: Float32Array | undefined): Sliced<Tensor> {
    const width = this.#sums.length
    const data = allocated(where, Float32Array, (2 + this.#count) * width)
    data.set(unknown ?? this.#sums.map((sum) => sum / this.#count), width)
    let at = 2 * width
    for (let block = this.#blocks.shift(); block !== undefined; block = this.#blocks.shift()) {
      const part = block.subarray(0, data.length - at)
      data.set(part, at)
      at += part.length
      yield
    }
    return tensor(data, [2 + this.#count, width])
  }
}

const bases = new Map<boolean, Promise<object>>()

/** What a word tokenizer is but for its words. It is made once: what splits texts takes a while to be compiled. */
function baseTokenizer(lowercase: boolean): Promise<object> {
  const made = bases.get(lowercase) ?? wordTokenizer(['a'], { lowercase }).then((base) => base.toJSON())
  bases.set(lowercase, made)
  made.catch(() => bases.delete(lowercase))
  return made
}

/** The tokenizer's file with other words, written piece by piece, since there may be millions. */
function* tokenizerText(base: object, ids: ReadonlyMap<string, number>): Sliced<Uint8Array> {
  const rest = JSON.stringify({ ...base, model: undefined }).slice(0, -1)
  const pieces = [`${rest},"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[PAD]":0,"[UNK]":1`]
  let piece = ''
  for (const [word, id] of ids) {
    piece += `,${JSON.stringify(word)}:${id}`
    if (piece.length > 1 << 16) {
      pieces.push(piece)
      piece = ''
      yield
    }
  }
  pieces.push(piece, '}}}')
  return Buffer.from(pieces.join(''))
}
