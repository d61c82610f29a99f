import { describe, SeqloomError } from '../../errors.js'
import type { Shape, ValueType } from '../../graph/shape.js'
import { type Check, custom, flag, integer, oneOf, orNull } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { learn } from './batches.js'
import { encoded, encodedShape, type OutputMode } from './encoding.js'
import { type Items, itemsOf } from './items.js'
import { Preprocessing, type PreprocessingData } from './preprocessing.js'

/** @inline A key for SipHash: one number, or two. */
export type Salt = number | readonly [number, number]

/** Options of layers with a vocabulary. */
export interface LookupOptions<Token> extends LayerOptions {
  /** How large the vocabulary may become, with its special tokens. */
  readonly maxTokens?: number | null
  /** How many ids there are for tokens outside of the vocabulary, which a hash chooses; default 1. With 0, such tokens are `ERR_DATA`. */
  readonly numOovIndices?: number
  /** The token with the id 0, which is padding; default null, for none. */
  readonly maskToken?: Token | null
  /** What stands in `getVocabulary` for tokens outside of it, and what `invert` gives for their ids. */
  readonly oovToken?: Token | null
  /** The tokens, in the order of their ids, with or without the special ones; otherwise `adapt` learns them. */
  readonly vocabulary?: readonly Token[] | null
  /** With `outputMode: 'tfIdf'`: a factor for each token of `vocabulary`. */
  readonly idfWeights?: readonly number[] | Float32Array | null
  /** Whether to turn ids into tokens instead; only on data, not in a model. Default false. */
  readonly invert?: boolean
  /**
   * `'int'` (default): ids. `'oneHot'`: a vector for each. `'multiHot'`, `'count'`, `'tfIdf'`: one vector for each row,
   * of which ids occur, how often, and how often times the token's inverse document frequency.
   */
  readonly outputMode?: OutputMode
  /** Whether vectors have `maxTokens` places, however large the vocabulary is; default false. */
  readonly padToMaxTokens?: boolean
  /** How a token outside of the vocabulary is hashed: SipHash with this key instead of FarmHash. */
  readonly salt?: Salt | null
}

const salt: Check = custom(
  'an integer of at least 0, or two of them',
  (value) => value === null || isWord(value) || (Array.isArray(value) && value.length === 2 && value.every(isWord)),
)

const isWord = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

/** The check of {@link Salt}. */
export const saltCheck = salt

/** The two numbers of a salt. */
export const saltOf = (given: Salt | null | undefined): readonly [number, number] | undefined =>
  given === null || given === undefined ? undefined : typeof given === 'number' ? [given, given] : given

const modes = ['int', 'oneHot', 'multiHot', 'count', 'tfIdf']

/** The checks of {@link LookupOptions} for tokens of a kind. */
export function lookupChecks(token: Check): Record<string, Check> {
  return {
    maxTokens: orNull(integer(2)),
    numOovIndices: integer(0),
    maskToken: orNull(token),
    oovToken: orNull(token),
    vocabulary: custom('an array, not empty', (value) => value === null || (Array.isArray(value) && value.length > 0)),
    idfWeights: custom(
      'an array of finite numbers',
      (value) =>
        value === null ||
        ((Array.isArray(value) || value instanceof Float32Array) && Array.from(value).every(Number.isFinite)),
    ),
    invert: flag,
    outputMode: oneOf(modes),
    padToMaxTokens: flag,
    salt,
  }
}

/** Options that ask for nothing here: results are dense, and texts are UTF-8. */
export const lookupRefused = {
  sparse: [false],
  ragged: [false],
  encoding: ['utf-8'],
  vocabularySize: [null],
  vocabularyDtype: ['int64', 'string', null],
}

/** A layer with a vocabulary, as Keras's `IndexLookup`. */
export abstract class Lookup<Token extends string | number> extends Preprocessing {
  readonly outputMode: OutputMode
  readonly invert: boolean
  protected readonly options: LookupOptions<Token>
  protected readonly maskToken: Token | null
  protected readonly oovToken: Token | null
  readonly #tokenType: 'text' | 'number'
  readonly #oovIndices: number
  readonly #salt: readonly [number, number] | undefined
  #tokens: readonly Token[] = []
  #ids: ReadonlyMap<Token, number> = new Map()
  #idf: Float32Array | undefined
  #isGiven = false
  /** The size of the vectors that models were told. */
  #depth: number | undefined

