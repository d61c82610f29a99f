import type { History } from '../../callbacks/callback.js'
import type { Blocks } from '../../data/blocks.js'
import { Dataset, type Start } from '../../data/dataset.js'
import { randomOf } from '../../data/random.js'
import type { TokenFile } from '../../data/tokens/tokenFile.js'
import { SeqloomError } from '../../errors.js'
import { adam } from '../../optimizers/index.js'
import { cosineDecay } from '../../optimizers/schedules.js'
import { Tokenizer } from '../../text/tokenizer.js'
import type { Writing } from '../decoding/units.js'
import type { LanguageEncoderOptions, PredictTextsOptions, TrainLanguageEncoderOptions } from '../optionTypes.js'
import { inParts } from '../shared/answers.js'
import { defaultSplit, divide, type Kept } from '../shared/division.js'
import { throwIfAborted } from '../shared/fitTask.js'
import { keepBest } from '../shared/keepBest.js'
import { byLoss, reports } from '../shared/reports.js'
import type { Rows } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import type { SplitRow } from '../shared/split.js'
import { survey } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import { predictionSettings } from '../shared/training.js'
import { checkUnknown, tellUnknown } from '../shared/unknown.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { defaultEpochs } from '../shared/work.js'
import { type EncoderParts, encoderOf } from './encoder.js'
import { languageModel } from './model.js'
import { type Example, examples, examplesOf, type Goal, leastTokens, streamedExamples } from './objective.js'
import {
  type LanguageEncoderSettings,
  type LanguageEncoderTraining,
  languageEncoderOptions,
  languageEncoderSettings,
  languageEncoderTraining,
  trainLanguageEncoderOptions,
  usualEpochs,
} from './options.js'
import { Piece, type Reading, readings } from './pieces.js'
import { checkReadings, encode, pieceLength, tokenCount, tokensOf, withUnknown } from './reading.js'
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
   * a single one where the next is predicted, are left out. One that already has a model continues from its weights and
   * vocabulary; meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as it was.
   *
   * Texts that come one after another, such as the lines of `data.text`, may be more than fit into memory: one pass finds
   * a sample to build the vocabulary from and the validation part, and each epoch is a pass. Tokens that `data.writeTokens`
   * wrote are read in pieces of `maxLength`, with the `tokenizer` that made them as an option.
   *
   * Rejects with `ERR_DATA` for bad texts (naming the row), `ERR_OPTION`, `ERR_NUMERIC`, `ERR_STATE` while another
   * training runs, and an AbortError when the signal aborts.
   */
  async train(texts: Rows<Writing> | TokenFile, options: TrainLanguageEncoderOptions = {}): Promise<History> {
    const rows = readings(texts, pieceLength(this.settings))
    return await this.learnRows<Reading, LanguageEncoderTraining>(rows, languageEncoderTraining(options), {
      small: (...given) => this.#prepare(...given),
      large: (...given) => this.#prepareLarge(...given),
    })
  }

  /**
   * The loss on other texts, in nats per predicted token, and its perplexity, also on more than fit into memory; which
   * tokens are hidden depends on the seed alone. Rejects with `ERR_STATE` before training and with `ERR_DATA`, naming the
   * row.
   */
  async evaluate(
    texts: Rows<Writing> | TokenFile,
    options: PredictTextsOptions = {},
  ): Promise<LanguageEncoderEvaluation> {
    const settings = predictionSettings(this.where('evaluate'), options)
    return await this.use('evaluate', async (parts, where) => {
      const random = randomOf(this.settings.seed, measuring)
      let [sum, count] = [0, 0]
      await inParts(where, readings(texts, pieceLength(this.settings)), async (some) => {
        checkReadings(where, some, parts.tokens)
        const rows = await this.#encode(some, parts, settings.signal)
        if (rows.length > 0) {
          const { x, y } = together([...examplesOf(rows, this.#goal(parts), random)])
          // The first value is a mean over batches of different weights.
          const [, perplexity] = await parts.model.evaluate(x, y, settings)
          const predicted = y.reduce((all, { length }) => all + length, 0)
          sum += predicted * Math.log(perplexity as number)
          count += predicted
        }
        return some
      })
      if (count === 0) throw this.#nothing(where)
      const loss = sum / count
      return { loss, perplexity: Math.exp(loss), count }
    })
  }

  /** @internal What another task begins with. `ERR_STATE` before training, `ERR_UNSUPPORTED` with int8 weights. */
  async encoder(): Promise<EncoderParts> {
    return await this.use('encoder', async (parts, where) => encoderOf(where, parts, this.settings))
  }

  async #prepare(
    where: string,
    texts: readonly Reading[],
    given: readonly Reading[] | undefined,
    settings: LanguageEncoderTraining,
    known: LanguageEncoderParts | undefined,
  ): Promise<Training<LanguageEncoderParts, History>> {
    const { signal, batchSize, maxUnknown } = settings
    checkReadings(where, texts, known?.tokens, this.settings.tokenizer)
    if (given) checkReadings(`${where}: validationData`, given, known?.tokens ?? texts[0])
    throwIfAborted(signal)
    const division = divide(where, texts.map(splitRow), given?.map(splitRow), settings, this.settings.seed)
    const pick = (rows: readonly number[]) => rows.map((row) => texts[row] as Reading)
    const training = pick([...division.training].sort((a, b) => a - b))
    const parts = known ?? (await this.#create(training, signal))
    const rows = await this.#read(where, training, parts, signal)
    checkUnknown(where, withUnknown(parts.tokens), rows, { parts, further: known !== undefined, maxUnknown })
    const validation = given ?? pick(division.validation)
    const held = validation.length > 0 ? await this.#read(where, validation, parts, signal) : undefined
    if (held) tellUnknown(where, withUnknown(parts.tokens), held)
    throwIfAborted(signal)
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, rows.length, batchSize)
    const goal = this.#goal(parts)
    const { seed } = this.settings
    const corpus = {
      examples: examples(rows, goal, seed),
      rows: rows.length,
      held: held && this.#measured(parts, held),
    }
    return { parts, run: () => trainOn(parts, corpus, { ...settings, epochs, ...division.kept }, seed) }
  }

  async #prepareLarge(
    where: string,
    all: Dataset<Reading>,
    given: readonly Reading[] | undefined,
    settings: LanguageEncoderTraining,
    known: LanguageEncoderParts | undefined,
  ): Promise<Training<LanguageEncoderParts, History>> {
    const { signal, batchSize, maxUnknown, validationSplit = defaultSplit } = settings
    const { seed } = this.settings
    let first: Reading | undefined
    const surveyed = await survey(all, {
      check: (rows) => {
        first ??= rows[0] as Reading
        checkReadings(where, rows, known?.tokens ?? first, this.settings.tokenizer)
      },
      keyOf: (row) => splitRow(row).key,
      ...{ given, share: validationSplit, seed, signal },
    })
    if (given) checkReadings(`${where}: validationData`, given, known?.tokens ?? first)
    const parts = known ?? (await this.#create(surveyed.sample, signal))
    const sample = await this.#read(where, surveyed.sample, parts, signal)
    checkUnknown(where, withUnknown(parts.tokens), sample, { parts, further: known !== undefined, maxUnknown })
    const held = surveyed.held.length > 0 ? await this.#read(where, surveyed.held, parts, signal) : undefined
    if (held) tellUnknown(where, withUnknown(parts.tokens), held)
    const { training, rows, buffer } = surveyed
    const encode = (some: readonly Reading[]) => this.#encode(some, parts, signal)
    const ids = async function* (start: Start): Blocks<Int32Array> {
      for await (const block of training.open(start)) yield await encode(block)
    }
    const goal = this.#goal(parts)
    const texts = new Dataset<Int32Array>({ name: training.name, all: ids })
    const corpus = {
      ...{ examples: streamedExamples(texts, buffer, goal, seed), rows },
      held: held && this.#measured(parts, held),
    }
    const epochs = settings.epochs ?? defaultEpochs(usualEpochs, rows, batchSize)
    return { parts, run: () => trainOn(parts, corpus, { ...settings, epochs }, seed) }
  }

  async #create(training: readonly Reading[], signal: AbortSignal | undefined): Promise<LanguageEncoderParts> {
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
    rows: readonly Reading[],
    parts: LanguageEncoderParts,
    signal: AbortSignal | undefined,
  ): Promise<Int32Array[]> {
    const found = await this.#encode(rows, parts, signal)
    if (found.length > 0) return found
    throw this.#nothing(where)
  }

  /** The ids of those rows. */
  async #encode(
    rows: readonly Reading[],
    { tokens }: LanguageEncoderParts,
    signal: AbortSignal | undefined,
  ): Promise<Int32Array[]> {
    const least = leastTokens(this.settings)
    return (await encode(tokens, rows, this.settings, signal)).filter(({ length }) => length >= least)
  }

  #nothing(where: string): SeqloomError {
    const needed = leastTokens(this.settings) === 1 ? 'a token' : 'two tokens, of which one could predict the other'
    return new SeqloomError('ERR_DATA', `${where}: no text has ${needed}`)
  }

  /** Always the same examples of texts. */
  #measured(parts: LanguageEncoderParts, rows: readonly Int32Array[]): Measured {
    return together([...examplesOf(rows, this.#goal(parts), randomOf(this.settings.seed, measuring))])
  }
}

/** The number of the draws of what is hidden in measurements; passes have those from 0 on. */
const measuring = -1

const splitRow = (text: Reading): SplitRow => ({
  key: typeof text === 'string' ? text : (text instanceof Piece ? text.ids : text).join('\u0000'),
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

/** What is learned from. */
interface Corpus {
  /** Those of each pass, with other tokens hidden. */
  readonly examples: Dataset<Example>
  /** How many texts a pass has. */
  readonly rows: number
  /** What is measured on. */
  readonly held: Measured | undefined
}

/** Compiles the model with Adam, trains it on texts that are masked anew in each epoch, and puts the kept weights back. */
async function trainOn(
  parts: LanguageEncoderParts,
  { examples: all, rows, held }: Corpus,
  settings: LanguageEncoderTraining & Partial<Kept> & { readonly epochs: number },
  seed: number,
): Promise<History> {
  const { model } = parts
  const { epochs, batchSize, learningRate, signal } = settings
  const decaySteps = epochs * Math.ceil(rows / batchSize)
  const rate =
    typeof learningRate === 'number' ? cosineDecay({ initialLearningRate: learningRate, decaySteps }) : learningRate
  model.compile({
    optimizer: adam({ learningRate: rate, globalClipNorm: 1 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['perplexity'],
  })
  const batches = all.batch(batchSize, {
    bucketByLength: (({ x }: Example) => x.tokens.length) as never,
    seed,
  })
  return await keepBest(
    parts,
    settings,
    (best) => [reports(rows, settings, best, byLoss)],
    (callbacks) =>
      model.fit(batches as never, {
        ...{ epochs, callbacks },
        ...(held && { validationData: [held.x, held.y] as const, validationBatchSize: batchSize }),
        ...(signal && { signal }),
      }),
  )
}
