import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { isStreamed } from '../../data/sources.js'
import { checkTexts, type Tokenizer } from '../../text/tokenizer.js'
import type { PredictTextsOptions, TextClassifierOptions, TrainClassifierOptions } from '../optionTypes.js'
import { answersFor, inParts } from '../shared/answers.js'
import { countsOf, weightsOf } from '../shared/classWeights.js'
import { defaultSplit, divide } from '../shared/division.js'
import {
  type Beginning,
  beginWith,
  checkAgrees,
  encoderTokenizer,
  fineTuning,
  readEncoder,
  readingLayers,
  sameIds,
} from '../shared/encoder.js'
import { Comparison, type Evaluation, largest } from '../shared/evaluation.js'
import { fitTask, throwIfAborted } from '../shared/fitTask.js'
import { labellingModel } from '../shared/labellingModel.js'
import { LabelCounts, Labels, tellUntaught } from '../shared/labels.js'
import { classifierLooks } from '../shared/looks.js'
import { checkNotEmpty, type RowStream, type Rows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import { batchesOf, survey } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import { textTokenizer } from '../shared/textTokenizer.js'
import {
  type ClassifierTraining,
  predictionSettings,
  rowsLike,
  trainClassifierOptions,
  usualEpochs,
} from '../shared/training.js'
import { checkUnknown, tellUnknown } from '../shared/unknown.js'
import { defaultEpochs } from '../shared/work.js'
import { type ExplainOptions, type Explanation, explained } from './explain.js'
import { type ClassifierSettings, classifierOptions, classifierSettings } from './options.js'
import { checkExchanged, checkRows, type LabelledText } from './rows.js'
import { type ClassifierParts, saving } from './saved.js'

export type { ExplainOptions, Explanation } from './explain.js'
export type { LabelledText } from './rows.js'

/** A text's label, as predicted. */
export interface Prediction {
  /** The most probable label. */
  readonly label: string
  /** Its probability. */
  readonly probability: number
  /** The probability of every label. */
  readonly probabilities: Readonly<Record<string, number>>
}

/** A text, and its label as predicted. */
export interface LabelledPrediction extends Prediction {
  readonly text: string
}

/**
 * Learns to label texts: a vocabulary of the training rows' words, an embedding, recurrent layers over ragged batches,
 * and a softmax over the labels at the last step. With an `encoder`, which has learned to say something of every step,
 * the labels are told from the largest and the mean values of all steps.
 */
export class TextClassifier extends ServedTask<ClassifierParts, ClassifierSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [classifierOptions, trainClassifierOptions] as const

  readonly #given: TextClassifierOptions

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TextClassifierOptions = {}) {
    // Its encoder becomes part of the model.
    const { encoder, ...settings } = classifierSettings(options)
    super(saving, settings)
    this.#given = { ...options }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<TextClassifier> {
    return new TextClassifier().restored(directory)
  }

  /** The labels, in the order of the model's outputs; `ERR_STATE` before training. */
  get labels(): readonly string[] {
    return this.parts('labels').labels.names
  }

  /** The tokenizer, with its vocabulary; `ERR_STATE` before training. */
  get tokenizer(): Tokenizer {
    return this.parts('tokenizer').tokenizer
  }

  /**
   * Trains on labelled texts and returns the losses and accuracies of the epochs. The vocabulary is built from the
   * training part only. A classifier that already has a model continues from its weights, vocabulary and labels;
   * meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as it was.
   *
   * Rows that come one after another, such as those of `data.csv`, may be more than fit into memory: one pass finds the
   * labels, a sample to build the vocabulary from and the validation part, and each epoch is a pass.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row, and its file), `ERR_OPTION`, also for options that are not
   * those of the `encoder`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError when the signal
   * aborts.
   */
  async train(rows: Rows<LabelledText>, options: TrainClassifierOptions = {}): Promise<History> {
    const where = this.where('train')
    const settings = trainClassifierOptions.read(where, options, rowsLike(where, '{ text, label }', options))
    return await this.learnRows(rows, settings, {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * Labels texts. Rejects with `ERR_STATE` before training and with `ERR_DATA` for anything but texts, naming the
   * position. For texts that come one after another it gives a data set of predictions with their texts, in the same
   * order, which are made as they are read.
   *
   * ```ts
   * await data.write(classifier.predict(texts), 'labels.jsonl')
   * ```
   */
  predict(texts: readonly string[], options?: PredictTextsOptions): Promise<Prediction[]>
  predict(texts: RowStream<string>, options?: PredictTextsOptions): Dataset<LabelledPrediction>
  predict(texts: Rows<string>, options: PredictTextsOptions = {}): Promise<Prediction[]> | Dataset<LabelledPrediction> {
    if (!isStreamed(texts)) return this.#predictAll(texts as readonly string[], options)
    return answersFor(this.where('predict'), texts as RowStream<string>, async (some) => {
      const predictions = await this.#predictAll(some, options)
      return predictions.map((prediction, at) => ({ text: some[at] as string, ...prediction }))
    })
  }

  async #predictAll(texts: readonly string[], options: PredictTextsOptions): Promise<Prediction[]> {
    return await this.use('predict', async (parts, where) => {
      checkTexts(where, texts)
      checkNotEmpty(where, texts)
      const probabilities = await probabilitiesOf(where, parts, texts, options)
      const { names } = parts.labels
      return texts.map((_, row) => {
        const offset = row * names.length
        const best = largest(probabilities, offset, names.length)
        return {
          label: names[best] as string,
          probability: probabilities[offset + best] as number,
          probabilities: Object.fromEntries(
            names.map((name, index) => [name, probabilities[offset + index] as number]),
          ),
        }
      })
    })
  }

  /**
   * What in each text speaks for a label, or against it: for every token that the model reads, its part of the label's
   * probability (`inspect.saliency`). Rejects with `ERR_STATE` before training, `ERR_DATA` for anything but texts,
   * naming the position, and `ERR_OPTION` for a label that was not learned.
   */
  async explain(texts: readonly string[], options: ExplainOptions = {}): Promise<Explanation[]> {
    return await this.use('explain', async (parts, where) => await explained(where, parts, texts, options))
  }

  /**
   * Measures on labelled texts, also on more than fit into memory. Rejects with `ERR_STATE` before training and with
   * `ERR_DATA` for bad rows, naming the row, and its file.
   */
  async evaluate(rows: Rows<LabelledText>, options: PredictTextsOptions = {}): Promise<Evaluation> {
    return await this.use('evaluate', async (parts, where) => {
      const comparison = new Comparison(parts.labels.names)
      const measure = async (some: readonly LabelledText[]) => {
        checkRows(where, some)
        const targets = targetsOf(where, parts.labels, some)
        const texts = some.map((row) => row.text)
        comparison.add(targets, await probabilitiesOf(where, parts, texts, options))
        return some
      }
      await inParts(where, rows, measure)
      return comparison.report()
    })
  }

  async #prepare(
    where: string,
    rows: readonly LabelledText[],
    given: readonly LabelledText[] | undefined,
    settings: ClassifierTraining,
    known: ClassifierParts | undefined,
  ): Promise<Training<ClassifierParts, History>> {
    const { signal, batchSize } = settings
    checkRows(where, rows)
    if (given) checkRows(`${where}: validationData`, given)
    throwIfAborted(signal)
    if (!known) checkExchanged(where, rows)
    if (!known && given) tellUntaught(where, rows.map(labelOf), given.map(labelOf))
    const labels = known?.labels ?? Labels.of([...rows, ...(given ?? [])].map(labelOf))
    const targets = targetsOf(where, labels, rows)
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, this.settings.seed)
    const training = division.training.map((row) => rows[row] as LabelledText)
    const y = Int32Array.from(division.training, (row) => targets[row] as number)
    const classWeight = weightsOf(where, settings.classWeight, labels.names, countsOf(labels.names.length, y))
    const held = given ?? division.validation.map((row) => rows[row] as LabelledText)
    const heldTargets = targetsOf(`${where}: validationData`, labels, held)
    const { parts, beginning } = known ? { parts: known } : await this.#create(where, labels, training, signal)
    const x = await encode(parts, training, signal)
    checkUnknown(where, parts.tokenizer, x, { ...settings, parts, further: known !== undefined })
    const heldIds = await encode(parts, held, signal)
    tellUnknown(where, parts.tokenizer, heldIds)
    const validationData = held.length > 0 ? ([heldIds, heldTargets] as const) : undefined
    throwIfAborted(signal)
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, y.length, batchSize)
    const data = {
      ...({ x, y, validationData, rows: y.length, metrics: ['accuracy'], classWeight } as const),
      unfreezing: fineTuning(where, beginning, settings),
    }
    const looks = validationData
      ? classifierLooks(heldIds, heldTargets, labels.names, parts.tokenizer)
      : classifierLooks(x, y, labels.names, parts.tokenizer)
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs, ...division.kept, looks }) }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<LabelledText>,
    given: readonly LabelledText[] | undefined,
    settings: ClassifierTraining,
    known: ClassifierParts | undefined,
  ): Promise<Training<ClassifierParts, History>> {
    const { signal, batchSize, validationSplit = defaultSplit } = settings
    const { seed } = this.settings
    if (given) checkRows(`${where}: validationData`, given)
    const counts = new LabelCounts((given ?? []).map(({ label }) => label))
    const surveyed = await survey(all, {
      check: (rows) => {
        checkRows(where, rows)
        if (known) targetsOf(where, known.labels, rows)
      },
      keyOf: ({ text }) => text,
      count: ({ label }, change) => counts.add(label, change),
      ...{ given, share: validationSplit, seed, signal },
    })
    if (!known) checkExchanged(where, surveyed.sample)
    if (!known && given) tellUntaught(where, counts.counted, given.map(labelOf))
    const labels = known?.labels ?? Labels.of(counts.names)
    const { held } = surveyed
    const heldTargets = targetsOf(`${where}: validationData`, labels, held)
    const { parts, beginning } = known ? { parts: known } : await this.#create(where, labels, surveyed.sample, signal)
    const ids = await encode(parts, surveyed.sample, signal)
    checkUnknown(where, parts.tokenizer, ids, { ...settings, parts, further: known !== undefined })
    const heldIds = await encode(parts, held, signal)
    tellUnknown(where, parts.tokenizer, heldIds)
    const x = batchesOf(surveyed, { batchSize, seed }, async (rows) => ({
      x: await encode(parts, rows, signal),
      y: targetsOf(where, labels, rows),
    }))
    const data = {
      ...{ x, rows: surveyed.rows },
      metrics: ['accuracy'] as const,
      validationData: held.length > 0 ? ([heldIds, heldTargets] as const) : undefined,
      classWeight: weightsOf(where, settings.classWeight, labels.names, counts.of(labels.names)),
      unfreezing: fineTuning(where, beginning, settings),
    }
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, surveyed.rows, batchSize)
    const looks = classifierLooks(heldIds, heldTargets, labels.names, parts.tokenizer)
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs, looks }) }
  }

  async #create(
    where: string,
    labels: Labels,
    training: readonly LabelledText[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly parts: ClassifierParts; readonly beginning?: Beginning | undefined }> {
    const given = this.#given
    const encoder = given.encoder === undefined ? undefined : await readEncoder(given.encoder)
    if (encoder) {
      checkAgrees(where, given, encoder.settings)
      this.settings = { ...this.settings, ...encoder.settings }
    }
    const texts = training.map((row) => row.text)
    const tokenizer = encoder
      ? encoderTokenizer(where, encoder, given)
      : await textTokenizer(texts, this.settings, signal)
    const size = tokenizer.vocabularySize
    const model = labellingModel(this.settings, size, labels.names.length, encoder ? 'pooled' : 'last')
    const beginning = encoder && readingLayers(model.layers, sameIds(size))
    if (encoder && beginning) beginWith(where, beginning, encoder)
    return { parts: { model, tokenizer, labels }, beginning }
  }
}

const labelOf = ({ label }: LabelledText): string => label

const splitRow = ({ text, label }: LabelledText): SplitRow => ({ key: text, classes: [label] })

function targetsOf(where: string, labels: Labels, rows: readonly LabelledText[]): Int32Array {
  return Int32Array.from(rows, (row, index) => labels.indexOf(`${where}: row ${index}`, row.label))
}

function encode(
  { tokenizer }: ClassifierParts,
  rows: readonly LabelledText[],
  signal: AbortSignal | undefined,
): Promise<Int32Array[]> {
  return tokenizer.encode(
    rows.map((row) => row.text),
    { fillEmpty: true, ...(signal && { signal }) },
  )
}

async function probabilitiesOf(
  where: string,
  { model, tokenizer }: ClassifierParts,
  texts: readonly string[],
  options: PredictTextsOptions,
): Promise<Float32Array> {
  const settings = predictionSettings(where, options)
  const { signal } = settings
  const ids = await tokenizer.encode(texts, { fillEmpty: true, ...(signal && { signal }) })
  return (await model.predict(ids, settings)).data
}
