import type { History } from '../callbacks/callback.js'
import { describe, SeqloomError } from '../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../model/index.js'
import { checkOptions, flag, given, integer, isRecord, number, oneOf, seed } from '../options.js'
import { readAsset } from './assets.js'
import { labellingModel } from './classifierModel.js'
import {
  type PredictTextsOptions,
  predictionSettings,
  type TextClassifierOptions,
  type TrainClassifierOptions,
  trainingSettings,
} from './classifierOptions.js'
import { largest } from './evaluation.js'
import { divide, fitTask, throwIfAborted } from './fitTask.js'
import { Labels } from './labels.js'
import { checkList } from './rows.js'
import { Vocabulary } from './vocabulary.js'

/** Tokens, each with its tag. */
export interface TaggedTokens {
  readonly tokens: readonly string[]
  readonly tags: readonly string[]
}

/** How a tagger is built. */
export interface SequenceTaggerOptions
  extends Omit<TextClassifierOptions, 'tokenizer' | 'maxVocabulary' | 'maxLength'> {
  /** How often a token must occur in the training rows to be told apart from unknown ones; default 2, so that there are unknown ones to learn from. */
  readonly minFrequency?: number
}

const defaults = {
  cell: 'lstm',
  bidirectional: true,
  layers: 1,
  units: 64,
  embedding: 64,
  dropout: 0,
  minFrequency: 2,
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

/** How well a tagger does on tagged sequences. */
export interface TaggingEvaluation {
  /** The share of tokens whose tag is predicted. */
  readonly accuracy: number
  /** The share of sequences with every tag right. */
  readonly sequenceAccuracy: number
  /** The mean of −log of the true tag's probability over all tokens. */
  readonly loss: number
  /** The number of tokens. */
  readonly count: number
  /** The number of sequences. */
  readonly sequences: number
}

interface TaggerParts {
  readonly model: Sequential
  readonly vocabulary: Vocabulary
  readonly labels: Labels
  restored?: boolean
  unfinished?: boolean
}

const vocabularyFile = 'vocabulary.json'
const tagsFile = 'tags.json'

/** Learns to tag every token of a sequence: an embedding, recurrent layers in both directions over ragged batches, a softmax over the tags at every step. */
export class SequenceTagger {
  readonly #settings: SequenceTaggerOptions & Required<Pick<SequenceTaggerOptions, keyof typeof defaults>>
  #parts: TaggerParts | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: SequenceTaggerOptions = {}) {
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
    this.#settings = { ...defaults, ...given(options) }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<SequenceTagger> {
    const { folder, model, assets, unfinished } = await loadFolder(directory, 'tagging')
    const read = (name: string) => readAsset(folder, 'sequence tagger', assets, name)
    const vocabulary = Vocabulary.parse(read(vocabularyFile))
    const labels = Labels.parse(JSON.stringify(read(tagsFile)))
    const outputs = model instanceof Sequential ? model.topology().outputs[0]?.shape : undefined
    if (!(model instanceof Sequential) || outputs?.length !== 3 || outputs[2] !== labels.names.length) {
      throw new SeqloomError('ERR_FORMAT', `${folder} is no sequence tagger of ${labels.names.length} tags`)
    }
    const tagger = new SequenceTagger()
    tagger.#parts = { model, vocabulary, labels, unfinished }
    return tagger
  }

  /** The tags, in the order of the model's outputs; `ERR_STATE` before training. */
  get tags(): readonly string[] {
    return this.#existing().labels.names
  }

  /** The model itself; `ERR_STATE` before training. */
  get model(): Sequential {
    return this.#existing().model
  }

  /**
   * Trains on tagged sequences and returns the losses and accuracies (over tokens) of the epochs. The vocabulary is built from the training part
   * only. A tagger that has a model already goes on from its weights, vocabulary and tags.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(rows: readonly TaggedTokens[], options: TrainClassifierOptions<TaggedTokens> = {}): Promise<History> {
    const where = 'SequenceTagger.train'
    const settings = trainingSettings(where, '{ tokens, tags }', options)
    checkRows(where, rows)
    if (settings.validationData) checkRows(`${where}: validationData`, settings.validationData)
    throwIfAborted(settings.signal)
    const { training, validation } = divide(rows, settings, this.#settings.seed)
    const parts = this.#parts ?? this.#create(training, validation)
    const [x, y] = encodeRows(parts, training)
    const validationData = validation.length > 0 ? encodeRows(parts, validation) : undefined
    this.#parts = parts
    return await fitTask(parts, { x, y, validationData, rows: training.length, metrics: ['accuracy'] }, settings)
  }

  /** Tags sequences of tokens. Rejects with `ERR_STATE` before training and with `ERR_DATA` for what are not tokens, naming the place. */
  async predict(
    sequences: readonly (readonly string[])[],
    options: PredictTextsOptions = {},
  ): Promise<TagPrediction[][]> {
    const where = 'SequenceTagger.predict'
    const names = this.tags
    checkList(where, 'arrays of tokens', sequences)
    for (const [row, tokens] of sequences.entries()) checkStrings(`${where}: row ${row}`, 'tokens', tokens)
    const { data, offsetOf } = await this.#probabilities(where, sequences, options)
    return sequences.map((tokens, row) =>
      tokens.map((token, step) => {
        const offset = offsetOf(row, step)
        const best = largest(data, offset, names.length)
        return { token, tag: names[best] as string, probability: data[offset + best] as number }
      }),
    )
  }

  /** Measures on tagged sequences. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. */
  async evaluate(rows: readonly TaggedTokens[], options: PredictTextsOptions = {}): Promise<TaggingEvaluation> {
    const where = 'SequenceTagger.evaluate'
    const { labels } = this.#existing()
    checkRows(where, rows)
    const targets = rows.map(({ tags }, row) => tags.map((tag) => labels.indexOf(tag, row)))
    const tokens = rows.map((row) => row.tokens)
    const { data, offsetOf } = await this.#probabilities(where, tokens, options)
    const sums = { right: 0, loss: 0, count: 0, whole: 0 }
    for (const [row, tags] of targets.entries()) {
      let right = 0
      for (const [step, tag] of tags.entries()) {
        const offset = offsetOf(row, step)
        right += Number(largest(data, offset, labels.names.length) === tag)
        sums.loss -= Math.log(Math.max(data[offset + tag] as number, 1e-7))
      }
      sums.right += right
      sums.count += tags.length
      sums.whole += Number(right === tags.length)
    }
    const { right, loss, count, whole } = sums
    const sequences = rows.length
    return { accuracy: right / count, sequenceAccuracy: whole / sequences, loss: loss / count, count, sequences }
  }

  /** Saves model, vocabulary and tags in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    const { model, vocabulary, labels, restored = false, unfinished = false } = this.#existing()
    const assets = { [vocabularyFile]: JSON.stringify(vocabulary.tokens), [tagsFile]: JSON.stringify(labels) }
    const contents = { model, task: 'tagging', assets, withoutOptimizerState: restored, unfinished } as const
    await saveFolder(directory, contents, options)
  }

  async #probabilities(where: string, sequences: readonly (readonly string[])[], options: PredictTextsOptions) {
    const { model, vocabulary, labels } = this.#existing()
    const settings = predictionSettings(where, options)
    const { data, shape } = await model.predict(
      sequences.map((tokens) => vocabulary.encode(tokens)),
      settings,
    )
    const [classes, steps] = [labels.names.length, shape[1] as number]
    return { data, offsetOf: (row: number, step: number) => (row * steps + step) * classes }
  }

  #create(training: readonly TaggedTokens[], validation: readonly TaggedTokens[]): TaggerParts {
    const tags = [...training, ...validation].flatMap((row) => row.tags)
    const labels = Labels.of(tags)
    const tokens = training.map((row) => row.tokens)
    const vocabulary = Vocabulary.of(tokens, this.#settings.minFrequency)
    const model = labellingModel(this.#settings, vocabulary.size, labels.names.length, true)
    return { model, vocabulary, labels }
  }

  #existing(): TaggerParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError(
      'ERR_STATE',
      'SequenceTagger: there is no model yet; call train or SequenceTagger.load first',
    )
  }
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

function encodeRows({ vocabulary, labels }: TaggerParts, rows: readonly TaggedTokens[]): [Int32Array[], Int32Array[]] {
  return [
    rows.map((row) => vocabulary.encode(row.tokens)),
    rows.map((row, index) => Int32Array.from(row.tags, (tag) => labels.indexOf(tag, index))),
  ]
}
