import { describe, reading, SeqloomError } from '../../errors.js'
import type { Dim, Shape, ValueType } from '../../graph/shape.js'
import { type Check, custom, integer, isCallable, isRecord, oneOf, orNull } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { binOf } from './hash.js'
import { areTexts, type Items } from './items.js'
import { Lookup } from './lookup.js'
import { textCheck } from './stringLookup.js'

/** @inline What is done to a text before it is cut. */
export type Standardization = 'lowerAndStripPunctuation' | 'lower' | 'stripPunctuation' | ((text: string) => string)

/** @inline How a text is cut into tokens. */
export type Split = 'whitespace' | 'character' | ((text: string) => readonly string[])

/** What a saved model has in the place of a function, which it cannot hold. */
const unsaved = { kind: 'function' } as const

type Kept<Given> = Given | null | typeof unsaved

/** Names, a function, or null; and what stands for a function in a saved model. */
const functionOr = (names: readonly string[]): Check => {
  const named = oneOf(names)
  const accepts = (value: unknown) => value === null || isCallable(value) || named.accepts(value)
  return custom(`${named.expected}, a function or null`, (value) => accepts(value) || isUnsaved(value))
}

const isUnsaved = (value: unknown): value is typeof unsaved => isRecord(value) && value.kind === unsaved.kind

const standardizeCheck = functionOr(['lowerAndStripPunctuation', 'lower', 'stripPunctuation'])
const splitCheck = functionOr(['whitespace', 'character'])

/** Options of {@link textVectorization}. */
export interface TextVectorizationOptions extends LayerOptions {
  /** How large the vocabulary may become, with padding and the unknown token. */
  readonly maxTokens?: number | null
  /**
   * What is done to texts first, to letters of ASCII and to its punctuation alone; default `'lowerAndStripPunctuation'`.
   * A function gives the text to go on with. It is not saved: set the layer's `standardize` again after loading.
   */
  readonly standardize?: Standardization | null
  /**
   * How texts are cut into tokens; with null, each is one token. Default `'whitespace'`. A function gives the tokens. It
   * is not saved: set the layer's `split` again after loading.
   */
  readonly split?: Split | null
  /** Whether to make tokens of neighbouring ones: of up to so many, or of exactly these numbers, joined by spaces. */
  readonly ngrams?: number | readonly number[] | null
  /** `'int'` (default): a sequence of ids. Others: one vector for each text, as in {@link stringLookup}. */
  readonly outputMode?: 'int' | 'multiHot' | 'count' | 'tfIdf'
  /** With `'int'`: to how many tokens texts are cut and filled up; by default to the longest one's. */
  readonly outputSequenceLength?: number | null
  /** Whether vectors have `maxTokens` places, however large the vocabulary is; default false. */
  readonly padToMaxTokens?: boolean
  /** The tokens, in the order of their ids, with or without padding (`''`) and unknown (`'[UNK]'`); otherwise `adapt` learns them. */
  readonly vocabulary?: readonly string[] | null
  /** With `outputMode: 'tfIdf'`: a factor for each token of `vocabulary`. */
  readonly idfWeights?: readonly number[] | Float32Array | null
}

const isCount = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 64

const ngramsCheck = custom(
  'an integer from 1 to 64, or an array of such',
  (value) => value === null || isCount(value) || (Array.isArray(value) && value.length > 0 && value.every(isCount)),
)

/** The layer that {@link textVectorization} makes. */
export class TextVectorization extends Lookup<string> {
  static override readonly className = 'TextVectorization'
  override readonly baseName = 'text_vectorization'
  #standardize: Kept<Standardization>
  #split: Kept<Split>
  readonly #ngrams: number | readonly number[] | null
  readonly #length: number | null

