import { reading, SeqloomError } from '../../errors.js'
import type { Dim, Shape, ValueType } from '../../graph/shape.js'
import { custom, integer, oneOf, orNull } from '../../options.js'
import type { LayerOptions } from '../layer.js'
import { binOf } from './hash.js'
import { areTexts, type Items } from './items.js'
import { Lookup } from './lookup.js'
import { textCheck } from './stringLookup.js'

/** Options of {@link textVectorization}. */
export interface TextVectorizationOptions extends LayerOptions {
  /** How large the vocabulary may become, with padding and the unknown token. */
  readonly maxTokens?: number | null
  /** What is done to texts first, to letters of ASCII and to its punctuation alone; default `'lowerAndStripPunctuation'`. */
  readonly standardize?: 'lowerAndStripPunctuation' | 'lower' | 'stripPunctuation' | null
  /** How texts are cut into tokens; with null, each is one token. Default `'whitespace'`. */
  readonly split?: 'whitespace' | 'character' | null
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
  readonly #standardize: NonNullable<TextVectorizationOptions['standardize']> | null
  readonly #split: 'whitespace' | 'character' | null
  readonly #ngrams: number | readonly number[] | null
  readonly #length: number | null

  constructor(options: TextVectorizationOptions = {}) {
    const where = 'layers.textVectorization'
    for (const name of ['standardize', 'split'] as const) {
      if (typeof reading('ERR_OPTION', where, () => options?.[name]) !== 'function') continue
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `${where}: ${name} cannot be a function, which no saved model could hold; apply it to the texts first`,
      )
    }
    const unset = { expected: 'left out', accepts: () => false }
    super(
      where,
      options,
      textCheck,
      { maskToken: '', oovToken: '[UNK]' },
      {
        accepted: {
          standardize: orNull(oneOf(['lowerAndStripPunctuation', 'lower', 'stripPunctuation'])),
          split: orNull(oneOf(['whitespace', 'character'])),
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
  protected override documentsOf(items: Items): string[][] {
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

  #tokens(text: string): string[] {
    let standard = text
    if (this.#standardize === 'lower' || this.#standardize === 'lowerAndStripPunctuation') {
      standard = standard.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    }
    if (this.#standardize === 'stripPunctuation' || this.#standardize === 'lowerAndStripPunctuation') {
      standard = standard.replace(/[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~']/g, '')
    }
    const tokens =
      this.#split === 'whitespace'
        ? standard.split(/[ \t\n\v\f\r]+/).filter((token) => token !== '')
        : this.#split === 'character'
          ? Array.from(standard)
          : [standard]
    if (this.#ngrams === null) return tokens
    const widths =
      typeof this.#ngrams === 'number' ? Array.from({ length: this.#ngrams }, (_, at) => at + 1) : this.#ngrams
    return widths.flatMap((width) => {
      const count = Math.max(tokens.length - width + 1, 0)
      return Array.from({ length: count }, (_, at) => tokens.slice(at, at + width).join(' '))
    })
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
      standardize: this.#standardize,
      split: this.#split,
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
