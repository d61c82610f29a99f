import type { History } from '../../callbacks/callback.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import type { PredictTextsOptions, SequenceTaggerOptions, TrainClassifierOptions } from '../optionTypes.js'
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
import { labellingModel } from '../shared/labellingModel.js'
import { Labels } from '../shared/labels.js'
import { checkList } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import { ServedTask } from '../shared/task.js'
import { predictionSettings, type TrainingSettings, trainingSettings, usualEpochs } from '../shared/training.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { defaultEpochs } from '../shared/work.js'
import { type EntityReport, entityReport, markEntities } from './entities.js'
import { type TaggerSettings, taggerSettings } from './options.js'
import { saving, type TaggerParts } from './saved.js'

/** Tokens, each with its tag. */
export interface TaggedTokens {
  readonly tokens: readonly string[]
  readonly tags: readonly string[]
}

/** A token's tag, as predicted. */
export interface TagPrediction {
  readonly token: string
  /** The most probable tag. */
  readonly tag: string
  /** Its probability. */
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
 * softmax over the tags at every step.
 */
export class SequenceTagger extends ServedTask<TaggerParts, TaggerSettings> {
  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: SequenceTaggerOptions = {}) {
    super(saving, taggerSettings(options))
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<SequenceTagger> {
    return new SequenceTagger().restored(directory)
  }

  /** The tags, in the order of the model's outputs; `ERR_STATE` before training. */
  get tags(): readonly string[] {
    return this.parts('tags').labels.names
  }

  /**
   * Trains on tagged sequences and returns the losses and accuracies (over tokens) of the epochs. The vocabulary is
   * built from the training part only. A tagger that already has a model continues from its weights, vocabulary and
   * tags; meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as it was.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another
   * training runs, and an AbortError when the signal aborts.
   */
  async train(rows: readonly TaggedTokens[], options: TrainClassifierOptions<TaggedTokens> = {}): Promise<History> {
    const settings = trainingSettings(this.where('train'), '{ tokens, tags }', options)
    return await this.learn(settings.signal, (where, known) => this.#prepare(where, rows, settings, known))
  }

  /**
   * Tags sequences of tokens. Rejects with `ERR_STATE` before training and with `ERR_DATA` for anything but tokens,
   * naming the position.
   */
  async predict(
    sequences: readonly (readonly string[])[],
    options: PredictTextsOptions = {},
  ): Promise<TagPrediction[][]> {
    return await this.use('predict', async (parts, where) => {
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

  /**
   * Measures on tagged sequences. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the
   * row.
   */
  async evaluate(rows: readonly TaggedTokens[], options: PredictTextsOptions = {}): Promise<TaggingEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
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
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, this.settings.seed)
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
    const { minFrequency } = this.settings
    const frequent = Vocabulary.of(tokens, minFrequency ?? 2)
    const enough = minFrequency !== undefined || knownShare(frequent, tokens) >= 0.75
    const vocabulary = enough ? frequent : Vocabulary.of(tokens, 1)
    const model = labellingModel(this.settings, vocabulary.size, labels.names.length, true)
    return { model, vocabulary, labels }
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
