import '../../dispose.js'
import type { History } from '../../callbacks/callback.js'
import { describe, SeqloomError } from '../../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../../model/index.js'
import { checkOptions, flag, given, integer, isRecord, number, oneOf, seed } from '../../options.js'
import { readAsset } from '../shared/assets.js'
import { weightsOf } from '../shared/classWeights.js'
import { divide } from '../shared/division.js'
import {
  type ClassMeasures,
  type ClassReport,
  Confusion,
  largest,
  lossOf,
  type MeanMeasures,
} from '../shared/evaluation.js'
import { fitTask, throwIfAborted } from '../shared/fitTask.js'
import { checkReads, checkWrites } from '../shared/fitting.js'
import type { Trainee } from '../shared/keepBest.js'
import { labellingModel } from '../shared/labellingModel.js'
import { Labels } from '../shared/labels.js'
import { checkList } from '../shared/rows.js'
import { readSettings, savedSettings } from '../shared/savedSettings.js'
import { Served, type Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import {
  type PredictTextsOptions,
  predictionSettings,
  type TextClassifierOptions,
  type TrainClassifierOptions,
  type TrainingSettings,
  trainingSettings,
  usualEpochs,
} from '../shared/training.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { defaultEpochs } from '../shared/work.js'
import { type EntityReport, entityReport, markEntities } from './entities.js'

/** Tokens, each with its tag. */
export interface TaggedTokens {
  readonly tokens: readonly string[]
  readonly tags: readonly string[]
}

/** How a tagger is built. */
export interface SequenceTaggerOptions
  extends Omit<TextClassifierOptions, 'tokens' | 'tokenizer' | 'maxVocabulary' | 'maxLength'> {
  /**
   * How often a token must occur in the training rows to be told apart from unknown ones; default 2, so that there are unknown ones to learn from, or 1
   * where that would leave more than a quarter of the tokens unknown.
   */
  readonly minFrequency?: number
}

const defaults = {
  cell: 'lstm',
  bidirectional: true,
  layers: 1,
  units: 64,
  embedding: 64,
  dropout: 0,
  seed: 0,
} as const

/** A token's tag, as predicted. */
export interface TagPrediction {
  readonly token: string
  /** The most probable tag. */
  readonly tag: string
  /** Its probability. */
  readonly probability: number
}

/** How well a tagger does on tagged sequences; classes are its tags, examples tokens. */
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
   * Where the tags mark entities (BIO, IOB, BIOES, BILOU, BMES): precision, recall and F1 over entities whose type and both ends are right, as
   * conlleval and seqeval count them.
   */
  readonly entities?: MeanMeasures
  /** The same for each type of entity. */
  readonly entityTypes?: readonly ClassMeasures[]
}

interface TaggerParts extends Trainee {
  readonly model: Sequential
  readonly vocabulary: Vocabulary
  readonly labels: Labels
}

const vocabularyFile = 'vocabulary.json'
const tagsFile = 'tags.json'

