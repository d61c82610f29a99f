import '../../dispose.js'
import type { History } from '../../callbacks/callback.js'
import type { Tensor } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import { loadFolder, type Model, type SaveOptions, saveFolder } from '../../model/index.js'
import { checkOptions, given, integer, isRecord, number, seed } from '../../options.js'
import { readAsset } from '../shared/assets.js'
import { weightsOf } from '../shared/classWeights.js'
import { divide } from '../shared/division.js'
import { type ClassReport, Confusion, lossOf } from '../shared/evaluation.js'
import { fitTask, throwIfAborted } from '../shared/fitTask.js'
import { checkReads } from '../shared/fitting.js'
import type { Trainee } from '../shared/keepBest.js'
import { readSettings, savedSettings } from '../shared/savedSettings.js'
import { Served, type Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import { type TaskListeners, withoutAccuracy } from '../shared/taskReports.js'
import {
  type PredictTextsOptions,
  predictionSettings,
  type TrainClassifierOptions,
  type TrainingSettings,
  trainingSettings,
  usualEpochs,
} from '../shared/training.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { defaultEpochs } from '../shared/work.js'
import { pointerLoss, readerModel } from './model.js'
import {
  type AnsweredQuestion,
  checkStories,
  type ReadStory,
  type StoryQuestion,
  StoryReader,
  wordsOf,
} from './stories.js'

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

/** How well questions are answered; classes are the answers that were expected or given, examples questions. */
export interface AnswerEvaluation extends ClassReport {
  /** The mean of −log of the right answer's probability. */
  readonly loss: number
  /** The number of questions. */
  readonly count: number
}

interface AnswererParts extends Trainee {
  readonly model: Model<Tensor>
  readonly reader: StoryReader
}

const readerFile = 'reader.json'

/**
 * Learns to answer questions about short texts with one of their words: recurrent networks read text and question, and attention points at the answer.
 * Answers that are in no text, such as yes and no, can be learned too. Names that were never seen before are followed through the text they are in.
 */
export class QuestionAnswerer implements Disposable {
  #settings: AnswererSettings
  readonly #served = new Served<AnswererParts>('QuestionAnswerer')

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: QuestionAnswererOptions = {}) {
    this.#settings = answererSettings(options)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<QuestionAnswerer> {
    const { folder, model, assets, metadata, unfinished } = await loadFolder(directory, 'answering')
    const saved = readAsset(folder, 'question answerer', assets, readerFile)
    const { vocabulary, extras } = isRecord(saved) ? saved : {}
    const reader = new StoryReader(Vocabulary.parse(vocabulary), Vocabulary.parse(extras).tokens)
    const { inputs, outputs } = model.topology()
    if (inputs.length !== 2 || outputs[0]?.shape.length !== 2) {
      throw new SeqloomError('ERR_FORMAT', `${folder} is no question answerer: its model is not of that form`)
    }
    checkReads({ folder, kind: 'answering', model }, reader.size, `words in ${readerFile}`)
    const answerer = new QuestionAnswerer()
    answerer.#settings = readSettings(folder, metadata.settings, answererSettings)
    answerer.#served.load({ model: model as Model as Model<Tensor>, reader, unfinished })
    return answerer
  }

  /** Whether there is a model: the first training has begun and was not in vain, or the answerer was loaded. */
  get ready(): boolean {
    return this.#served.ready
  }

  /** The model itself, which is in training while {@link train} runs; `ERR_STATE` before training. */
  get model(): Model<Tensor> {
    return this.#served.parts('QuestionAnswerer.model').model
  }

  /**
   * Trains on answered questions and returns the losses of the epochs. A question answerer that has a model already goes on from its weights; meanwhile
   * a copy of what it was answers other calls, and a training that fails leaves it as it was.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError
   * when the signal aborts.
   */
  async train(rows: readonly AnsweredQuestion[], options: TrainAnswererOptions = {}): Promise<History> {
    const where = 'QuestionAnswerer.train'
    const settings = trainingSettings<AnsweredQuestion>(where, '{ story, question, answer }', options as never)
    const listened = { ...settings, ...withoutAccuracy(options) }
    return await this.#served.train(where, settings.signal, (known) => this.#prepare(where, rows, listened, known))
  }

  /** Answers questions. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. */
  async predict(questions: readonly StoryQuestion[], options: PredictTextsOptions = {}): Promise<Answer[]> {
    const where = 'QuestionAnswerer.predict'
    return await this.#served.use(where, async (parts) => {
      checkStories(where, questions, false)
      const found = await attend(where, parts, questions, options)
      return found.map((attention) => ({ ...best(byWord(attention)), attention }))
    })
  }

  /**
   * Measures on answered questions; an answer that cannot be given to a question is counted as wrong. Rejects with `ERR_STATE` before training and
   * with `ERR_DATA` for bad rows, naming the row.
   */
  async evaluate(rows: readonly AnsweredQuestion[], options: PredictTextsOptions = {}): Promise<AnswerEvaluation> {
    const where = 'QuestionAnswerer.evaluate'
    return await this.#served.use(where, async (parts) => {
      checkStories(where, rows, true)
      let loss = 0
      const found = await attend(where, parts, rows, options)
      const pairs = found.map((attention, row) => {
        const words = byWord(attention)
        const answer = answerOf(rows[row] as AnsweredQuestion)
        const probability = words.get(answer) ?? 0
        loss += lossOf(probability)
        const given = best(words)
        return [answer, probability === given.probability ? answer : given.answer] as const
      })
      const labels = [...new Set(pairs.flat())].sort()
      const indices = new Map(labels.map((label, index) => [label, index]))
      const confusion = new Confusion(labels)
      for (const pair of pairs) confusion.add(...(pair.map((word) => indices.get(word)) as [number, number]))
      return { ...confusion.report(), loss: loss / rows.length, count: rows.length }
    })
  }

  /** Saves model and vocabulary in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await this.#served.use('QuestionAnswerer.save', async (parts) => {
      const { model, reader, restored = false, unfinished = false } = parts
      const saved = JSON.stringify({ vocabulary: reader.vocabulary.tokens, extras: reader.extras })
      const contents = {
        model: model as Model as never,
        assets: { [readerFile]: saved },
        metadata: { task: 'answering', settings: savedSettings(this.#settings) },
        withoutOptimizerState: restored,
        unfinished,
      }
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
    rows: readonly AnsweredQuestion[],
    settings: Omit<TrainingSettings<AnsweredQuestion>, 'onProgress' | 'onEpoch'>,
    known: AnswererParts | undefined,
  ): Promise<Training<AnswererParts, History>> {
    const { validationData: given, signal, batchSize } = settings
    const { seed, minFrequency } = this.#settings
    checkStories(where, rows, true)
    if (given) checkStories(`${where}: validationData`, given, true)
    throwIfAborted(signal)
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, seed)
    const pick = (some: readonly number[]) => some.map((row) => rows[row] as AnsweredQuestion)
    const training = pick(division.training)
    const reader = known?.reader ?? StoryReader.of(training, minFrequency)
    const parts = known ?? { model: readerModel(this.#settings, reader.size), reader }
    const { x, y } = examples(where, reader.readHidden(training, seed), training, division.training)
    const [held, place] = given ? [given, `${where}: validationData`] : [pick(division.validation), where]
    const numbers = given ? given.map((_, row) => row) : division.validation
    const measured = held.length > 0 ? examples(place, reader.readHidden(held, seed + 1), held, numbers) : undefined
    const answers = [...new Set(rows.map(answerOf))].sort()
    const targets = training.map((row) => answers.indexOf(answerOf(row)))
    const classWeight = weightsOf(where, settings.classWeight, answers, targets)
    const sampleWeight = classWeight && Float32Array.from(targets, (target) => classWeight[target] as number)
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, training.length, batchSize)
    const validationData = measured && ([measured.x, measured.y] as const)
    const data = { x, y, validationData, rows: training.length, loss: pointerLoss, sampleWeight }
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs, ...division.kept }) }
  }
}

type AnswererSettings = Required<QuestionAnswererOptions>

function answererSettings(options: QuestionAnswererOptions): AnswererSettings {
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
  return { ...defaults, ...given(options) }
}

const answerOf = ({ answer }: AnsweredQuestion): string => wordsOf(answer)[0] as string

/** Answers that their story does not hold must be in the training part to be learned. */
function splitRow(row: AnsweredQuestion): SplitRow {
  const answer = answerOf(row)
  return { key: `${row.story}\u0000${row.question}`, classes: wordsOf(row.story).includes(answer) ? [] : [answer] }
}