  constructor(options: TextVectorizationOptions = {}) {
    const where = 'layers.textVectorization'
    const unset = { expected: 'left out', accepts: () => false }
    super(
      where,
      options,
      textCheck,
      { maskToken: '', oovToken: '[UNK]' },
      {
        accepted: {
          standardize: standardizeCheck,
          split: splitCheck,
          ngrams: ngramsCheck,
          outputMode: oneOf(['int', 'multiHot', 'count', 'tfIdf']),
          outputSequenceLength: orNull(integer(1)),
          ...Object.fromEntries(
            ['numOovIndices', 'maskToken', 'oovToken', 'invert', 'salt'].map((name) => [name, unset]),
          ),
        },
      },
    )
    this.#standardize = options.standardize === undefined ? 'lowerAndStripPunctuation' : options.standardize
    this.#split = options.split === undefined ? 'whitespace' : options.split
    this.#ngrams = options.ngrams ?? null
    this.#length = options.outputSequenceLength ?? null
    if (this.#length !== null && this.outputMode !== 'int') {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: outputSequenceLength is for outputMode 'int', not '${this.outputMode}'`,
      )
    }
  }

  /** What is done to texts first: a name, a function, or null. A loaded layer that had a function has to be given it again. */
  get standardize(): Standardization | null {
    return this.#given('standardize', this.#standardize)
  }

  set standardize(value: Standardization | null) {
    this.#requireFit('standardize', standardizeCheck, value)
    this.#standardize = value
  }

  /** How texts are cut into tokens: a name, a function, or null. A loaded layer that had a function has to be given it again. */
  get split(): Split | null {
    return this.#given('split', this.#split)
  }

  set split(value: Split | null) {
    this.#requireFit('split', splitCheck, value)
    this.#split = value
  }

  #given<Given>(name: string, value: Kept<Given>): Given | null {
    if (!isUnsaved(value)) return value
    throw new SeqloomError(
      'ERR_STATE',
      `layer '${this.label}' (${this.className}): ${name} was a function, which is not saved; set the layer's ${name} to it`,
    )
  }

  #requireFit(name: string, check: Check, value: unknown): void {
    if (check.accepts(value) && !isUnsaved(value)) return
    throw new SeqloomError(
      'ERR_OPTION',
      `layer '${this.label}': ${name} must be ${check.expected}, not ${describe(value)}`,
    )
  }

  override takeFunctions(source: TextVectorization): void {
    this.#standardize = source.#standardize
    this.#split = source.#split
  }

  override inputType(): ValueType {
    return 'string'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch = null, ...rest] = this.items(inputs)
    if (rest.length > 1 || (rest.length === 1 && rest[0] !== 1)) {
      throw this.shapeError(
        `it reads one text for each row: [batch] or [batch, 1], got [${[null, ...rest].map(String).join(', ')}]`,
      )
    }
    if (this.outputMode === 'int') return [[batch, this.#length]]
    return super.outputShapes([[batch, null] as Dim[]]).map((shape) => [batch, ...shape.slice(1)])
  }

  protected override tokensOf(items: Items): readonly string[] {
    return this.requireTexts(items)
  }

  protected override oovBin(token: string, bins: number): number {
    return binOf(token, bins, undefined)
  }

  /** The tokens of each text. */
  protected override documentsOf(items: Items): (readonly string[])[] {
    const [rows = 1, ...rest] = items.shape
    const width = rest.reduce((product, size) => product * size, 1)
    if (width !== 1) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `layer '${this.label}': it reads one text for each row: [batch] or [batch, 1], got [${items.shape.join(', ')}]`,
      )
    }
    return this.requireTexts(items)
      .slice(0, rows)
      .map((text) => this.#tokens(text))
  }

  #tokens(text: string): readonly string[] {
    const tokens = this.#cut(this.#standardized(text))
    if (this.#ngrams === null) return tokens
    const widths =
      typeof this.#ngrams === 'number' ? Array.from({ length: this.#ngrams }, (_, at) => at + 1) : this.#ngrams
    return widths.flatMap((width) => {
      const count = Math.max(tokens.length - width + 1, 0)
      return Array.from({ length: count }, (_, at) => tokens.slice(at, at + width).join(' '))
    })
  }

  #standardized(text: string): string {
    const { standardize } = this
    if (typeof standardize === 'function') {
      const made: unknown = reading('ERR_DATA', `${this.label}: standardize`, () => standardize(text))
      if (typeof made === 'string') return made
      throw this.dataError(`standardize must give a text, not ${describe(made)}`)
    }
    const lower = standardize === 'lower' || standardize === 'lowerAndStripPunctuation'
    const strip = standardize === 'stripPunctuation' || standardize === 'lowerAndStripPunctuation'
    const lowered = lower ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
    return strip ? lowered.replace(/[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~']/g, '') : lowered
  }

  #cut(text: string): readonly string[] {
    const { split } = this
    if (typeof split === 'function') {
      const made: unknown = reading('ERR_DATA', `${this.label}: split`, () => split(text))
      if (Array.isArray(made) && made.every((token) => typeof token === 'string')) return made
      throw this.dataError(`split must give an array of texts, not ${describe(made)}`)
    }
    if (split === 'whitespace') return text.split(/[ \t\n\v\f\r]+/).filter((token) => token !== '')
    return split === 'character' ? Array.from(text) : [text]
  }

  protected override run(items: Items): Items {
    // Ids that `call` gave before are passed on, so that texts need not be cut again for every training.
    if (!areTexts(items) && items.values.length > 0 && this.outputMode === 'int') return this.#passedOn(items)
    this.requireVocabulary()
    const documents = this.documentsOf(items)
    const width = Math.max(1, this.#length ?? Math.max(...documents.map(({ length }) => length)))
    const values = documents.flatMap((tokens) => [
      ...tokens.slice(0, width),
      ...Array<string>(Math.max(width - tokens.length, 0)).fill(''),
    ])
    // The padding in vectors has no place.
    return this.encode(this.lookUp({ values, shape: [documents.length, width] }))
  }

  #passedOn(items: Items): Items {
    const ids = Int32Array.from(this.requireNumbers(items))
    const [rows = 1, width, ...others] = items.shape
    const fits = width !== undefined && others.length === 0 && (this.#length === null || width === this.#length)
    const wrong = ids.findIndex((id, at) => id !== items.values[at] || id < 0 || id >= this.vocabularySize())
    if (fits && wrong < 0) return { ...items, values: ids }
    throw this.dataError(
      fits
        ? `it reads texts, or ids that it made before; ${String(items.values[wrong])} is no id of its ${this.vocabularySize()} tokens`
        : `it reads texts, or ids that it made before, of shape [batch, ${this.#length ?? 'tokens'}]; got numbers of shape [${[rows, ...items.shape.slice(1)].join(', ')}]`,
    )
  }

  override config(): Record<string, unknown> {
    const { numOovIndices, maskToken, oovToken, ...others } = super.config()
    return {
      ...others,
      standardize: typeof this.#standardize === 'function' ? unsaved : this.#standardize,
      split: typeof this.#split === 'function' ? unsaved : this.#split,
      ...(this.#ngrams !== null && { ngrams: this.#ngrams }),
      ...(this.#length !== null && { outputSequenceLength: this.#length }),
    }
  }
}

/**
 * Cuts texts into tokens and turns these into ids, as Keras's `TextVectorization`, to the id: `vectorize.adapt(texts)`, then `vectorize.call(texts)`, or as the first layer of a
 * model, whose `fit` and `predict` then take texts. It runs before the model's graph, on JavaScript's thread, and is saved with the model.
 *
 * Input: texts `[batch]` or `[batch, 1]`; output ids `[batch, tokens]`, 0 for padding and 1 for unknown tokens, or a
 * vector for each text. In place of texts it takes ids that it made before. For tokens of words, scripts and subwords by other rules, see
 * `text`. Errors: `ERR_OPTION`, `ERR_DATA`, `ERR_SHAPE`; `ERR_STATE` without a vocabulary.
 */
export function textVectorization(options: TextVectorizationOptions = {}): TextVectorization {
  return new TextVectorization(options)
}