  protected constructor(
    where: string,
    options: LookupOptions<Token>,
    token: Check,
    defaults: { readonly maskToken: Token | null; readonly oovToken: Token | null },
    others: { readonly accepted?: Record<string, Check>; readonly refused?: Record<string, readonly unknown[]> } = {},
  ) {
    super(where, options, {
      accepted: { ...lookupChecks(token), ...others.accepted },
      refused: { ...lookupRefused, ...others.refused },
    })
    this.#tokenType = typeof defaults.oovToken === 'string' ? 'text' : 'number'
    this.options = options
    this.outputMode = options.outputMode ?? 'int'
    this.invert = options.invert ?? false
    this.maskToken = options.maskToken === undefined ? defaults.maskToken : options.maskToken
    this.oovToken = options.oovToken === undefined ? defaults.oovToken : options.oovToken
    this.#oovIndices = options.numOovIndices ?? 1
    this.#salt = saltOf(options.salt)
    const fault = (message: string) => new SeqloomError('ERR_OPTION', `${where}: ${message}`)
    if (this.invert && this.outputMode !== 'int') throw fault(`invert needs outputMode 'int', not '${this.outputMode}'`)
    if (options.padToMaxTokens && (options.maxTokens ?? null) === null) throw fault('padToMaxTokens needs maxTokens')
    if ((options.idfWeights ?? null) !== null && this.outputMode !== 'tfIdf')
      throw fault("idfWeights are for outputMode 'tfIdf'")
    if (this.outputMode === 'tfIdf' && (options.vocabulary ?? null) !== null && (options.idfWeights ?? null) === null) {
      throw fault("a vocabulary with outputMode 'tfIdf' needs idfWeights, one for each token")
    }
    if (options.vocabulary) this.setVocabulary(options.vocabulary, options.idfWeights ?? undefined)
  }

