import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { isStreamed } from '../../data/sources.js'
import { describe, SeqloomError } from '../../errors.js'
import type { TagScheme } from '../../layers/tagScheme.js'
import { isRecord } from '../../options.js'
import { warn } from '../../warn.js'
import type { PredictTextsOptions, SequenceTaggerOptions, TrainTaggerOptions } from '../optionTypes.js'
import { answersFor, inParts } from '../shared/answers.js'
import { countsOf, weightsOf } from '../shared/classWeights.js'
import { defaultSplit, divide } from '../shared/division.js'
import {
  type Beginning,
  beginWith,
  checkAgrees,
  encoderVocabulary,
  fineTuning,
  readEncoder,
  readingLayers,
} from '../shared/encoder.js'
import {
  type ClassMeasures,
  type ClassReport,
  Confusion,
  lossOf,
  type MeanMeasures,
  shownReport,
} from '../shared/evaluation.js'
import { fitTask, throwIfAborted } from '../shared/fitTask.js'
import { LabelCounts, Labels, tellUntaught } from '../shared/labels.js'
import { checkList, type RowStream, type Rows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import { batchesOf, survey } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import {
  predictionSettings,
  type TrainingSettings,
  trainingSettings,
  trainTaggerOptions,
  usualEpochs,
} from '../shared/training.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { defaultEpochs } from '../shared/work.js'
import { Characters } from './characters.js'
import { type EntityReport, entityReport, markEntities, schemeOf } from './entities.js'
import { checkFeatures, type Feature, featuresOf, type TokenSequence } from './features.js'
import { taggerModel } from './model.js'
import { type TaggerSettings, taggerOptions, taggerSettings } from './options.js'
import { chainIn, predictions } from './predictions.js'
import { encoded, type Reading } from './reading.js'
import { saving, type TaggerParts } from './saved.js'

export type { TokenFeatures, TokenSequence } from './features.js'

/** Tokens, each with its tag. */
export interface TaggedTokens extends TokenSequence {
  readonly tags: readonly string[]
}

/** A sequence to tag: its tokens, or these with their features. */
export type TaggerInput = readonly string[] | TokenSequence

/** A token's tag, as predicted. */
export interface TagPrediction {
  readonly token: string
  /** The most probable tag, or with a CRF that of the most probable sequence of tags. */
  readonly tag: string
  /** Its probability at this token. */
  readonly probability: number
}

/** How well a tagger does on tagged sequences; classes are its tags, and examples are tokens. */
export interface TaggingEvaluation extends ClassReport, Partial<EntityReport> {
  /** The share of sequences with every tag right. */
  readonly sequenceAccuracy: number
  /** The mean of −log of the true tag's probability over all tokens. */
  readonly loss: number
  /** The number of tokens. */
  readonly count: number
  /** The number of sequences. */
  readonly sequences: number
  /**
   * If the tags mark entities (BIO, IOB, BIOES, BILOU, BMES): precision, recall and F1 over entities, which are right
   * if their type and both ends are, as in conlleval and seqeval.
   */
  readonly entities?: MeanMeasures
  /** The same for each type of entity. */
  readonly entityTypes?: readonly ClassMeasures[]
}

/**
 * Learns to tag every token of a sequence: an embedding, recurrent layers in both directions over ragged batches, and a
 * softmax over the tags at every step, or with `crf` a conditional random field over all of them.
 */
export class SequenceTagger extends ServedTask<TaggerParts, TaggerSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [taggerOptions, trainTaggerOptions] as const

  readonly #given: SequenceTaggerOptions

  /** `ERR_OPTION` for options that are unknown or out of range, or cannot be combined. */
  constructor(options: SequenceTaggerOptions = {}) {
    // Word vectors and encoders become part of the model.
    const { wordVectors, encoder, ...settings } = taggerSettings(options)
    super(saving, settings)
    this.#given = { ...options }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<SequenceTagger> {
    return new SequenceTagger().restored(directory)
  }

  /** The tags, in the order of the model's outputs; `ERR_STATE` before training. */
  get tags(): readonly string[] {
    return this.parts('tags').labels.names
  }

  /** The names of the features that are read of every token. */
  get features(): readonly string[] {
    return this.ready ? this.parts('features').features.map(({ name }) => name) : (this.settings.features ?? [])
  }

  /** @internal Whether a feature is of numbers; undefined before training. */
  readsNumbers(name: string): boolean | undefined {
    if (!this.ready) return undefined
    return this.parts('features').features.some((feature) => feature.name === name && feature.kind === 'number')
  }

  /**
   * Trains on tagged sequences and returns the losses and accuracies (over tokens) of the epochs. The vocabulary is
   * built from the training part only. A tagger that already has a model continues from its weights, vocabulary and
   * tags; meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as it was.
   * Rows may come one after another, and be more than fit into memory: one pass finds what is learned of all of them,
   * each epoch is another.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, also for options that are not those of the
   * `encoder`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError when the signal aborts.
   */
  async train(rows: Rows<TaggedTokens>, options: TrainTaggerOptions<TaggedTokens> = {}): Promise<History> {
    const settings = trainingSettings(this.where('train'), '{ tokens, tags }', options)
    return await this.learnRows(rows, settings, {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * Tags sequences of tokens; a tagger with `features` takes `{ tokens, features }`. Rejects with `ERR_STATE` before
   * training and with `ERR_DATA` for anything else, naming the position. For sequences that come one after another it
   * gives a data set of what it makes of them, in the same order, as they are read.
   */
  predict(sequences: readonly TaggerInput[], options?: PredictTextsOptions): Promise<TagPrediction[][]>
  predict(sequences: RowStream<TaggerInput>, options?: PredictTextsOptions): Dataset<TagPrediction[]>
  predict(
    sequences: Rows<TaggerInput>,
    options: PredictTextsOptions = {},
  ): Promise<TagPrediction[][]> | Dataset<TagPrediction[]> {
    if (!isStreamed(sequences)) return this.#predictAll(sequences as readonly TaggerInput[], options)
    const stream = sequences as RowStream<TaggerInput>
    return answersFor(this.where('predict'), stream, (some) => this.#predictAll(some, options))
  }

  async #predictAll(sequences: readonly TaggerInput[], options: PredictTextsOptions): Promise<TagPrediction[][]> {
    return await this.use('predict', async (parts, where) => {
      const { names } = parts.labels
      checkList(where, 'arrays of tokens', sequences)
      const given = sequences.map((sequence: unknown, row) => {
        const read = (isRecord(sequence) ? sequence : { tokens: sequence }) as unknown as TokenSequence
        checkSequence(`${where}: row ${row}`, read, parts.features)
        return read
      })
      const found = await predictions(
        parts.model,
        encoded(parts, given),
        names.length,
        predictionSettings(where, options),
      )
      return given.map(({ tokens }, row) =>
        tokens.map((token, step) => {
          const tag = found.tagAt(row, step)
          return { token, tag: names[tag] as string, probability: found.probability(row, step, tag) }
        }),
      )
    })
  }

  /**
   * Measures on tagged sequences. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the
   * row.
   */
  async evaluate(rows: Rows<TaggedTokens>, options: PredictTextsOptions = {}): Promise<TaggingEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
      const { labels } = parts
      const size = labels.names.length
      const confusion = new Confusion(labels.names)
      const sums = { loss: 0, count: 0, whole: 0 }
      const predicted: (readonly [readonly string[], readonly string[]])[] = []
      const measure = async (some: readonly TaggedTokens[]) => {
        checkRows(where, some, parts.features)
        const targets = targetsOf(where, labels, some)
        const found = await predictions(parts.model, encoded(parts, some), size, predictionSettings(where, options))
        for (const [row, tags] of targets.entries()) {
          let right = 0
          const best = Array.from(tags, (tag, step) => {
            const best = found.tagAt(row, step)
            confusion.add(tag, best)
            right += Number(best === tag)
            sums.loss += lossOf(found.probability(row, step, tag))
            return labels.names[best] as string
          })
          sums.count += tags.length
          sums.whole += Number(right === tags.length)
          predicted.push([(some[row] as TaggedTokens).tags, best])
        }
        return some
      }
      await inParts(where, rows, measure)
      const { loss, count, whole } = sums
      const sequences = predicted.length
      return shownReport({
        ...confusion.report(),
        ...{ sequenceAccuracy: whole / sequences, loss: loss / count, count, sequences },
        ...(markEntities(labels.names) && entityReport(predicted)),
      })
    })
  }

  async #prepare(
    where: string,
    rows: readonly TaggedTokens[],
    given: readonly TaggedTokens[] | undefined,
    settings: TrainingSettings<TaggedTokens>,
    known: TaggerParts | undefined,
  ): Promise<Training<TaggerParts, History>> {
    const { signal, batchSize } = settings
    const features = known?.features ?? (this.settings.features ?? []).map((name) => ({ name }))
    checkRows(where, rows, features)
    if (given) checkRows(`${where}: validationData`, given, features)
    throwIfAborted(signal)
    if (!known && given) tellUntaught(where, tagsOf(rows), tagsOf(given))
    const labels = known?.labels ?? Labels.of(tagsOf([...rows, ...(given ?? [])]))
    const targets = targetsOf(where, labels, rows)
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, this.settings.seed)
    const training = division.training.map((row) => rows[row] as TaggedTokens)
    const y = division.training.map((row) => targets[row] as Int32Array)
    const classWeight = weightsOf(where, settings.classWeight, labels.names, countsOf(labels.names.length, each(y)))
    const held = given ?? division.validation.map((row) => rows[row] as TaggedTokens)
    const heldTargets = targetsOf(`${where}: validationData`, labels, held)
    const all = [...rows, ...(given ?? [])]
    const { parts, beginning } = known ? { parts: known } : await this.#create(where, labels, training, all, signal)
    const validationData = held.length > 0 ? ([encoded(parts, held), heldTargets] as const) : undefined
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, y.length, batchSize)
    const loss = chainIn(parts.model) ? 'crf' : 'sparseCategoricalCrossentropy'
    const x = encoded(parts, training)
    const data = {
      ...({ x, y, validationData, rows: y.length, loss, metrics: ['accuracy'], classWeight } as const),
      unfreezing: fineTuning(where, beginning, settings),
    }
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs, ...division.kept }) }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<TaggedTokens>,
    given: readonly TaggedTokens[] | undefined,
    settings: TrainingSettings<TaggedTokens>,
    known: TaggerParts | undefined,
  ): Promise<Training<TaggerParts, History>> {
    const { signal, batchSize, validationSplit = defaultSplit } = settings
    const { seed } = this.settings
    const features = known?.features ?? (this.settings.features ?? []).map((name) => ({ name }))
    if (given) checkRows(`${where}: validationData`, given, features)
    const counts = new LabelCounts(tagsOf(given ?? []))
    const surveyed = await survey(all, {
      check: (rows) => {
        checkRows(where, rows, features)
        if (known) targetsOf(where, known.labels, rows)
      },
      keyOf: (row) => splitRow(row).key,
      count: ({ tags }, change) => {
        for (const tag of tags) counts.add(tag, change)
      },
      ...{ given, share: validationSplit, seed, signal },
    })
    if (!known && given) tellUntaught(where, counts.counted, tagsOf(given))
    const labels = known?.labels ?? Labels.of(counts.names)
    const { sample, held } = surveyed
    const heldTargets = targetsOf(`${where}: validationData`, labels, held)
    const seen = [...sample, ...held]
    const { parts, beginning } = known ? { parts: known } : await this.#create(where, labels, sample, seen, signal)
    const x = batchesOf(surveyed, { batchSize, seed }, async (rows) => ({
      x: encoded(parts, rows),
      y: targetsOf(where, labels, rows),
    }))
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, surveyed.rows, batchSize)
    const data = {
      ...{ x, rows: surveyed.rows },
      loss: chainIn(parts.model) ? ('crf' as const) : ('sparseCategoricalCrossentropy' as const),
      metrics: ['accuracy'] as const,
      validationData: held.length > 0 ? ([encoded(parts, held), heldTargets] as const) : undefined,
      classWeight: weightsOf(where, settings.classWeight, labels.names, counts.of(labels.names)),
      unfreezing: fineTuning(where, beginning, settings),
    }
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs }) }
  }

  async #create(
    where: string,
    labels: Labels,
    training: readonly TaggedTokens[],
    all: readonly TaggedTokens[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly parts: TaggerParts; readonly beginning?: Beginning | undefined }> {
    const tokens = training.map((row) => row.tokens)
    const { minFrequency } = this.settings
    const frequent = Vocabulary.of(tokens, minFrequency ?? 2)
    const enough = minFrequency !== undefined || knownShare(frequent, tokens) >= 0.75
    const own = enough ? frequent : Vocabulary.of(tokens, 1)
    const { wordVectors, encoder: given } = this.#given
    // The reader of files is loaded when one is read.
    const read = wordVectors === undefined ? undefined : await import('./wordVectors.js')
    const words = await read?.pretrainedWords(where, wordVectors as string | URL, own, signal)
    const encoder = given === undefined ? undefined : await readEncoder(given)
    if (encoder) {
      checkAgrees(where, this.#given, encoder.settings)
      this.settings = { ...this.settings, ...encoder.settings }
    }
    const joined = encoder && encoderVocabulary(where, encoder, own)
    const { vocabulary } = joined ?? words ?? { vocabulary: own }
    const features = featuresOf(this.settings.features ?? [], training)
    const characters = this.settings.characters ? Characters.of(tokens) : undefined
    const reading: Reading = {
      vocabulary,
      lowercase: words !== undefined || encoder?.lowercase === true,
      characters,
      features,
    }
    const scheme = this.settings.crf ? schemeFor(where, labels.names, all) : undefined
    const model = taggerModel(this.settings, reading, words, { names: labels.names, scheme })
    const beginning = joined && readingLayers(model.layers, joined.origins)
    if (encoder && beginning) beginWith(where, beginning, encoder)
    return { parts: { ...reading, model, labels }, beginning }
  }
}

