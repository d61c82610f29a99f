import type { History } from '../callbacks/callback.js'
import { describe, SeqloomError } from '../errors.js'
import type { Functional, SaveOptions } from '../model/index.js'
import {
  type DecoderData,
  framed,
  measureDecoder,
  targetUnits,
  tokenCount,
  trainDecoder,
  type Written,
  write,
} from './decoder.js'
import { decoderTraining, writeSettings } from './decoderOptions.js'
import { throwIfAborted } from './fitTask.js'
import { checkNotEmpty } from './rows.js'
import { readTranslator, saveTranslator, type TranslatorParts } from './savedTranslator.js'
import { bySource, checkTranslationRows, splitBySource, type TranslationRow } from './translationRows.js'
import { scores, type TranslationEvaluation } from './translationScores.js'
import { translatorModel } from './translatorModel.js'
import {
  type TrainTranslatorOptions,
  type TranslateOptions,
  type TranslatorOptions,
  type TranslatorSettings,
  translatorSettings,
} from './translatorOptions.js'
import { buildUnits, type Writing } from './units.js'

/** What each token of a translation attends to. */
export interface Alignment {
  /** The tokens of the source. */
  readonly source: readonly string[]
  /** The tokens of the translation. */
  readonly target: readonly string[]
  /** `weights[i][j]`: how much of target token i's attention goes to source token j; they sum to 1 over j. */
  readonly weights: readonly (readonly number[])[]
}

/** A text's translation. */
export interface Translation extends Written {
  /** With `alignments`: what each token attends to. */
  readonly alignment?: Alignment
  /** With `nBest` above 1: the next best translations. */
  readonly alternatives?: readonly Translation[]
}

/**
 * Learns to translate: a bidirectional encoder, a decoder with attention, and beam search. Sources and targets are texts, cut into words, characters or
 * subwords, or arrays of tokens such as phonemes; batches are ragged.
 *
 * ```ts
 * const translator = new tasks.Translator({ units: 256 })
 * await translator.train([{ source: 'good morning', target: 'bonjour' }, …])
 * const [{ text }] = await translator.translate(['good evening'])
 * ```
 */
export class Translator {
  readonly #settings: TranslatorSettings
  #parts: TranslatorParts | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TranslatorOptions = {}) {
    this.#settings = translatorSettings(options)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<Translator> {
    const translator = new Translator()
    translator.#parts = await readTranslator(directory)
    return translator
  }

  /** Whether there is a model: training has begun, or the translator was loaded. */
  get ready(): boolean {
    return this.#parts !== undefined
  }

  /** The model itself; `ERR_STATE` before training. */
  get model(): Functional {
    return this.#existing().model
  }

  /**
   * Trains on texts with translations, teacher forced, and returns the losses of the epochs. Vocabularies are built from the training part only. A
   * translator that has a model already goes on from its weights and vocabularies.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(rows: readonly TranslationRow[], options: TrainTranslatorOptions = {}): Promise<History> {
    const settings = decoderTraining('Translator.train', '{ source, target }', options)
    checkTranslationRows('Translator.train', rows)
    const { signal, validationData, validationSplit } = settings
    if (validationData) checkTranslationRows('Translator.train: validationData', validationData)
    throwIfAborted(signal)
    const { training, validation } = validationData
      ? { training: rows, validation: validationData }
      : splitBySource(rows, validationSplit, this.#settings.seed)
    const parts = this.#parts ?? (await this.#create(training))
    const data = await encoded('Translator.train: row', parts, training)
    const held = validation.length > 0 ? await encoded('validation row', parts, validation) : undefined
    throwIfAborted(signal)
    this.#parts = parts
    return await trainDecoder(parts, data, held, settings, this.#settings.seed)
  }

  /**
   * Translates texts, all at once, by beam search. Rejects with `ERR_STATE` before training, with `ERR_DATA` for what is not a text (or, where rows
   * were arrays, not an array of tokens), naming the place, and with `ERR_OPTION`.
   */
  async translate(texts: readonly Writing[], options: TranslateOptions = {}): Promise<Translation[]> {
    const where = 'Translator.translate'
    const parts = this.#existing()
    const { source } = parts
    const settings = writeSettings(where, options)
    if (!Array.isArray(texts)) {
      throw new SeqloomError('ERR_DATA', `${where}: expected an array of texts, not ${describe(texts)}`)
    }
    checkNotEmpty(where, texts)
    const ids = await source.encode(`${where}: text`, texts, parts.maxLength, true)
    return await write(parts, { source: ids }, settings, (row, tokens, { data, shape }) => {
      const [read, width] = [ids[row] as Int32Array, shape[1] as number]
      const weights = tokens.map((_, step) => Array.from(data.slice(step * width, step * width + read.length)))
      return { alignment: { source: Array.from(read, (id) => source.token(id)), target: tokens, weights } }
    })
  }

  /**
   * Measures on rows with known translations: rows of one source are its references together. Rejects with `ERR_STATE` before training and with
   * `ERR_DATA` for bad rows, naming the row.
   */
  async evaluate(
    rows: readonly TranslationRow[],
    options: Omit<TranslateOptions, 'nBest' | 'alignments'> = {},
  ): Promise<TranslationEvaluation> {
    const where = 'Translator.evaluate'
    const parts = this.#existing()
    checkTranslationRows(where, rows)
    const { signal } = writeSettings(where, options)
    const measured = await measureDecoder(parts.model, await encoded(`${where}: row`, parts, rows), signal)
    const known = bySource(rows)
    const translations = await this.translate(
      known.map((each) => each.source),
      options,
    )
    const texts = translations.map(({ text }) => text)
    return { ...measured, ...scores(parts.target, known, texts) }
  }

  /** Saves the model and both vocabularies in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await saveTranslator(directory, this.#existing(), options)
  }

  #existing(): TranslatorParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError('ERR_STATE', 'Translator: there is no model yet; call train or Translator.load first')
  }

  async #create(training: readonly TranslationRow[]): Promise<TranslatorParts> {
    const settings = this.#settings
    const { lowercase, maxVocabulary, minFrequency, maxLength } = settings
    const limits = { lowercase, maxVocabulary, minFrequency }
    const source = await buildUnits(
      'Translator.train: the source of row',
      training.map((row) => row.source),
      { ...limits, level: settings.sourceTokenizer },
    )
    const written = await targetUnits(
      'Translator.train: the target of row',
      training.map((row) => row.target),
      { ...limits, maxLength, level: settings.targetTokenizer },
    )
    const model = translatorModel(settings, source.size, tokenCount(written.target))
    return { model, source, maxLength, ...written }
  }
}

/** Sources, and targets behind their start and before their end. */
async function encoded(where: string, parts: TranslatorParts, rows: readonly TranslationRow[]): Promise<DecoderData> {
  const source = await parts.source.encode(
    where,
    rows.map((row) => row.source),
    parts.maxLength,
    true,
  )
  const targets = rows.map(({ target }) => target)
  return { inputs: { source }, ...(await framed(where, parts, targets)) }
}
