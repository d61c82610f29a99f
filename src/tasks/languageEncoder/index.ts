import type { History } from '../../callbacks/callback.js'
import { randomOf } from '../../data/random.js'
import { SeqloomError } from '../../errors.js'
import { adam } from '../../optimizers/index.js'
import { cosineDecay } from '../../optimizers/schedules.js'
import { Tokenizer } from '../../text/tokenizer.js'
import type { Writing } from '../decoding/units.js'
import type { LanguageEncoderOptions, PredictTextsOptions, TrainLanguageEncoderOptions } from '../optionTypes.js'
import { divide, type Kept } from '../shared/division.js'
import { throwIfAborted } from '../shared/fitTask.js'
import { keepBest } from '../shared/keepBest.js'
import { gradientLooks } from '../shared/looks.js'
import { byLoss, reports } from '../shared/reports.js'
import { type Rows, withRows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import { validationRows } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import { predictionSettings } from '../shared/training.js'
import { checkUnknown, tellUnknown } from '../shared/unknown.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { defaultEpochs } from '../shared/work.js'
import { type EncoderParts, encoderOf } from './encoder.js'
import { languageModel } from './model.js'
import { type Example, examples, examplesOf, type Goal, leastTokens } from './objective.js'
import {
  type LanguageEncoderSettings,
  type LanguageEncoderTraining,
  languageEncoderOptions,
  languageEncoderSettings,
  languageEncoderTraining,
  trainLanguageEncoderOptions,
  usualEpochs,
} from './options.js'
import { checkWritings, encode, tokenCount, tokensOf, withUnknown } from './reading.js'
import { type LanguageEncoderParts, saving } from './saved.js'

/** How well a language encoder predicts texts. */
export interface LanguageEncoderEvaluation {
  /** The mean of −log of a predicted token's probability, in nats. */
  readonly loss: number
  /** e to the loss. */
  readonly perplexity: number
  /** The number of predicted tokens. */
  readonly count: number
}

/**
 * Learns a language from texts without labels, so that other tasks need fewer labelled ones: given as their `encoder`,
 * its embedding and recurrent layers are what they begin with. It learns to predict hidden tokens from all others or
 * each next token from those before; see `objective`.
 *
 * ```ts
 * const language = new tasks.LanguageEncoder({ units: 64 })
 * await language.train(manyTexts)
 * await language.save('language')
 * const classifier = new tasks.TextClassifier({ encoder: language }) // or 'language'
 * await classifier.train(fewLabelledTexts)
 * ```
 */
export class LanguageEncoder extends ServedTask<LanguageEncoderParts, LanguageEncoderSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [languageEncoderOptions, trainLanguageEncoderOptions] as const

  /** `ERR_OPTION` for options that are unknown or out of range, or cannot be combined. */
  constructor(options: LanguageEncoderOptions = {}) {
    const settings = languageEncoderSettings(options)
    const { objective, bidirectional, layers } = settings
    if (objective === 'masked' && !bidirectional) {
      const instead = "objective: 'nextToken'"
      throw new SeqloomError('ERR_OPTION', `LanguageEncoder: hidden tokens need both directions; give ${instead}`)
    }
    if (objective === 'nextToken' && bidirectional && layers > 1) {
      throw new SeqloomError(
        'ERR_OPTION',
        `LanguageEncoder: of ${layers} layers in both directions, all but the first have read the next token; give layers: 1, bidirectional: false or objective: 'masked'`,
      )
    }
    super(saving, settings)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<LanguageEncoder> {
    return new LanguageEncoder().restored(directory)
  }

  /** The tokenizer; undefined if it was trained on arrays of tokens. `ERR_STATE` before training. */
  get tokenizer(): Tokenizer | undefined {
    const { tokens } = this.parts('tokenizer')
    return tokens instanceof Tokenizer ? tokens : undefined
  }

  /**
   * Trains on texts, or on arrays of tokens for a tagger, and returns the losses of the epochs, in nats per predicted
   * token, and perplexities. The vocabulary is built from the training part only; texts without tokens, and those with
   * a single one where the next is predicted, are left out. Texts that come one after another are kept in memory. One
   * that already has a model continues from its weights and vocabulary; meanwhile a copy of its earlier state answers
   * other calls, and a training that fails leaves it as it was.
   *
   * Rejects with `ERR_DATA` for bad texts (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another
   * training runs, and an AbortError when the signal aborts.
   */
  async train(texts: Rows<Writing>, options: TrainLanguageEncoderOptions = {}): Promise<History> {
    const settings = languageEncoderTraining(options)
    const { signal } = settings
    return await this.learn(settings, async (where, known) => {
      const given = await validationRows(where, settings.validationData, signal)
      return await withRows(where, texts, signal, (some) => this.#prepare(where, some, given, settings, known))
    })
  }

  /**
   * The loss on other texts, in nats per predicted token, and its perplexity; which tokens are hidden depends on the
   * seed alone. Rejects with `ERR_STATE` before training and with `ERR_DATA`, naming the row.
   */
  async evaluate(texts: Rows<Writing>, options: PredictTextsOptions = {}): Promise<LanguageEncoderEvaluation> {
    const settings = predictionSettings(this.where('evaluate'), options)
    return await withRows(this.where('evaluate'), texts, settings.signal, (some) => this.#evaluateAll(some, settings))
  }

  async #evaluateAll(
    texts: readonly Writing[],
    settings: ReturnType<typeof predictionSettings>,
  ): Promise<LanguageEncoderEvaluation> {
    return await this.use('evaluate', async (parts, where) => {
      checkWritings(where, texts, parts.tokens)
      const { x, y } = this.#measured(parts, await this.#read(where, texts, parts, settings.signal))
      // The first value is a mean over batches of different weights.
      const [, perplexity] = await parts.model.evaluate(x, y, settings)
      const count = y.reduce((sum, { length }) => sum + length, 0)
      return { loss: Math.log(perplexity as number), perplexity: perplexity as number, count }
    })
  }

  /** @internal What another task begins with. `ERR_STATE` before training, `ERR_UNSUPPORTED` with int8 weights. */
  async encoder(): Promise<EncoderParts> {
    return await this.use('encoder', async (parts, where) => encoderOf(where, parts, this.settings))
  }

  async #prepare(
    where: string,
    texts: readonly Writing[],
    given: readonly Writing[] | undefined,
    settings: LanguageEncoderTraining,
    known: LanguageEncoderParts | undefined,
  ): Promise<Training<LanguageEncoderParts, History>> {
    const { signal, batchSize, maxUnknown } = settings
    checkWritings(where, texts, known?.tokens)
    if (given) checkWritings(`${where}: validationData`, given, known?.tokens)
    throwIfAborted(signal)
    const division = divide(where, texts.map(splitRow), given?.map(splitRow), settings, this.settings.seed)
    const pick = (rows: readonly number[]) => rows.map((row) => texts[row] as Writing)
    const training = pick([...division.training].sort((a, b) => a - b))
    const parts = known ?? (await this.#create(training, signal))
    const rows = await this.#read(where, training, parts, signal)
    checkUnknown(where, withUnknown(parts.tokens), rows, { parts, further: known !== undefined, maxUnknown })
    const validation = given ?? pick(division.validation)
    const held = validation.length > 0 ? await this.#read(where, validation, parts, signal) : undefined
    if (held) tellUnknown(where, withUnknown(parts.tokens), held)
    throwIfAborted(signal)
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, rows.length, batchSize)
    const measured = held && this.#measured(parts, held)
    return {
      parts,
      run: () =>
        trainOn(
          parts,
          rows,
          measured,
          this.#goal(parts),
          { ...settings, epochs, ...division.kept },
          this.settings.seed,
        ),
    }
  }

  async #create(training: readonly Writing[], signal: AbortSignal | undefined): Promise<LanguageEncoderParts> {
    const tokens = await tokensOf(training, this.settings, signal)
    const words = tokens instanceof Vocabulary || (this.settings.tokens === 'word' && !this.settings.tokenizer)
    return { model: languageModel(this.settings, tokenCount(tokens)), tokens, words }
  }

  #goal({ tokens }: LanguageEncoderParts): Goal {
    const { objective, bidirectional } = this.settings
    return { objective, bidirectional, size: tokenCount(tokens) }
  }

  /** The ids of the rows that there is something to learn from; `ERR_DATA` if there are none. */
  async #read(
    where: string,
    rows: readonly Writing[],
    { tokens }: LanguageEncoderParts,
    signal: AbortSignal | undefined,
  ): Promise<Int32Array[]> {
    const least = leastTokens(this.settings)
    const found = (await encode(tokens, rows, this.settings, signal)).filter(({ length }) => length >= least)
    if (found.length > 0) return found
    const needed = least === 1 ? 'a token' : 'two tokens, of which one could predict the other'
    throw new SeqloomError('ERR_DATA', `${where}: no text has ${needed}`)
  }

  /** Always the same examples of texts. */
  #measured(parts: LanguageEncoderParts, rows: readonly Int32Array[]): Measured {
    return together([...examplesOf(rows, this.#goal(parts), randomOf(this.settings.seed, -1))])
  }
}

const splitRow = (text: Writing): SplitRow => ({
  key: typeof text === 'string' ? text : text.join('\u0000'),
  classes: [],
})

interface Measured {
  readonly x: { readonly tokens: Int32Array[]; readonly positions: Example['x']['positions'][] }
  readonly y: Int32Array[]
}

const together = (all: readonly Example[]): Measured => ({
  x: { tokens: all.map(({ x }) => x.tokens), positions: all.map(({ x }) => x.positions) },
  y: all.map(({ y }) => y),
})

/** Compiles the model with Adam, trains it on texts that are masked anew in each epoch, and puts the kept weights back. */
async function trainOn(
  parts: LanguageEncoderParts,
  rows: readonly Int32Array[],
  held: Measured | undefined,
  goal: Goal,
  settings: LanguageEncoderTraining & Kept & { readonly epochs: number },
  seed: number,
): Promise<History> {
  const { model } = parts
  const { epochs, batchSize, learningRate, signal } = settings
  const decaySteps = epochs * Math.ceil(rows.length / batchSize)
  const rate =
    typeof learningRate === 'number' ? cosineDecay({ initialLearningRate: learningRate, decaySteps }) : learningRate
  model.compile({
    optimizer: adam({ learningRate: rate, globalClipNorm: 1 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['perplexity'],
  })
  const first = together([...examplesOf(rows.slice(0, batchSize), goal, randomOf(seed, 0))])
  const batches = examples(rows, goal, seed).batch(batchSize, {
    bucketByLength: (({ x }: Example) => x.tokens.length) as never,
    seed,
  })
  return await keepBest(
    parts,
    { ...settings, looks: gradientLooks(first.x, first.y) },
    (best) => [reports(rows.length, settings, best, byLoss)],
    (callbacks) =>
      model.fit(batches as never, {
        ...{ epochs, callbacks },
        ...(held && { validationData: [held.x, held.y] as const, validationBatchSize: batchSize }),
        ...(signal && { signal }),
      }),
  )
}
