import type { Callback, History } from '../callbacks/callback.js'
import { AbortError, describe, SeqloomError } from '../errors.js'
import type { Functional, Hypothesis } from '../model/index.js'
import { adam } from '../optimizers/index.js'
import { BestWeights } from './bestWeights.js'
import { checkNotEmpty } from './rows.js'
import { boundaries, readTranslator, saveTranslator, type TranslatorParts } from './savedTranslator.js'
import { mixed } from './scheduledSampling.js'
import { bySource, checkTranslationRows, splitBySource, type TranslationRow } from './translationRows.js'
import { scores, type TranslationEvaluation } from './translationScores.js'
import { outputs, translatorModel } from './translatorModel.js'
import {
  type TrainTranslatorOptions,
  type TranslateOptions,
  type TranslatorOptions,
  type TranslatorSettings,
  type TranslatorTraining,
  translationSettings,
  translatorSettings,
  translatorTraining,
} from './translatorOptions.js'
import { translatorReports } from './translatorReports.js'
import { buildUnits, type Units, type Writing } from './units.js'

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
export interface Translation {
  /** The translation; tokens that were given as arrays, with spaces between. */
  readonly text: string
  /** Its tokens. */
  readonly tokens: readonly string[]
  /** The logarithm of its probability, that of its end included. */
  readonly logProbability: number
  /** The same divided by the length penalty. */
  readonly score: number
  /** Whether it came to its end; false where it was cut at the greatest length. */
  readonly finished: boolean
  /** With `alignments`: what each token attends to. */
  readonly alignment?: Alignment
  /** With `nBest` above 1: the next best translations. */
  readonly alternatives?: readonly Translation[]
}