/** Learns to tag every token of a sequence: an embedding, recurrent layers in both directions over ragged batches, a softmax over the tags at every step. */
export class SequenceTagger implements Disposable {
  #settings: TaggerSettings
  readonly #served = new Served<TaggerParts>('SequenceTagger')

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: SequenceTaggerOptions = {}) {
    this.#settings = taggerSettings(options)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<SequenceTagger> {
    const { folder, model, assets, metadata, unfinished } = await loadFolder(directory, 'tagging')
    const read = (name: string) => readAsset(folder, 'sequence tagger', assets, name)
    const vocabulary = Vocabulary.parse(read(vocabularyFile))
    const labels = Labels.parse(JSON.stringify(read(tagsFile)))
    if (!(model instanceof Sequential) || model.outputs[0]?.shape.length !== 3) {
      throw new SeqloomError(
        'ERR_FORMAT',
        `${folder} is no sequence tagger: its model does not give a tag for each token`,
      )
    }
    const saved = { folder, kind: 'tagging', model } as const
    checkReads(saved, vocabulary.size, `tokens in ${vocabularyFile}`)
    checkWrites(saved, 0, labels.names.length, `tags in ${tagsFile}`)
    const tagger = new SequenceTagger()
    tagger.#settings = readSettings(folder, metadata.settings, taggerSettings)
    tagger.#served.load({ model, vocabulary, labels, unfinished })
    return tagger
  }

  /** Whether there is a model: the first training has begun and was not in vain, or the tagger was loaded. */
  get ready(): boolean {
    return this.#served.ready
  }

  /** The tags, in the order of the model's outputs; `ERR_STATE` before training. */
  get tags(): readonly string[] {
    return this.#served.parts('SequenceTagger.tags').labels.names
  }

  /** The model itself, which is in training while {@link train} runs; `ERR_STATE` before training. */
  get model(): Sequential {
    return this.#served.parts('SequenceTagger.model').model
  }

  /**
   * Trains on tagged sequences and returns the losses and accuracies (over tokens) of the epochs. The vocabulary is built from the training part
   * only. A tagger that has a model already goes on from its weights, vocabulary and tags; meanwhile a copy of what it was answers other calls, and a
   * training that fails leaves it as it was.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError
   * when the signal aborts.
   */
  async train(rows: readonly TaggedTokens[], options: TrainClassifierOptions<TaggedTokens> = {}): Promise<History> {
    const where = 'SequenceTagger.train'
    const settings = trainingSettings(where, '{ tokens, tags }', options)
    return await this.#served.train(where, settings.signal, (known) => this.#prepare(where, rows, settings, known))
  }

  /** Tags sequences of tokens. Rejects with `ERR_STATE` before training and with `ERR_DATA` for what are not tokens, naming the place. */
  async predict(
    sequences: readonly (readonly string[])[],
    options: PredictTextsOptions = {},
  ): Promise<TagPrediction[][]> {
    const where = 'SequenceTagger.predict'
    return await this.#served.use(where, async (parts) => {
      const { names } = parts.labels
      checkList(where, 'arrays of tokens', sequences)
      for (const [row, tokens] of sequences.entries()) checkStrings(`${where}: row ${row}`, 'tokens', tokens)
      const { data, offsetOf } = await probabilitiesOf(where, parts, sequences, options)
      return sequences.map((tokens, row) =>
        tokens.map((token, step) => {
          const offset = offsetOf(row, step)
          const best = largest(data, offset, names.length)
          return { token, tag: names[best] as string, probability: data[offset + best] as number }
        }),
      )
    })
  }

  /** Measures on tagged sequences. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. */
  async evaluate(rows: readonly TaggedTokens[], options: PredictTextsOptions = {}): Promise<TaggingEvaluation> {
    const where = 'SequenceTagger.evaluate'
    return await this.#served.use(where, async (parts) => {
      const { labels } = parts
      checkRows(where, rows)
      const targets = targetsOf(where, labels, rows)
      const tokens = rows.map((row) => row.tokens)
      const { data, offsetOf } = await probabilitiesOf(where, parts, tokens, options)
      const confusion = new Confusion(labels.names)
      const sums = { loss: 0, count: 0, whole: 0 }
      const predicted = targets.map((tags, row) => {
        let right = 0
        const found = Array.from(tags, (tag, step) => {
          const offset = offsetOf(row, step)
          const best = largest(data, offset, labels.names.length)
          confusion.add(tag, best)
          right += Number(best === tag)
          sums.loss += lossOf(data[offset + tag] as number)
          return labels.names[best] as string
        })
        sums.count += tags.length
        sums.whole += Number(right === tags.length)
        return [(rows[row] as TaggedTokens).tags, found] as const
      })
      const { loss, count, whole } = sums
      const sequences = rows.length
      return {
        ...confusion.report(),
        ...{ sequenceAccuracy: whole / sequences, loss: loss / count, count, sequences },
        ...(markEntities(labels.names) && entityReport(predicted)),
      }
    })
  }

  /** Saves model, vocabulary and tags in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await this.#served.use('SequenceTagger.save', async (parts) => {
      const { model, vocabulary, labels, restored = false, unfinished = false } = parts
      const assets = { [vocabularyFile]: JSON.stringify(vocabulary.tokens), [tagsFile]: JSON.stringify(labels) }
      const metadata = { task: 'tagging', settings: savedSettings(this.#settings) }
      const contents = { model, assets, metadata, withoutOptimizerState: restored, unfinished }
      await saveFolder(directory, contents, options)
    })
  }

  /** Refuses further calls with `ERR_STATE`, waits for those that run, a training included, and frees the model. */
  async dispose(): Promise<void> {
    await this.#served.dispose()
  }

  /** As {@link dispose}, without waiting. */
  [Symbol.dispose](): void {
    void this.#served.dispose()
  }

  async #prepare(
    where: string,
    rows: readonly TaggedTokens[],
    settings: TrainingSettings<TaggedTokens>,
    known: TaggerParts | undefined,
  ): Promise<Training<TaggerParts, History>> {
    const { validationData: given, signal, batchSize } = settings
    checkRows(where, rows)
    if (given) checkRows(`${where}: validationData`, given)
    throwIfAborted(signal)
    const labels = known?.labels ?? Labels.of(tagsOf([...rows, ...(given ?? [])]))
    const targets = targetsOf(where, labels, rows)
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, this.#settings.seed)
    const training = division.training.map((row) => rows[row] as TaggedTokens)
    const y = division.training.map((row) => targets[row] as Int32Array)
    const classWeight = weightsOf(where, settings.classWeight, labels.names, each(y))
    const held = given ?? division.validation.map((row) => rows[row] as TaggedTokens)
    const heldTargets = targetsOf(`${where}: validationData`, labels, held)
    const parts = known ?? this.#create(labels, training)
    const encode = (some: readonly TaggedTokens[]) => some.map(({ tokens }) => parts.vocabulary.encode(tokens))
    const validationData = held.length > 0 ? ([encode(held), heldTargets] as const) : undefined
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, y.length, batchSize)
    const data = { x: encode(training), y, validationData, rows: y.length, metrics: ['accuracy'], classWeight } as const
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs, ...division.kept }) }
  }

  #create(labels: Labels, training: readonly TaggedTokens[]): TaggerParts {
    const tokens = training.map((row) => row.tokens)
    const { minFrequency } = this.#settings
    const frequent = Vocabulary.of(tokens, minFrequency ?? 2)
    const enough = minFrequency !== undefined || knownShare(frequent, tokens) >= 0.75
    const vocabulary = enough ? frequent : Vocabulary.of(tokens, 1)
    const model = labellingModel(this.#settings, vocabulary.size, labels.names.length, true)
    return { model, vocabulary, labels }
  }
}