  /** How many ids stand before those of the tokens. */
  get #firstToken(): number {
    return this.#firstOov + this.#oovIndices
  }

  get #firstOov(): number {
    return this.maskToken !== null && this.outputMode === 'int' ? 1 : 0
  }

  /** How a token outside of the vocabulary is told from others: its bin. */
  protected abstract oovBin(token: Token, bins: number, salt: readonly [number, number] | undefined): number

  /** The number of ids, those of the special tokens among them. */
  vocabularySize(): number {
    return this.#tokens.length + this.#firstToken
  }

  /** The tokens in the order of their ids; without the special ones, if they are not wanted. */
  getVocabulary(options: { readonly includeSpecialTokens?: boolean } = {}): Token[] {
    if (options.includeSpecialTokens === false) return [...this.#tokens]
    const special = Array<Token>(this.#oovIndices).fill(this.oovToken as Token)
    return [...(this.#firstOov === 1 ? [this.maskToken as Token] : []), ...special, ...this.#tokens]
  }

  /**
   * Replaces the vocabulary: the tokens in the order of their ids, with or without the special ones; with
   * `outputMode: 'tfIdf'` also a factor for each. Errors: `ERR_OPTION` for tokens that occur twice or are too many.
   */
  setVocabulary(vocabulary: readonly Token[], idfWeights?: readonly number[] | Float32Array): void {
    const where = `layer '${this.label}'`
    const fault = (message: string) => new SeqloomError('ERR_OPTION', `${where}: ${message}`)
    if (!Array.isArray(vocabulary) || vocabulary.length === 0)
      throw fault('the vocabulary must be an array of tokens, not empty')
    const special = this.#specialTokens()
    const hasSpecial = special.length > 0 && special.every((token, at) => vocabulary[at] === token)
    const tokens: readonly Token[] = hasSpecial ? vocabulary.slice(special.length) : [...vocabulary]
    const isText = this.#tokenType === 'text'
    const wrong = tokens.findIndex((token) => (isText ? typeof token !== 'string' : !Number.isSafeInteger(token)))
    if (wrong >= 0) {
      throw fault(`the vocabulary has ${describe(tokens[wrong])}, which is not ${isText ? 'a text' : 'an integer'}`)
    }
    this.#checkTokens(tokens, fault)
    if (this.outputMode === 'tfIdf') {
      if (!idfWeights || idfWeights.length !== vocabulary.length) {
        throw fault(
          `there must be ${vocabulary.length} idfWeights, one for each token, not ${idfWeights?.length ?? 'none'}`,
        )
      }
      this.#take(tokens, padded(Array.from(idfWeights), hasSpecial ? 0 : this.#firstToken))
    } else {
      if (idfWeights) throw fault("idfWeights are for outputMode 'tfIdf'")
      this.#take(tokens, undefined)
    }
    this.#isGiven = true
  }

  #specialTokens(): unknown[] {
    return [...(this.#firstOov === 1 ? [this.maskToken] : []), ...Array(this.#oovIndices).fill(this.oovToken)]
  }

  #checkTokens(tokens: readonly Token[], fault: (message: string) => SeqloomError): void {
    const seen = new Set<Token>()
    for (const token of tokens) {
      if (seen.has(token)) throw fault(`the vocabulary has ${describe(token)} twice`)
      seen.add(token)
    }
    const special = describe(this.#specialTokens())
    for (const [what, token, matters] of [
      ['maskToken', this.maskToken, true],
      ['oovToken', this.oovToken, this.invert],
    ] as const) {
      if (token !== null && matters && seen.has(token)) {
        throw fault(
          `the vocabulary has the ${what} ${describe(token)} among its tokens; leave the special tokens out, or begin with ${special}`,
        )
      }
    }
    const { maxTokens } = this.options
    const size = this.#firstToken + tokens.length
    if (typeof maxTokens === 'number' && size > maxTokens)
      throw fault(`the vocabulary has ${size} tokens with the special ones; maxTokens is ${maxTokens}`)
  }

  #take(tokens: readonly Token[], idf: readonly number[] | undefined): void {
    const depth = this.#depthOf(this.#firstToken + tokens.length)
    if (this.#depth !== undefined && this.outputMode !== 'int' && depth !== this.#depth) {
      throw new SeqloomError(
        'ERR_STATE',
        `layer '${this.label}': its vectors have ${this.#depth} places in a model; a vocabulary of ${depth} does not fit them`,
      )
    }
    this.#tokens = tokens
    const first = this.#firstToken
    this.#ids = new Map(tokens.map((token, at) => [token, first + at]))
    this.#idf = idf && Float32Array.from({ length: depth }, (_, at) => idf[at] ?? 0)
  }

  #depthOf(size: number): number {
    return this.options.padToMaxTokens ? (this.options.maxTokens as number) : size
  }

  /**
   * Learns the vocabulary: all tokens of the data, the most frequent ones first, of equally frequent ones those that
   * come last in the order of their characters; as many as `maxTokens` allows. For `outputMode: 'tfIdf'` each row is a
   * document. Data may come in batches, from an iterable that is not an array, such as a generator; from an asynchronous
   * one, `adapt` gives a promise. Errors: `ERR_DATA`; `ERR_STATE` after a vocabulary was given.
   */
  adapt(data: AsyncIterable<PreprocessingData>): Promise<void>
  adapt(data: PreprocessingData | Iterable<PreprocessingData>): void
  adapt(data: unknown): void | Promise<void> {
    const where = `layer '${this.label}'.adapt`
    if (this.#isGiven) throw new SeqloomError('ERR_STATE', `${where}: the layer was given its vocabulary`)
    const counts = new Counts<Token>()
    return learn(where, data, {
      add: (batch) => {
        const items = itemsOf(where, batch)
        counts.add(this.documentsOf(items.shape.length === 1 ? { ...items, shape: [...items.shape, 1] } : items))
      },
      end: () => this.#learn(counts),
    })
  }

  /** The tokens of each row. */
  protected documentsOf(items: Items): Iterable<readonly Token[]> {
    const values = this.tokensOf(items)
    const [rows = 1] = items.shape
    const width = rows === 0 ? 0 : values.length / rows
    return Array.from({ length: rows }, (_, row) => {
      return values.slice(row * width, row * width + Math.min(width, items.lengths?.[row] ?? width))
    })
  }

  /** The items as tokens. */
  protected abstract tokensOf(items: Items): readonly Token[]

  #learn({ ofTokens, ofDocuments, documents }: Counts<Token>): void {
    for (const token of [this.maskToken, this.oovToken]) if (token !== null) ofTokens.delete(token)
    if (ofTokens.size === 0) throw new SeqloomError('ERR_DATA', `layer '${this.label}'.adapt: the data have no tokens`)
    const sorted = [...ofTokens].sort(([a, ofA], [b, ofB]) => ofB - ofA || later(a, b)).map(([token]) => token)
    const { maxTokens } = this.options
    const tokens = typeof maxTokens === 'number' ? sorted.slice(0, Math.max(maxTokens - this.#firstToken, 0)) : sorted
    const idf =
      this.outputMode === 'tfIdf'
        ? tokens.map((token) => Math.fround(Math.log(1 + documents / (1 + (ofDocuments.get(token) ?? 0)))))
        : undefined
    this.#take(tokens, idf && padded(idf, this.#firstToken))
  }

  override outputType(): ValueType {
    return this.invert ? 'string' : this.outputMode === 'int' ? 'int32' : 'float32'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [this.#shapeOf(this.items(inputs))]
  }

  /** The shape of what is made of ids of a shape in a model. */
  #shapeOf(shape: Shape): Shape {
    if (this.invert)
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layer '${this.label}': a lookup with invert gives texts, which a model does not return; use its call on ids`,
      )
    if (this.outputMode === 'int') return shape
    if (this.outputMode !== 'oneHot' && shape.length < 2)
      throw this.shapeError(`outputMode '${this.outputMode}' needs an input of shape [batch, tokens]`)
    if (shape.length > 2) throw this.shapeError(`outputMode '${this.outputMode}' takes [batch] or [batch, tokens]`)
    this.requireVocabulary()
    this.#depth = this.#depthOf(this.vocabularySize())
    return encodedShape(shape, this.outputMode, this.#depth)
  }

  /** `ERR_STATE` for a layer without a vocabulary. */
  protected requireVocabulary(): void {
    if (this.#tokens.length > 0) return
    throw new SeqloomError(
      'ERR_STATE',
      `layer '${this.label}' (${this.className}) has no vocabulary yet: give it one (vocabulary, setVocabulary), or call adapt`,
    )
  }

  protected override run(items: Items): Items {
    if (this.invert) return this.#inverse(items)
    return this.encode(this.lookUp(items))
  }

  /** Ids as the output mode has them. */
  protected encode(ids: Items & { readonly values: Int32Array }): Items {
    return encoded(ids, this.outputMode, this.#depthOf(this.vocabularySize()), this.#idf)
  }

  /** The ids of tokens; those of the mask are 0, or have no place in vectors. */
  protected lookUp(items: Items): Items & { readonly values: Int32Array } {
    this.requireVocabulary()
    const tokens = this.tokensOf(items)
    const values = new Int32Array(tokens.length)
    const unknown = new Map<Token, number>()
    for (let at = 0; at < tokens.length; at++) {
      const token = tokens[at] as Token
      if (token === this.maskToken) values[at] = this.outputMode === 'int' ? 0 : -1
      else values[at] = this.#ids.get(token) ?? unknown.get(token) ?? this.#oovId(token, unknown)
    }
    if (items.lengths && this.outputMode === 'int') {
      // Shorter rows are filled up with zeros, whatever the vocabulary says of what filled them before.
      const width = values.length / (items.shape[0] as number)
      for (const [row, length] of items.lengths.entries()) values.fill(0, row * width + length, (row + 1) * width)
    }
    return { values, shape: items.shape, ...(items.lengths && { lengths: items.lengths }) }
  }

  #oovId(token: Token, known: Map<Token, number>): number {
    const bins = this.#oovIndices
    if (bins === 0)
      throw this.dataError(`${describe(token)} is not in the vocabulary; with numOovIndices: 1 it would have an id`)
    const id = this.#firstOov + (bins === 1 ? 0 : this.oovBin(token, bins, this.#salt))
    known.set(token, id)
    return id
  }

  #inverse(items: Items): Items {
    this.requireVocabulary()
    const ids = this.requireNumbers(items)
    const first = this.#firstToken
    const values = Array.from(ids, (id) => {
      if (id === 0 && this.#firstOov === 1) return this.maskToken as Token
      return this.#tokens[id - first] ?? (this.oovToken as Token)
    })
    return { values: values as string[], shape: items.shape }
  }

  override config(): Record<string, unknown> {
    const { maxTokens, padToMaxTokens, salt: own } = this.options
    const isLearned = this.#tokens.length > 0
    return {
      ...(typeof maxTokens === 'number' && { maxTokens }),
      numOovIndices: this.#oovIndices,
      maskToken: this.maskToken,
      oovToken: this.oovToken,
      ...(this.invert && { invert: true }),
      outputMode: this.outputMode,
      ...(padToMaxTokens && { padToMaxTokens }),
      ...(own !== undefined && own !== null && { salt: own }),
      ...(isLearned && { vocabulary: this.getVocabulary() }),
      ...(isLearned && this.#idf && { idfWeights: Array.from(this.#idf).slice(0, this.vocabularySize()) }),
    }
  }
}

/** How often tokens occur, and in how many documents. */
class Counts<Token> {
  readonly ofTokens = new Map<Token, number>()
  readonly ofDocuments = new Map<Token, number>()
  documents = 0

  add(documents: Iterable<readonly Token[]>): void {
    for (const tokens of documents) {
      this.documents++
      for (const token of tokens) this.ofTokens.set(token, (this.ofTokens.get(token) ?? 0) + 1)
      for (const token of new Set(tokens)) this.ofDocuments.set(token, (this.ofDocuments.get(token) ?? 0) + 1)
    }
  }
}

/** Factors with the mean of all before them, for tokens of which none is known. */
function padded(idf: readonly number[], before: number): number[] {
  const mean = idf.reduce((sum, each) => sum + each, 0) / idf.length
  return [...Array<number>(before).fill(mean), ...idf]
}

/** The order of tokens from the last: numbers by size, texts by their bytes in UTF-8. */
function later<Token>(a: Token, b: Token): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a
  return Buffer.compare(Buffer.from(b as string), Buffer.from(a as string))
}
