import type { History } from '../callbacks/callback.js'
import { SeqloomError } from '../errors.js'
import type { SaveOptions, Sequential } from '../model/index.js'
import { wordTokenizer } from '../text/index.js'
import { checkTexts, type Tokenizer } from '../text/tokenizer.js'
import { classifierModel } from './classifierModel.js'
import {
  type ClassifierSettings,
  classifierSettings,
  type PredictTextsOptions,
  predictionSettings,
  type TextClassifierOptions,
  type TrainClassifierOptions,
  trainingSettings,
} from './classifierOptions.js'
import { type Evaluation, evaluation, largest } from './evaluation.js'
import { divide, fitTask, throwIfAborted } from './fitTask.js'
import { Labels } from './labels.js'
import { checkNotEmpty, checkRows, type LabelledText } from './rows.js'
import { type ClassifierParts, readClassifier, saveClassifier } from './savedClassifier.js'

/** A text's label, as predicted. */
export interface Prediction {
  /** The most probable label. */
  readonly label: string
  /** Its probability. */
  readonly probability: number
  /** The probability of every label. */
  readonly probabilities: Readonly<Record<string, number>>
}

/**
 * Learns to label texts: a vocabulary of the training rows' words, an embedding, recurrent layers over ragged batches, and a softmax over the
 * labels at the last step.
 */
export class TextClassifier {
  readonly #settings: ClassifierSettings
  #parts: ClassifierParts | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TextClassifierOptions = {}) {
    this.#settings = classifierSettings(options)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<TextClassifier> {
    const classifier = new TextClassifier()
    classifier.#parts = await readClassifier(directory)
    return classifier
  }

  /** Whether there is a model: training has begun, or the classifier was loaded. */
  get ready(): boolean {
    return this.#parts !== undefined
  }

  /** The labels, in the order of the model's outputs; `ERR_STATE` before training. */
  get labels(): readonly string[] {
    return this.#existing().labels.names
  }

  /** The model itself; `ERR_STATE` before training. */
  get model(): Sequential {
    return this.#existing().model
  }

  /** The tokenizer, with its vocabulary; `ERR_STATE` before training. */
  get tokenizer(): Tokenizer {
    return this.#existing().tokenizer
  }

  /**
   * Trains on labelled texts and returns the losses and accuracies of the epochs. The vocabulary is built from the training part only. A
   * classifier that has a model already goes on from its weights, vocabulary and labels.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(rows: readonly LabelledText[], options: TrainClassifierOptions = {}): Promise<History> {
    const settings = trainingSettings('TextClassifier.train', '{ text, label }', options)
    checkRows('TextClassifier.train', rows)
    if (settings.validationData) checkRows('TextClassifier.train: validationData', settings.validationData)
    throwIfAborted(settings.signal)
    const { training, validation } = divide(rows, settings, this.#settings.seed)
    const parts = this.#parts ?? (await this.#create(training, validation))
    const [x, y] = await encodeRows(parts, training)
    const validationData = validation.length > 0 ? await encodeRows(parts, validation) : undefined
    throwIfAborted(settings.signal)
    this.#parts = parts
    return await fitTask(parts, { x, y, validationData, rows: training.length, metrics: ['accuracy'] }, settings)
  }

  /** Labels texts. Rejects with `ERR_STATE` before training and with `ERR_DATA` for what is not text, naming the place. */
  async predict(texts: readonly string[], options: PredictTextsOptions = {}): Promise<Prediction[]> {
    const where = 'TextClassifier.predict'
    checkTexts(where, texts)
    checkNotEmpty(where, texts)
    const probabilities = await this.#probabilities(where, texts, options)
    const names = this.labels
    return texts.map((_, row) => {
      const offset = row * names.length
      const best = largest(probabilities, offset, names.length)
      return {
        label: names[best] as string,
        probability: probabilities[offset + best] as number,
        probabilities: Object.fromEntries(names.map((name, index) => [name, probabilities[offset + index] as number])),
      }
    })
  }

  /** Measures on labelled texts. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. */
  async evaluate(rows: readonly LabelledText[], options: PredictTextsOptions = {}): Promise<Evaluation> {
    const where = 'TextClassifier.evaluate'
    const { labels } = this.#existing()
    checkRows(where, rows)
    const targets = rows.map((row, index) => labels.indexOf(row.label, index))
    const texts = rows.map((row) => row.text)
    return evaluation(labels.names, targets, await this.#probabilities(where, texts, options))
  }

  /** Saves model, tokenizer and labels in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await saveClassifier(directory, this.#existing(), options)
  }

  #existing(): ClassifierParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError(
      'ERR_STATE',
      'TextClassifier: there is no model yet; call train or TextClassifier.load first',
    )
  }

  async #create(training: readonly LabelledText[], validation: readonly LabelledText[]): Promise<ClassifierParts> {
    const labels = Labels.of([...training, ...validation].map((row) => row.label))
    const tokenizer = await tokenizerFor(training, this.#settings)
    return { model: classifierModel(this.#settings, tokenizer.vocabularySize, labels.names.length), tokenizer, labels }
  }

  async #probabilities(where: string, texts: readonly string[], options: PredictTextsOptions): Promise<Float32Array> {
    const { model, tokenizer } = this.#existing()
    const settings = predictionSettings(where, options)
    const ids = await tokenizer.encode(texts, { fillEmpty: true })
    return (await model.predict(ids, settings)).data
  }
}

function tokenizerFor(rows: readonly LabelledText[], settings: ClassifierSettings): Promise<Tokenizer> | Tokenizer {
  const { tokenizer, maxVocabulary, minFrequency } = settings
  const maxLength = settings.maxLength ?? tokenizer?.maxLength ?? 300
  if (tokenizer) return tokenizer.withMaxLength(maxLength)
  return wordTokenizer(
    rows.map((row) => row.text),
    { maxVocabulary, minFrequency, maxLength },
  )
}

async function encodeRows(
  { tokenizer, labels }: ClassifierParts,
  rows: readonly LabelledText[],
): Promise<[Int32Array[], Int32Array]> {
  const targets = Int32Array.from(rows, (row, index) => labels.indexOf(row.label, index))
  const ids = await tokenizer.encode(
    rows.map((row) => row.text),
    { fillEmpty: true },
  )
  return [ids, targets]
}