type TaggerSettings = SequenceTaggerOptions & Required<Pick<SequenceTaggerOptions, keyof typeof defaults>>

function taggerSettings(options: SequenceTaggerOptions): TaggerSettings {
  checkOptions('SequenceTagger', options, {
    accepted: {
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      bidirectional: flag,
      layers: integer(1, 64),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      minFrequency: integer(1),
      seed,
    },
  })
  return { ...defaults, ...given(options) }
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

async function probabilitiesOf(
  where: string,
  { model, vocabulary, labels }: TaggerParts,
  sequences: readonly (readonly string[])[],
  options: PredictTextsOptions,
) {
  const settings = predictionSettings(where, options)
  const { data, shape } = await model.predict(
    sequences.map((tokens) => vocabulary.encode(tokens)),
    settings,
  )
  const [classes, steps] = [labels.names.length, shape[1] as number]
  return { data, offsetOf: (row: number, step: number) => (row * steps + step) * classes }
}

function checkRows(where: string, rows: readonly TaggedTokens[]): void {
  checkList(where, '{ tokens, tags }', rows)
  rows.forEach((row: unknown, index) => {
    const place = `${where}: row ${index}`
    if (!isRecord(row)) throw new SeqloomError('ERR_DATA', `${place} must be { tokens, tags }, not ${describe(row)}`)
    checkStrings(place, 'tokens', row.tokens)
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
