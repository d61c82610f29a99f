import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { isStreamed } from '../../data/sources.js'
import type { Tensor } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import { displayed, showing } from '../../pictures/display.js'
import type { LookOptions } from '../../record/looks.js'
import { isOfUnspacedScript } from '../../text/words.js'
import {
  asBatch,
  checkUnknownWritten,
  type DecoderData,
  framed,
  measureDecoder,
  targetUnits,
  tellUnknownWritten,
  trainDecoder,
  type Written,
  write,
} from '../decoding/decoder.js'
import { checkLarge, type WriteSettings, writeSettings } from '../decoding/options.js'
import { scores, type TranslationEvaluation } from '../decoding/scores.js'
import { buildUnits, checkAlike, type Units, type Writing } from '../decoding/units.js'
import type { TrainTranslatorOptions, TranslatorOptions } from '../optionTypes.js'
import { answersFor } from '../shared/answers.js'
import { attentionMap } from '../shared/attentionMap.js'
import { defaultSplit, divide } from '../shared/division.js'
import { type Beginning, beginWith, checkAgrees, fineTuning, readEncoder } from '../shared/encoder.js'
import { throwIfAborted } from '../shared/fitTask.js'
import { checkNotEmpty, type RowStream, type Rows, withRows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import { batchesOf, survey } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import { checkUnknown, tellUnknown } from '../shared/unknown.js'
import { encoderLayers, encoderSettings, sourceUnits } from './encoder.js'
import { translatorModel } from './model.js'
import {
  type TranslateOptions,
  type TranslatorSettings,
  type TranslatorTraining,
  trainTranslatorOptions,
  translatorOptions,
  translatorSettings,
  translatorTraining,
} from './options.js'
import { bySource, checkTranslationRows, splitRow, type TranslationRow } from './rows.js'
import { saving, type TranslatorParts } from './saved.js'

export type { TranslationEvaluation } from '../decoding/scores.js'
export type { TranslateOptions, TranslatorEpoch, TranslatorProgress } from './options.js'
export type { TranslationRow } from './rows.js'

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
 * Learns to translate: a bidirectional encoder, a decoder with attention, and beam search. Sources and targets are
 * texts, cut into words, characters or subwords, or arrays of tokens, such as phonemes. Batches are ragged.
 *
 * ```ts
 * const translator = new tasks.Translator({ units: 256 })
 * await translator.train([{ source: 'good morning', target: 'bonjour' }, …])
 * const [{ text }] = await translator.translate(['good evening'])
 * ```
 */
export class Translator extends ServedTask<TranslatorParts, TranslatorSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [translatorOptions, trainTranslatorOptions] as const

  readonly #given: TranslatorOptions

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TranslatorOptions = {}) {
    // Its encoder becomes part of the model.
    const { encoder, ...settings } = translatorSettings(options)
    super(saving, settings)
    this.#given = { ...options }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<Translator> {
    return new Translator().restored(directory)
  }

  /**
   * Trains on texts with translations, with teacher forcing, and returns the losses of the epochs. Vocabularies are
   * built from the training part only. A translator that already has a model continues from its weights and
   * vocabularies; meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as it
   * was. Rows may come one after another, and be more than fit into memory: one pass finds what is learned of all of
   * them, each epoch is another.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, also for options that are not those of the
   * `encoder`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError when the signal aborts.
   */
  async train(rows: Rows<TranslationRow>, options: TrainTranslatorOptions = {}): Promise<History> {
    const settings = translatorTraining(this.where('train'), options)
    return await this.learnRows(rows, settings, {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * Translates texts, all at once, by beam search. A word that is not in the source's vocabulary is copied to where the
   * translation attends to it most. A text without words is translated to nothing. Rejects with `ERR_STATE` before
   * training, with `ERR_DATA` for anything but a text (or, if rows had arrays, an array of tokens), naming the
   * position, and with `ERR_OPTION`. For texts that come one after another it gives a data set of translations, in the
   * same order, which are made as they are read.
   */
  translate(texts: readonly Writing[], options?: TranslateOptions): Promise<Translation[]>
  translate(texts: RowStream<Writing>, options?: TranslateOptions): Dataset<Translation>
  translate(texts: Rows<Writing>, options: TranslateOptions = {}): Promise<Translation[]> | Dataset<Translation> {
    const translate = (some: readonly Writing[]) =>
      this.use('translate', (parts, where) => translated(where, parts, some, options))
    if (!isStreamed(texts)) return translate(texts as readonly Writing[])
    return answersFor(this.where('translate'), texts as RowStream<Writing>, translate)
  }

  /**
   * Measures on rows with known translations: rows of one source are its references together. Rejects with `ERR_STATE`
   * before training and with `ERR_DATA` for bad rows, naming the row.
   */
  async evaluate(
    all: Rows<TranslationRow>,
    options: Omit<TranslateOptions, 'nBest' | 'alignments'> = {},
  ): Promise<TranslationEvaluation> {
    const { signal } = writeSettings(this.where('evaluate'), options)
    return await withRows(this.where('evaluate'), all, signal, (rows) => this.#measure(rows, options, signal))
  }

  async #measure(
    rows: readonly TranslationRow[],
    options: TranslateOptions,
    signal: AbortSignal | undefined,
  ): Promise<TranslationEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
      checkTranslationRows(where, rows)
      const measured = await measureDecoder(parts.model, await encoded(where, parts, rows, signal), signal)
      const known = bySource(rows)
      const translations = await translated(
        where,
        parts,
        known.map((each) => each.source),
        options,
      )
      const texts = translations.map(({ text }) => text)
      return { ...measured, ...scores(parts.target, known, texts) }
    })
  }

  async #prepare(
    where: string,
    rows: readonly TranslationRow[],
    given: readonly TranslationRow[] | undefined,
    settings: TranslatorTraining,
    known: TranslatorParts | undefined,
  ): Promise<Training<TranslatorParts, History>> {
    const { signal } = settings
    const { seed } = this.settings
    checkTranslationRows(where, rows)
    checkAll(where, rows, known)
    if (given) checkTranslationRows(`${where}: validationData`, given)
    throwIfAborted(signal)
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, seed)
    // In the rows' order.
    const pick = (some: readonly number[]) => [...some].sort((a, b) => a - b).map((row) => rows[row] as TranslationRow)
    const training = pick(division.training)
    const { parts, beginning } = known ? { parts: known } : await this.#create(training, signal)
    const waiting = fineTuning(where, beginning, settings)
    const data = await encoded(where, parts, training, signal)
    checkTokens(where, parts, data, settings, known !== undefined)
    const validation = given ?? pick(division.validation)
    const held =
      validation.length > 0 ? await encoded(`${where}: validationData`, parts, validation, signal) : undefined
    if (held) {
      tellUnknown(where, parts.source, held.inputs.source, 'the sources of the validation part')
      tellUnknownWritten(where, parts.target, 'the targets', held)
    }
    throwIfAborted(signal)
    const shown = (validation[0] ?? training[0])?.source
    const looks = shown === undefined ? {} : looksOf(where, parts, shown)
    return {
      parts,
      run: () => trainDecoder(parts, data, held, { ...settings, ...division.kept, looks, unfreezing: waiting }, seed),
    }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<TranslationRow>,
    given: readonly TranslationRow[] | undefined,
    settings: TranslatorTraining,
    known: TranslatorParts | undefined,
  ): Promise<Training<TranslatorParts, History>> {
    const { signal, batchSize, validationSplit = defaultSplit } = settings
    const { seed } = this.settings
    checkLarge(where, settings)
    if (given) checkTranslationRows(`${where}: validationData`, given)
    let first: TranslationRow | undefined
    const surveyed = await survey(all, {
      check: (rows) => {
        checkTranslationRows(where, rows)
        first ??= rows[0] as TranslationRow
        checkAll(where, rows, known, first)
      },
      keyOf: (row) => splitRow(row).key,
      ...{ given, share: validationSplit, seed, signal },
    })
    const { sample, held: validation } = surveyed
    const { parts, beginning } = known ? { parts: known } : await this.#create(sample, signal)
    const waiting = fineTuning(where, beginning, settings)
    checkTokens(where, parts, await encoded(where, parts, sample, signal), settings, known !== undefined)
    const held =
      validation.length > 0 ? await encoded(`${where}: validationData`, parts, validation, signal) : undefined
    const lengthOf = ({ source }: TranslationRow) => source.length
    const batches = batchesOf(surveyed, { batchSize, seed, lengthOf }, async (rows) =>
      asBatch(await encoded(where, parts, rows, signal)),
    )
    const looks = looksOf(where, parts, (validation[0] ?? (sample[0] as TranslationRow)).source)
    const data = { batches, rows: surveyed.rows }
    return { parts, run: () => trainDecoder(parts, data, held, { ...settings, looks, unfreezing: waiting }, seed) }
  }

  async #create(
    training: readonly TranslationRow[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly parts: TranslatorParts; readonly beginning?: Beginning | undefined }> {
    const where = this.where('train')
    const { encoder: given } = this.#given
    const encoder = given === undefined ? undefined : await readEncoder(given)
    if (encoder) {
      const own = encoderSettings(where, encoder)
      checkAgrees(where, this.#given, own)
      this.settings = { ...this.settings, ...own }
    }
    const settings = this.settings
    const { lowercase, maxVocabulary, minFrequency, maxLength } = settings
    const limits = { lowercase, maxVocabulary, minFrequency }
    const source = encoder
      ? sourceUnits(where, encoder, this.#given.sourceTokenizer)
      : await buildUnits(
          'Translator.train: the source of row',
          training.map((row) => row.source),
          { ...limits, level: settings.sourceTokenizer },
          signal,
        )
    const written = await targetUnits(
      'Translator.train: the target of row',
      training.map((row) => row.target),
      { ...limits, maxLength, level: settings.targetTokenizer },
      signal,
    )
    const model = translatorModel(settings, source.size, written.target)
    const beginning = encoder && encoderLayers(model, source.size)
    if (encoder && beginning) beginWith(where, beginning, encoder)
    return { parts: { model, source, maxLength, ...written }, beginning }
  }
}

/** Checks what both vocabularies know of rows that are trained on. */
function checkTokens(
  where: string,
  parts: TranslatorParts,
  data: Awaited<ReturnType<typeof encoded>>,
  { maxUnknown }: Pick<TranslatorTraining, 'maxUnknown'>,
  further: boolean,
): void {
  const training = { parts, further, maxUnknown }
  checkUnknown(where, parts.source, data.inputs.source, { ...training, of: 'the sources' })
  checkUnknownWritten(where, data, { ...training, of: 'the targets' })
}

/** What there is to see of a translator: how it translates a text, and what it attends to. */
function looksOf(where: string, parts: TranslatorParts, source: Writing): LookOptions {
  const translation = async () => (await translated(where, parts, [source], { beamWidth: 1, alignments: true }))[0]
  return {
    attention: async () => {
      const { alignment } = (await translation()) as Translation
      const { source: columns, target: rows, weights } = alignment as Alignment
      return { rows, columns, weights }
    },
    samples: async () => {
      const prompt = typeof source === 'string' ? source : source.join(' ')
      return { prompt, text: (await translation())?.text ?? '' }
    },
  }
}

/**
 * Throws `ERR_DATA`, naming the row, unless all sources are of one kind, and all targets: that of the vocabulary, or
 * else that of the first row.
 */
function checkAll(
  where: string,
  rows: readonly TranslationRow[],
  known: TranslatorParts | undefined,
  first = rows[0],
): void {
  for (const side of ['source', 'target'] as const) {
    checkAlike(
      `${where}: the ${side} of row`,
      rows.map((row) => row[side]),
      known?.[side] ?? first?.[side],
    )
  }
}

async function translated(
  where: string,
  parts: TranslatorParts,
  texts: readonly Writing[],
  options: TranslateOptions,
): Promise<Translation[]> {
  const { source } = parts
  const settings = writeSettings(where, options)
  if (!Array.isArray(texts)) {
    throw new SeqloomError('ERR_DATA', `${where}: expected an array of texts, not ${describe(texts)}`)
  }
  checkNotEmpty(where, texts)
  const all = await source.encode(`${where}: text`, texts, { maxLength: parts.maxLength, signal: settings.signal })
  // A text without tokens is its own translation.
  const rows = all.flatMap((ids, row) => (ids.length > 0 ? [row] : []))
  const ids = rows.map((row) => all[row] as Int32Array)
  const unknown = ids.map((read, row) => unknownWords(source, texts[rows[row] as number] as Writing, read))
  const copies = unknown.some((words) => words.size > 0)
  const show = (row: number, tokens: string[], { data, shape }: Tensor) => {
    const [read, width] = [ids[row] as Int32Array, shape[1] as number]
    const weights = tokens.map((_, step) => Array.from(data.slice(step * width, step * width + read.length)))
    copyUnknown(tokens, unknown[row] as ReadonlyMap<number, string>, weights)
    if (!settings.alignments) return {}
    const alignment = { source: Array.from(read, (id) => source.token(id)), target: tokens, weights }
    return { alignment: showing(alignment, (map) => displayed(attentionMap(map), tokens.join(' '))) }
  }
  const asked = { ...settings, alignments: settings.alignments || copies }
  const found = rows.length > 0 ? await write(parts, { source: ids }, asked, show) : []
  const translations = all.map(() => nothing(settings))
  for (const [at, row] of rows.entries()) translations[row] = found[at] as Translation
  return translations
}

/** The translation of a text without tokens. */
function nothing({ nBest, alignments }: WriteSettings): Translation {
  const written = { text: '', tokens: [], logProbability: 0, score: 0, finished: true }
  return {
    ...written,
    ...(alignments && { alignment: { source: [], target: [], weights: [] } }),
    ...(nBest > 1 && { alternatives: [] }),
  }
}

/** The words of a source that are not in its vocabulary, by their positions. */
function unknownWords(source: Units, writing: Writing, ids: Int32Array): ReadonlyMap<number, string> {
  const words = new Map<number, string>()
  if (source.unknownId === undefined || !ids.includes(source.unknownId)) return words
  const written = source.written(writing, ids)
  for (const [place, id] of ids.entries()) {
    const word = written?.[place]
    if (id === source.unknownId && word !== undefined) words.set(place, word)
  }
  return words
}

/**
 * The least attention with which a word counts as the translation of an unknown word, if another word of the source
 * gets more.
 */
const leastAttention = 0.2

/**
 * Replaces the words that attend most to unknown words of the source with those words, each once (after Luong et al.
 * 2015, arXiv 1410.8206).
 */
function copyUnknown(
  tokens: string[],
  unknown: ReadonlyMap<number, string>,
  weights: readonly (readonly number[])[],
): void {
  const pairs = [...unknown].flatMap(([place, word]) =>
    weights.map((row, step) => ({ place, word, step, weight: row[place] ?? 0, most: Math.max(...row) })),
  )
  const near = pairs.filter(({ weight, most }) => weight >= leastAttention || weight === most)
  const steps = new Map<number, number>()
  const taken = new Set<number>()
  for (const { place, word, step } of near.sort((a, b) => b.weight - a.weight)) {
    if (steps.has(place) || taken.has(step)) continue
    steps.set(place, step)
    taken.add(step)
    tokens[step] = word
  }
  joinRuns(tokens, unknown, steps)
}

/**
 * Adds to a copied character of a script without spaces the unknown ones next to it that have no position of their own:
 * together they are one word.
 */
function joinRuns(tokens: string[], unknown: ReadonlyMap<number, string>, steps: Map<number, number>): void {
  const places = [...unknown.keys()].filter((place) => isOfUnspacedScript(unknown.get(place) as string))
  const add = (place: number, beside: number, join: (at: string, word: string) => string) => {
    const step = steps.get(beside)
    if (steps.has(place) || step === undefined || !isOfUnspacedScript(unknown.get(beside) as string)) return
    tokens[step] = join(tokens[step] as string, unknown.get(place) as string)
    steps.set(place, step)
  }
  for (const place of places) add(place, place - 1, (at, word) => at + word)
  for (const place of places.reverse()) add(place, place + 1, (at, word) => word + at)
}

/** Sources, and targets with their start and end. `ERR_DATA`, naming the row. */
async function encoded(
  where: string,
  parts: TranslatorParts,
  rows: readonly TranslationRow[],
  signal: AbortSignal | undefined,
): Promise<DecoderData & { readonly inputs: { readonly source: Int32Array[] } }> {
  checkAll(where, rows, parts)
  const place = `${where}: row`
  const source = await parts.source.encode(
    place,
    rows.map((row) => row.source),
    { maxLength: parts.maxLength, fillEmpty: true, signal },
  )
  const targets = rows.map(({ target }) => target)
  return { inputs: { source }, ...(await framed(place, parts, targets, signal)) }
}