const splitRow = ({ tokens, tags }: TaggedTokens): SplitRow => ({ key: tokens.join('\u0000'), classes: tags })

function knownShare(vocabulary: Vocabulary, sequences: readonly (readonly string[])[]): number {
  let [known, all] = [0, 0]
  for (const tokens of sequences) {
    all += tokens.length
    for (const token of tokens) known += Number(vocabulary.has(token))
  }
  return known / all
}

function* tagsOf(rows: readonly TaggedTokens[]): Generator<string> {
  for (const { tags } of rows) yield* tags
}

function* each(lists: readonly Int32Array[]): Generator<number> {
  for (const list of lists) yield* list
}

function targetsOf(where: string, labels: Labels, rows: readonly TaggedTokens[]): Int32Array[] {
  return rows.map(({ tags }, row) => Int32Array.from(tags, (tag) => labels.indexOf(`${where}: row ${row}`, tag)))
}

/** The scheme of the tags, if all rows keep to it. */
function schemeFor(where: string, names: readonly string[], rows: readonly TaggedTokens[]): TagScheme | undefined {
  const found = schemeOf(
    names,
    rows.map(({ tags }) => tags),
  )
  if (typeof found !== 'object') return found
  const { scheme, row, at } = found
  const { tags } = rows[row] as TaggedTokens
  const [before, after] = [tags[at - 1], tags[at]].map((tag) => (tag === undefined ? 'the end' : describe(tag)))
  warn(
    'WARN_TAGS',
    `${where}: row ${row} breaks the scheme ${scheme} at token ${at} (${after} after ${at === 0 ? 'the beginning' : before}), so that any tag may follow any other`,
  )
  return undefined
}

