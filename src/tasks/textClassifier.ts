import { readModelFiles } from '../model/index.js'
import { AbortError, SeqloomError } from '../errors.js'
import { type History, loadModel, type Sequential } from '../model/index.js'
import { optimizers } from '../optimizers/index.js'
import { checkOptions, custom, flag, integer, number, positive } from '../options.js'
import { wordTokenizer } from '../text/index.js'
import type { Tokenizer } from '../text/tokenizer.js'
import { BestWeights } from './bestWeights.js'
import { type ClassifierSettings, classifierModel, classifierSettings, type TextClassifierOptions } from './classifierModel.js'
import { type Evaluation, evaluation, largest } from './evaluation.js'
import { Labels } from './labels.js'
import { checkRows, checkTexts, type LabelledText } from './rows.js'
import { randomSplit } from './split.js'

/** Where training stands after a batch. */
export interface ClassifierProgress {
  /** The epoch, from 1. */
  readonly epoch: number
  readonly epochs: number
  /** Texts trained on in this epoch, and how many it has. */
  readonly done: number
  readonly total: number
  /** Means over the epoch so far. */
  readonly loss: number
  readonly accuracy: number
}

/** What an epoch came to. */
export interface ClassifierEpoch {
  /** The epoch, from 1. */
  readonly epoch: number
  readonly epochs: number
  readonly loss: number
  readonly accuracy: number
  /** On the validation rows, if there are any. */
  readonly valLoss?: number
  readonly valAccuracy?: number
  /** How long the epoch took, validation included. */
  readonly seconds: number
  /** The epoch whose weights are the best so far, from 1. */
  readonly best: number
}

/** How a classifier is trained. */
export interface TrainClassifierOptions {
  /** Default 8. */
  readonly epochs?: number
  /** Default 32. */
  readonly batchSize?: number
  /** Adam's step; default 0.001. */
  readonly learningRate?: number
  /** The share of the rows, drawn at random by the seed, that is kept apart to measure; default 0.1. */
  readonly validationSplit?: number
  /** Rows to measure on instead. */
  readonly validationData?: readonly LabelledText[]
  /** Whether the weights of the epoch with the best validation accuracy are kept in the end (the last ones without validation); default true. */
  readonly restoreBest?: boolean
  /** Stops training: `train` rejects with an AbortError, and the classifier keeps the best weights so far. */
  readonly signal?: AbortSignal
  /** Called as batches end. */
  readonly onProgress?: (progress: ClassifierProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: ClassifierEpoch) => void | Promise<void>
}

/** A text's label, as predicted. */
export interface Prediction {
  /** The most probable label. */
  readonly label: string
  /** Its probability. */
  readonly probability: number
  /** The probability of every label. */
  readonly probabilities: Readonly<Record<string, number>>
}

/** How many texts are handled at once, and what stops it. */
export interface PredictTextsOptions {
  /** Default 32. */
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

/** What a trained classifier consists of. */
interface Trained {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  readonly labels: Labels
}

const callback = custom('a function', (value) => typeof value === 'function')
const abortSignal = custom('an AbortSignal', (value) => value instanceof AbortSignal)

/**
 * Learns to label texts: a vocabulary of the training rows' words, an embedding, recurrent layers over ragged batches, and a softmax over the
 * labels at the last state.
 */
export class TextClassifier {
  readonly #settings: ClassifierSettings
  #trained: Trained | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TextClassifierOptions = {}) {
    this.#settings = classifierSettings(options)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string): Promise<TextClassifier> {
    const classifier = new TextClassifier()
    classifier.#trained = await readTrained(directory)
    return classifier
  }

  /** Whether there is a model: training has begun, or the classifier was loaded. */
  get ready(): boolean {
    return this.#trained !== undefined
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
    checkTraining(options)
    checkRows('TextClassifier.train', rows)
    const { signal } = options
    const { training, validation } = this.#parts(rows, options)
    throwIfAborted(signal)
    const trained = this.#trained ?? (await this.#create(training, validation))
    const [x, y] = await encodeRows(trained, training)
    const held = validation.length > 0 ? await encodeRows(trained, validation) : undefined
    throwIfAborted(signal)
    const { model } = trained
    model.compile({
      optimizer: optimizers.adam({ learningRate: options.learningRate ?? 1e-3 }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
    })
    this.#trained = trained
    const best = new BestWeights(model)
    try {
      return await model.fit(x, y, {
        epochs: options.epochs ?? defaultEpochs,
        batchSize: options.batchSize ?? defaultBatchSize,
        ...(held && { validationData: held }),
        ...(signal && { signal }),
        callbacks: [epochReports(training.length, options, best)],
      })
    } finally {
      if (options.restoreBest ?? true) best.restore()
    }
  }

  /** Labels texts. Rejects with `ERR_STATE` before training and with `ERR_DATA` for what is not text, naming the place. */
  async predict(texts: readonly string[], options: PredictTextsOptions = {}): Promise<Prediction[]> {
    const { labels } = this.#existing()
    checkTexts('TextClassifier.predict', texts)
    const probabilities = await this.#probabilities(texts, options)
    const { names } = labels
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
    const { labels } = this.#existing()
    checkRows('TextClassifier.evaluate', rows)
    const targets = rows.map((row, index) => labels.indexOf(row.label, index))
    const texts = rows.map((row) => row.text)
    return evaluation(labels.names, targets, await this.#probabilities(texts, options))
  }

  /** Saves model, tokenizer and labels in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`. */
  async save(directory: string): Promise<void> {
    const { model, tokenizer, labels } = this.#existing()
    await model.save(directory, {
      files: { [tokenizerFile]: tokenizer.toJSON(), [labelsFile]: JSON.stringify(labels, undefined, 2) },
    })
  }

  #existing(): Trained {
    if (this.#trained) return this.#trained
    throw new SeqloomError('ERR_STATE', 'TextClassifier: there is no model yet; call train or TextClassifier.load first')
  }

  #parts(rows: readonly LabelledText[], options: TrainClassifierOptions) {
    if (options.validationData) {
      checkRows('TextClassifier.train: validationData', options.validationData)
      return { training: rows, validation: options.validationData }
    }
    const split = randomSplit(rows.length, options.validationSplit ?? 0.1, this.#settings.seed)
    const pick = (index: number) => rows[index] as LabelledText
    return { training: split.training.map(pick), validation: split.validation.map(pick) }
  }

  async #create(training: readonly LabelledText[], validation: readonly LabelledText[]): Promise<Trained> {
    const settings = this.#settings
    const labels = Labels.of([...training, ...validation].map((row) => row.label))
    const tokenizer = await trainTokenizer(settings, training)
    return { model: classifierModel(settings, tokenizer.vocabularySize, labels.names.length), tokenizer, labels }
  }

  async #probabilities(texts: readonly string[], options: PredictTextsOptions): Promise<Float32Array> {
    checkOptions('TextClassifier', options, { accepted: { batchSize: integer(1), signal: abortSignal } })
    const { model, tokenizer } = this.#existing()
    const x = await tokenizer.encode(texts, { fillEmpty: true })
    const result = await model.predict(x, {
      batchSize: options.batchSize ?? defaultBatchSize,
      ...(options.signal && { signal: options.signal }),
    })
    return result.data
  }
}