/** Rows as the model takes them. */
interface Encoded {
  readonly source: Int32Array[]
  readonly previous: Int32Array[]
  readonly words: Int32Array[]
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
  static async load(directory: string): Promise<Translator> {
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
    const settings = translatorTraining(options)
    checkTranslationRows('Translator.train', rows)
    const { signal, validationData, validationSplit, learningRate } = settings
    if (validationData) checkTranslationRows('Translator.train: validationData', validationData)
    throwIfAborted(signal)
    const { training, validation } = validationData
      ? { training: rows, validation: validationData }
      : splitBySource(rows, validationSplit, this.#settings.seed)
    const parts = this.#parts ?? (await this.#create(training))
    const data = await encoded('Translator.train: row', parts, training)
    const held = validation.length > 0 ? await encoded('validation row', parts, validation) : undefined
    throwIfAborted(signal)
    const { model } = parts
    model.compile({
      optimizer: adam({ learningRate, globalClipNorm: 1 }),
      loss: ['sparseCategoricalCrossentropy', null, null],
    })
    parts.restored = false
    this.#parts = parts
    const best = new BestWeights(model)
    const callbacks = [translatorReports(training.length, settings, best), settings.callbacks].flat() as Callback[]
    try {
      return await runEpochs(parts, data, held, { ...settings, callbacks }, this.#settings.seed)
    } finally {
      if (settings.restoreBest) parts.restored = best.restore()
    }
  }

  /**
   * Translates texts, all at once, by beam search. Rejects with `ERR_STATE` before training, with `ERR_DATA` for what is not a text (or, where rows
   * were arrays, not an array of tokens), naming the place, and with `ERR_OPTION`.
   */
  async translate(texts: readonly Writing[], options: TranslateOptions = {}): Promise<Translation[]> {
    const where = 'Translator.translate'
    const parts = this.#existing()
    const { source, target, model } = parts
    const { beamWidth, nBest, lengthPenalty, alignments, signal, maxLength } = translationSettings(where, options)
    if (!Array.isArray(texts)) {
      throw new SeqloomError('ERR_DATA', `${where}: expected an array of texts, not ${describe(texts)}`)
    }
    checkNotEmpty(where, texts)
    const ids = await source.encode(`${where}: text`, texts, parts.maxLength, true)
    const found = await model.beamSearch({
      constants: { source: ids },
      ...boundaries(target),
      maxLength: maxLength ?? Math.ceil(1.5 * parts.longestTarget),
      ...{ beamWidth, nBest, lengthPenalty, alignments },
      exclude: [0, boundaries(target).start, ...(target.unknownId === undefined ? [] : [target.unknownId])],
      ...(signal && { signal }),
    })
    return found.map((hypotheses, row) => {
      const [first, ...others] = hypotheses.map((hypothesis) => translation(parts, ids[row] as Int32Array, hypothesis))
      return nBest > 1 ? { ...(first as Translation), alternatives: others } : (first as Translation)
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
    const { signal } = translationSettings(where, options)
    const { source, previous, words } = await encoded(`${where}: row`, parts, rows)
    const [loss = Number.NaN] = await parts.model.evaluate({ source, previous }, words, {
      batchSize: 64,
      ...(signal && { signal }),
    })
    const known = bySource(rows)
    const translations = await this.translate(
      known.map((each) => each.source),
      options,
    )
    const texts = translations.map(({ text }) => text)
    return { loss, perplexity: Math.exp(loss), ...scores(parts.target, known, texts) }
  }

  /** Saves the model and both vocabularies in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`. */
  async save(directory: string): Promise<void> {
    await saveTranslator(directory, this.#existing())
  }

  #existing(): TranslatorParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError('ERR_STATE', 'Translator: there is no model yet; call train or Translator.load first')
  }

  async #create(training: readonly TranslationRow[]): Promise<TranslatorParts> {
    const settings = this.#settings
    const { lowercase, maxVocabulary, minFrequency, maxLength } = settings
    const build = (side: 'source' | 'target', level: TranslatorSettings['sourceTokenizer']): Promise<Units> => {
      const writings = training.map((row) => row[side])
      return buildUnits(`Translator.train: the ${side} of row`, writings, {
        ...{ level, lowercase, maxVocabulary, minFrequency },
      })
    }
    const source = await build('source', settings.sourceTokenizer)
    const target = await build('target', settings.targetTokenizer)
    const lengths = await target.encode(
      'target',
      training.map((row) => row.target),
      maxLength,
      false,
    )
    const longestTarget = lengths.reduce((most, ids) => Math.max(most, ids.length), 1)
    const model = translatorModel(settings, source.size, target.size + 2)
    return { model, source, target, maxLength, longestTarget }
  }
}

/** Trains; with scheduled sampling epoch by epoch, since each has other inputs. */
async function runEpochs(
  { model }: TranslatorParts,
  { source, previous, words }: Encoded,
  held: Encoded | undefined,
  { epochs, batchSize, scheduledSampling, signal, callbacks }: TranslatorTraining,
  seed: number,
): Promise<History> {
  const options = {
    ...{ batchSize, callbacks, bucketByLength: true },
    ...(held && { validationData: [{ source: held.source, previous: held.previous }, held.words] as const }),
    ...(signal && { signal }),
  }
  if (scheduledSampling === 0) return await model.fit({ source, previous }, words, { ...options, epochs })
  const whole: History = { history: {}, epoch: [] }
  for (let epoch = 0; epoch < epochs && !(epoch > 0 && model.stopTraining); epoch++) {
    const share = epochs === 1 ? scheduledSampling : (scheduledSampling * epoch) / (epochs - 1)
    let inputs = previous
    if (share > 0) {
      const [guesses] = await model.predictOutputs({ source, previous }, [outputs.guess], {
        batchSize,
        ...(signal && { signal }),
      })
      if (guesses) inputs = mixed(previous, guesses, share, seed + epoch)
    }
    const { history } = await model.fit({ source, previous: inputs }, words, {
      ...options,
      ...{ initialEpoch: epoch, epochs: epoch + 1 },
    })
    whole.epoch.push(epoch)
    for (const [name, values] of Object.entries(history)) {
      whole.history[name] ??= []
      whole.history[name].push(...values)
    }
  }
  return whole
}

/** Sources, and targets behind their start and before their end. */
async function encoded(where: string, parts: TranslatorParts, rows: readonly TranslationRow[]): Promise<Encoded> {
  const { source, target, maxLength } = parts
  const { start, end } = boundaries(target)
  const sources = await source.encode(
    where,
    rows.map((row) => row.source),
    maxLength,
    true,
  )
  const targets = await target.encode(
    where,
    rows.map((row) => row.target),
    maxLength,
    false,
  )
  const framed = (before: readonly number[], ids: Int32Array, after: readonly number[]) => {
    const whole = new Int32Array(before.length + ids.length + after.length)
    whole.set(before)
    whole.set(ids, before.length)
    whole.set(after, before.length + ids.length)
    return whole
  }
  return {
    source: sources,
    previous: targets.map((ids) => framed([start], ids, [])),
    words: targets.map((ids) => framed([], ids, [end])),
  }
}

function translation({ source, target }: TranslatorParts, ids: Int32Array, found: Hypothesis): Translation {
  const { tokens, logProbability, score, finished, alignments } = found
  const written = Array.from(tokens, (id) => target.token(id))
  const result = { text: target.decode(tokens), tokens: written, logProbability, score, finished }
  if (!alignments) return result
  const width = alignments.shape[1] as number
  const weights = written.map((_, step) => Array.from(alignments.data.slice(step * width, step * width + ids.length)))
  return { ...result, alignment: { source: Array.from(ids, (id) => source.token(id)), target: written, weights } }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal)
}
