import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { isStreamed } from '../../data/sources.js'
import { SeqloomError } from '../../errors.js'
import type { PredictTextsOptions, QuestionAnswererOptions } from '../optionTypes.js'
import { answersFor } from '../shared/answers.js'
import { countsOf, weightsOf } from '../shared/classWeights.js'
import { defaultSplit, divide } from '../shared/division.js'
import { rankOf } from '../shared/drawn.js'
import {
  type Beginning,
  beginWith,
  checkAgrees,
  encoderVocabulary,
  fineTuning,
  readEncoder,
} from '../shared/encoder.js'
import { type ClassReport, Confusion, lossOf, shownReport } from '../shared/evaluation.js'
import { fitTask, throwIfAborted } from '../shared/fitTask.js'
import { LabelCounts } from '../shared/labels.js'
import { type RowStream, type Rows, withRows } from '../shared/rows.js'
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
import { defaultEpochs } from '../shared/work.js'
import { pointerLoss, readerModel } from './model.js'
import { type AnswererSettings, answererOptions, answererSettings, type TrainAnswererOptions } from './options.js'
import { type AnswererParts, saving } from './saved.js'
import {
  type AnsweredQuestion,
  answersBeside,
  checkStories,
  type ReadStory,
  type StoryQuestion,
  StoryReader,
  storiesWith,
  wordsOf,
} from './stories.js'

export type { TrainAnswererOptions } from './options.js'
export type { AnsweredQuestion, StoryQuestion } from './stories.js'

/** An answer, as predicted. */
export interface Answer {
  /** The most probable word. */
  readonly answer: string
  /** Its probability. */
  readonly probability: number
  /** The words that could be the answer, in order, mostly those of the story, and how much attention each got. */
  readonly attention: readonly { readonly word: string; readonly weight: number }[]
}

/** How well questions are answered; classes are the answers that were expected or given, and examples are questions. */
export interface AnswerEvaluation extends ClassReport {
  /** The mean of −log of the right answer's probability. */
  readonly loss: number
  /** The number of questions. */
  readonly count: number
}

/**
 * Learns to answer questions about short texts with one of their words: recurrent networks read the text and the
 * question, and attention points at the answer. Answers that are in no text, such as yes and no, can be learned, too.
 * Unseen names are followed through their text.
 */
