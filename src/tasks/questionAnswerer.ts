import type { History } from '../callbacks/callback.js'
import type { Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import { loadFolder, type Model, type SaveOptions, saveFolder } from '../model/index.js'
import { checkOptions, given, integer, isRecord, number, seed } from '../options.js'
import { readAsset } from './assets.js'
import {
  type PredictTextsOptions,
  predictionSettings,
  type TrainClassifierOptions,
  trainingSettings,
} from './classifierOptions.js'
import { divide, fitTask, throwIfAborted } from './fitTask.js'
import { pointerLoss, readerModel } from './readerModel.js'
import {
  type AnsweredQuestion,
  checkStories,
  type ReadStory,
  type StoryQuestion,
  StoryReader,
  wordsOf,
} from './stories.js'
import { type TaskListeners, withoutAccuracy } from './taskReports.js'
import { Vocabulary } from './vocabulary.js'

/** How a question answerer is built. */
export interface QuestionAnswererOptions {
  /** The size of a GRU's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding; default 0. */
  readonly dropout?: number
  /** How often the story is looked at; answers that follow from several facts need as many; default 1. */
  readonly hops?: number
  /** How often a word must occur in the training rows to be known; default 2. */
  readonly minFrequency?: number
  /** The seed of the first weights, of the split, of the words that are hidden in training and of its order; default 0. */
  readonly seed?: number
}

const defaults = { units: 64, embedding: 64, dropout: 0, hops: 1, minFrequency: 2, seed: 0 } as const

/** How a question answerer is trained: as a classifier, without an accuracy while it trains. */
export type TrainAnswererOptions = Omit<TrainClassifierOptions<AnsweredQuestion>, 'onProgress' | 'onEpoch'> &
  TaskListeners

/** An answer, as predicted. */
export interface Answer {
  /** The most probable word. */
  readonly answer: string
  /** Its probability. */
  readonly probability: number
  /** The words that could be the answer in their order, mostly those of the story, and how much of the attention each place got. */
  readonly attention: readonly { readonly word: string; readonly weight: number }[]
}

/** How well questions are answered. */
export interface AnswerEvaluation {
  /** The share of questions that are answered right. */
  readonly accuracy: number
  /** The mean of −log of the right answer's probability. */
  readonly loss: number
  /** The number of questions. */
  readonly count: number
}

interface AnswererParts {
  readonly model: Model<Tensor>
  readonly reader: StoryReader
  restored?: boolean
  unfinished?: boolean
}

const readerFile = 'reader.json'

/**
 * Learns to answer questions about short texts with one of their words: recurrent networks read text and question, and attention points at the answer.
 * Answers that are in no text, such as yes and no, can be learned too. Names that were never seen before are followed through the text they are in.
 */
export class QuestionAnswerer {
  readonly #settings: Required<QuestionAnswererOptions>
  #parts: AnswererParts | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: QuestionAnswererOptions = {}) {
    checkOptions('QuestionAnswerer', options, {
      accepted: {
        units: integer(1),
        embedding: integer(1),
        dropout: number(0, 1),
        hops: integer(1, 16),
        minFrequency: integer(1),
        seed,
      },
    })
    this.#settings = { ...defaults, ...given(options) }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<QuestionAnswerer> {
    const { folder, model, assets, unfinished } = await loadFolder(directory, 'answering')
    const saved = readAsset(folder, 'question answerer', assets, readerFile)
    const { vocabulary, extras } = isRecord(saved) ? saved : {}
    const reader = new StoryReader(Vocabulary.parse(vocabulary), Vocabulary.parse(extras).tokens)
    const { inputs, outputs } = model.topology()
    if (inputs.length !== 2 || outputs[0]?.shape.length !== 2) {
      throw new SeqloomError('ERR_FORMAT', `${folder} is no question answerer: its model is not of that form`)
    }
    const answerer = new QuestionAnswerer()
    answerer.#parts = { model: model as Model as Model<Tensor>, reader, unfinished }
    return answerer
  }

  /** The model itself; `ERR_STATE` before training. */
  get model(): Model<Tensor> {
    return this.#existing().model
  }

  /**
   * Trains on answered questions and returns the losses of the epochs. A question answerer that has a model already goes on from its weights.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(rows: readonly AnsweredQuestion[], options: TrainAnswererOptions = {}): Promise<History> {
    const where = 'QuestionAnswerer.train'
    const settings = trainingSettings<AnsweredQuestion>(where, '{ story, question, answer }', options as never)
    const listeners = withoutAccuracy(options)
    checkStories(where, rows, true)
    if (options.validationData) checkStories(`${where}: validationData`, options.validationData, true)
    throwIfAborted(settings.signal)
    const { training, validation } = divide(rows, settings, this.#settings.seed)
    const reader = this.#parts?.reader ?? StoryReader.of(training, this.#settings.minFrequency)
    const parts = this.#parts ?? { model: readerModel(this.#settings, reader.size), reader }
    const { x, y } = examples(where, reader.readHidden(training, this.#settings.seed), training)
    const held =
      validation.length > 0
        ? examples(`${where}: validation`, reader.readHidden(validation, this.#settings.seed + 1), validation)
        : undefined
    this.#parts = parts
    return await fitTask(
      parts,
      { x, y, validationData: held && [held.x, held.y], rows: training.length, loss: pointerLoss },
      { ...settings, ...listeners },
    )
  }

  /** Answers questions. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. */
  async predict(questions: readonly StoryQuestion[], options: PredictTextsOptions = {}): Promise<Answer[]> {
    const where = 'QuestionAnswerer.predict'
    this.#existing()
    checkStories(where, questions, false)
    const found = await this.#attend(where, questions, options)
    return found.map((attention) => {
      const [answer, probability] = [...byWord(attention)].reduce((best, next) => (next[1] > best[1] ? next : best))
      return { answer, probability, attention }
    })
  }

  /** Measures on answered questions. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. */
  async evaluate(rows: readonly AnsweredQuestion[], options: PredictTextsOptions = {}): Promise<AnswerEvaluation> {
    const where = 'QuestionAnswerer.evaluate'
    this.#existing()
    checkStories(where, rows, true)
    let [right, loss] = [0, 0]
    const found = await this.#attend(where, rows, options)
    for (const [row, attention] of found.entries()) {
      const words = byWord(attention)
      const [answer] = wordsOf((rows[row] as AnsweredQuestion).answer) as [string]
      const probability = words.get(answer) ?? 0
      right += Number(probability > 0 && probability === Math.max(...words.values()))
      loss -= Math.log(Math.max(probability, 1e-7))
    }
    return { accuracy: right / rows.length, loss: loss / rows.length, count: rows.length }
  }

  /** Saves model and vocabulary in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    const { model, reader, restored = false, unfinished = false } = this.#existing()
    const saved = JSON.stringify({ vocabulary: reader.vocabulary.tokens, extras: reader.extras })
    const [assets, task] = [{ [readerFile]: saved }, 'answering' as const]
    const contents = { model: model as Model as never, task, assets, withoutOptimizerState: restored, unfinished }
    await saveFolder(directory, contents, options)
  }

  async #attend(
    where: string,
    rows: readonly StoryQuestion[],
    options: PredictTextsOptions,
  ): Promise<Answer['attention'][]> {
    const { model, reader } = this.#existing()
    const settings = predictionSettings(where, options)
    const stories = reader.read(rows)
    const { data, shape } = await model.predict(inputsOf(stories), settings)
    const steps = shape[1] as number
    return stories.map(({ words }, row) =>
      words.map((word, step) => ({ word, weight: data[row * steps + step] as number })),
    )
  }

  #existing(): AnswererParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError(
      'ERR_STATE',
      'QuestionAnswerer: there is no model yet; call train or QuestionAnswerer.load first',
    )
  }
}

/** The attention on every different word. */
function byWord(attention: Answer['attention']): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { word, weight } of attention) sums.set(word, (sums.get(word) ?? 0) + weight)
  return sums
}

function inputsOf(stories: readonly ReadStory[]): [Int32Array[], Int32Array[]] {
  return [stories.map(({ story }) => story), stories.map(({ question }) => question)]
}

/** Stories with ones at the places of their answers; `ERR_DATA` for an answer that cannot be given. */
function examples(where: string, stories: readonly ReadStory[], rows: readonly AnsweredQuestion[]) {
  const y = stories.map(({ words }, row) => {
    const [answer] = wordsOf((rows[row] as AnsweredQuestion).answer) as [string]
    if (!words.includes(answer)) {
      throw new SeqloomError('ERR_DATA', `${where}: row ${row}: the answer '${answer}' is not in the story`)
    }
    return Float32Array.from(words, (word) => Number(word === answer))
  })
  return { x: inputsOf(stories), y }
}