type Known = readonly (Feature | Pick<Feature, 'name'>)[]

function checkSequence(place: string, sequence: TokenSequence, features: Known): void {
  checkStrings(place, 'tokens', sequence.tokens)
  const names = features.map(({ name }) => name)
  checkFeatures(place, names, sequence, features.filter((feature) => 'kind' in feature) as Feature[])
}

function checkRows(where: string, rows: readonly TaggedTokens[], features: Known): void {
  checkList(where, '{ tokens, tags }', rows)
  rows.forEach((row: unknown, index) => {
    const place = `${where}: row ${index}`
    if (!isRecord(row)) throw new SeqloomError('ERR_DATA', `${place} must be { tokens, tags }, not ${describe(row)}`)
    checkSequence(place, row as unknown as TokenSequence, features)
    checkStrings(place, 'tags', row.tags)
    const [tokens, tags] = [row.tokens as string[], row.tags as string[]]
    if (tokens.length !== tags.length) {
      throw new SeqloomError('ERR_DATA', `${place} has ${tokens.length} tokens but ${tags.length} tags`)
    }
  })
}

function checkStrings(place: string, what: string, list: unknown): void {
  if (!Array.isArray(list) || list.length === 0 || !list.every((item) => typeof item === 'string')) {
    throw new SeqloomError('ERR_DATA', `${place}: ${what} must be an array of strings, with at least one`)
  }
}