async function attend(
  where: string,
  { model, reader }: AnswererParts,
  rows: readonly StoryQuestion[],
  options: PredictTextsOptions,
): Promise<Answer['attention'][]> {
  const settings = predictionSettings(where, options)
  const stories = reader.read(rows)
  const { data, shape } = await model.predict(inputsOf(stories), settings)
  const steps = shape[1] as number
  return stories.map(({ words }, row) =>
    words.map((word, step) => ({ word, weight: data[row * steps + step] as number })),
  )
}

/** The attention on every different word. */
function byWord(attention: Answer['attention']): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { word, weight } of attention) sums.set(word, (sums.get(word) ?? 0) + weight)
  return sums
}

/** The word with the most attention; of equals, the first. */
function best(words: ReadonlyMap<string, number>): { readonly answer: string; readonly probability: number } {
  const [answer, probability] = [...words].reduce((most, next) => (next[1] > most[1] ? next : most))
  return { answer, probability }
}

function inputsOf(stories: readonly ReadStory[]): [Int32Array[], Int32Array[]] {
  return [stories.map(({ story }) => story), stories.map(({ question }) => question)]
}

/** Stories with ones at the places of their answers; `ERR_DATA`, with the row's number, for an answer that cannot be given. */
function examples(
  where: string,
  stories: readonly ReadStory[],
  rows: readonly AnsweredQuestion[],
  numbers: readonly number[],
) {
  const y = stories.map(({ words }, row) => {
    const answer = answerOf(rows[row] as AnsweredQuestion)
    if (!words.includes(answer)) {
      const place = `${where}: row ${numbers[row]}`
      throw new SeqloomError('ERR_DATA', `${place}: the answer '${answer}' is not in the story`)
    }
    return Float32Array.from(words, (word) => Number(word === answer))
  })
  return { x: inputsOf(stories), y }
}