export class QuestionAnswerer extends ServedTask<AnswererParts, AnswererSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [answererOptions, trainTaggerOptions] as const

  readonly #given: QuestionAnswererOptions

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: QuestionAnswererOptions = {}) {
    // Its encoder becomes part of the model.
    const { encoder, ...settings } = answererSettings(options)
    super(saving, settings)
    this.#given = { ...options }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<QuestionAnswerer> {
    return new QuestionAnswerer().restored(directory)
  }

  /**
   * Trains on answered questions and returns the losses of the epochs. A question answerer that already has a model
   * continues from its weights; meanwhile a copy of its earlier state answers other calls, and a training that fails
   * leaves it as it was. Rows may come one after another, and be more than fit into memory: one pass finds what is
   * learned of all of them, each epoch is another.
   *
   * Rejects with `ERR_DATA` for bad rows (naming the row), `ERR_OPTION`, also for options that are not those of the
   * `encoder`, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError when the signal aborts.
   */
  async train(rows: Rows<AnsweredQuestion>, options: TrainAnswererOptions = {}): Promise<History> {
    const settings = trainingSettings<AnsweredQuestion>(this.where('train'), '{ story, question, answer }', options)
    return await this.learnRows(rows, settings, {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * Answers questions. Rejects with `ERR_STATE` before training and with `ERR_DATA` for bad rows, naming the row. For
   * questions that come one after another it gives a data set of answers, in the same order, as they are read.
   */
  predict(questions: readonly StoryQuestion[], options?: PredictTextsOptions): Promise<Answer[]>
  predict(questions: RowStream<StoryQuestion>, options?: PredictTextsOptions): Dataset<Answer>
  predict(questions: Rows<StoryQuestion>, options: PredictTextsOptions = {}): Promise<Answer[]> | Dataset<Answer> {
    if (!isStreamed(questions)) return this.#predictAll(questions as readonly StoryQuestion[], options)
    const stream = questions as RowStream<StoryQuestion>
    return answersFor(this.where('predict'), stream, (some) => this.#predictAll(some, options))
  }

  async #predictAll(questions: readonly StoryQuestion[], options: PredictTextsOptions): Promise<Answer[]> {
    return await this.use('predict', async (parts, where) => {
      checkStories(where, questions, false)
      const found = await attend(where, parts, questions, options)
      return found.map((attention) => ({ ...best(byWord(attention)), attention }))
    })
  }

  /**
   * Measures on answered questions; an expected answer that cannot be given counts as wrong. Rejects with `ERR_STATE`
   * before training and with `ERR_DATA` for bad rows, naming the row.
   */
  async evaluate(all: Rows<AnsweredQuestion>, options: PredictTextsOptions = {}): Promise<AnswerEvaluation> {
    const { signal } = predictionSettings(this.where('evaluate'), options)
    return await withRows(this.where('evaluate'), all, signal, (rows) => this.#measure(rows, options))
  }

  async #measure(rows: readonly AnsweredQuestion[], options: PredictTextsOptions): Promise<AnswerEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
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
      return shownReport({ ...confusion.report(), loss: loss / rows.length, count: rows.length })
    })
  }

  async #prepare(
    where: string,
    rows: readonly AnsweredQuestion[],
    given: readonly AnsweredQuestion[] | undefined,
    settings: TrainingSettings<AnsweredQuestion>,
    known: AnswererParts | undefined,
  ): Promise<Training<AnswererParts, History>> {
    const { signal, batchSize } = settings
    const { seed } = this.settings
    checkStories(where, rows, true)
    if (given) checkStories(`${where}: validationData`, given, true)
    throwIfAborted(signal)
    const division = divide(where, rows.map(splitRow), given?.map(splitRow), settings, seed)
    const pick = (some: readonly number[]) => some.map((row) => rows[row] as AnsweredQuestion)
    const training = pick(division.training)
    const { parts, beginning } = known ? { parts: known } : await this.#create(where, training)
    const { reader } = parts
    const { x, y } = examples(where, reader.readHidden(training, seed), training, division.training)
    const [held, place] = given ? [given, `${where}: validationData`] : [pick(division.validation), where]
    const numbers = given ? given.map((_, row) => row) : division.validation
    const measured = held.length > 0 ? examples(place, reader.readHidden(held, seed + 1), held, numbers) : undefined
    const answers = [...new Set(rows.map(answerOf))].sort()
    const targets = training.map((row) => answers.indexOf(answerOf(row)))
    const classWeight = weightsOf(where, settings.classWeight, answers, countsOf(answers.length, targets))
    const sampleWeight = classWeight && Float32Array.from(targets, (target) => classWeight[target] as number)
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, training.length, batchSize)
    const validationData = measured && ([measured.x, measured.y] as const)
    const data = {
      ...{ x, y, validationData, rows: training.length, loss: pointerLoss, sampleWeight },
      unfreezing: fineTuning(where, beginning, settings),
    }
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs, ...division.kept }) }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<AnsweredQuestion>,
    given: readonly AnsweredQuestion[] | undefined,
    settings: TrainingSettings<AnsweredQuestion>,
    known: AnswererParts | undefined,
  ): Promise<Training<AnswererParts, History>> {
    const { signal, batchSize, validationSplit = defaultSplit } = settings
    const { seed } = this.settings
    if (given) checkStories(`${where}: validationData`, given, true)
    const counts = new LabelCounts()
    const extras = new Set<string>()
    const surveyed = await survey(all, {
      check: (rows) => {
        checkStories(where, rows, true)
        if (known) examples(where, known.reader.read(rows), rows, [...rows.keys()])
      },
      keyOf: (row) => splitRow(row).key,
      count: (row, change) => {
        counts.add(answerOf(row), change)
        for (const word of change > 0 ? answersBeside(row) : []) extras.add(word)
      },
      ...{ given, share: validationSplit, seed, signal },
    })
    const { sample, held } = surveyed
    const { parts, beginning } = known ? { parts: known } : await this.#create(where, sample, extras)
    const { reader } = parts
    const answers = [...counts.names].sort()
    const classWeight = weightsOf(where, settings.classWeight, answers, counts.of(answers))
    const factors = classWeight && new Map(answers.map((answer, at) => [answer, classWeight[at] as number]))
    const counted = storiesWith(sample)
    const made = (place: string, rows: readonly AnsweredQuestion[]) => {
      // What is hidden depends on the rows that are together.
      const own = Math.floor(2 ** 32 * rankOf(rows.map((row) => row.question).join('\u0000'), seed))
      const { x, y } = examples(place, reader.readHidden(rows, own, counted), rows, [...rows.keys()])
      const sampleWeight = factors && Float32Array.from(rows, (row) => factors.get(answerOf(row)) ?? 1)
      return { x, y, ...(sampleWeight && { sampleWeight }) }
    }
    const measured = held.length > 0 ? made(`${where}: validationData`, held) : undefined
    const data = {
      x: batchesOf(surveyed, { batchSize, seed }, async (rows) => made(where, rows)),
      ...{ rows: surveyed.rows, loss: pointerLoss },
      validationData: measured && ([measured.x, measured.y] as const),
      unfreezing: fineTuning(where, beginning, settings),
    }
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, surveyed.rows, batchSize)
    return { parts, run: () => fitTask(parts, data, { ...settings, epochs }) }
  }

  async #create(
    where: string,
    training: readonly AnsweredQuestion[],
    extras?: ReadonlySet<string>,
  ): Promise<{ readonly parts: AnswererParts; readonly beginning?: Beginning | undefined }> {
    const own = StoryReader.of(training, this.settings.minFrequency, extras)
    const stack = { bidirectional: true, layers: 1 } as const
    const { encoder: given } = this.#given
    if (given === undefined) {
      return { parts: { model: readerModel({ ...this.settings, ...stack }, own.size).model, reader: own } }
    }
    const encoder = await readEncoder(given)
    const { cell, units, embedding } = encoder.settings
    checkAgrees(where, this.#given, { cell, units, embedding })
    this.settings = { ...this.settings, cell, units, embedding }
    const { vocabulary, origins } = encoderVocabulary(where, encoder, own.vocabulary)
    const reader = new StoryReader(vocabulary, own.extras)
    const { model, words, stacks } = readerModel({ ...this.settings, ...encoder.settings }, reader.size)
    const beginning = { words, origins, stacks }
    beginWith(where, beginning, encoder)
    return { parts: { model, reader }, beginning }
  }
}

const answerOf = ({ answer }: AnsweredQuestion): string => wordsOf(answer)[0] as string

/** Answers that are not in their story must be in the training part to be learned. */
function splitRow(row: AnsweredQuestion): SplitRow {
  return { key: `${row.story}\u0000${row.question}`, classes: answersBeside(row) }
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

/** The word with the most attention; among equals, the first. */
function best(words: ReadonlyMap<string, number>): { readonly answer: string; readonly probability: number } {
  const [answer, probability] = [...words].reduce((most, next) => (next[1] > most[1] ? next : most))
  return { answer, probability }
}

function inputsOf(stories: readonly ReadStory[]): [Int32Array[], Int32Array[]] {
  return [stories.map(({ story }) => story), stories.map(({ question }) => question)]
}

/**
 * Stories with ones at the positions of their answers; `ERR_DATA`, with the row's number, for an answer that cannot be
 * given.
 */
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
