import type { History } from '../../callbacks/callback.js'
import type { Dataset } from '../../data/dataset.js'
import { isStreamed } from '../../data/sources.js'
import type { TensorLike } from '../../data/tensor.js'
import type { TokenFile, TokenWindow } from '../../data/tokens/tokenFile.js'
import { describe, SeqloomError } from '../../errors.js'
import { adam } from '../../optimizers/index.js'
import { cosineDecay } from '../../optimizers/schedules.js'
import { abortSignal, checkOptions } from '../../options.js'
import { charTokenizer, languageModelBatches, subwordTokenizer, wordTokenizer } from '../../text/index.js'
import type { LanguageModelBatches } from '../../text/languageModelBatches.js'
import { type Tokenizer, wholeCharacters } from '../../text/tokenizer.js'
import type { TextGeneratorOptions, TrainGeneratorOptions } from '../optionTypes.js'
import { defaultSplit, type Kept, keep } from '../shared/division.js'
import {
  type Beginning,
  beginWith,
  checkAgrees,
  denseIn,
  type EncoderParts,
  encoderTokenizer,
  fineTuning,
  readEncoder,
  readingLayers,
  sameIds,
} from '../shared/encoder.js'
import { throwIfAborted, trainKept } from '../shared/fitTask.js'
import { byLoss, reports } from '../shared/reports.js'
import { checkList, finite, type RowStream } from '../shared/rows.js'
import type { Training } from '../shared/served.js'
import { prepared } from '../shared/survey.js'
import { ServedTask } from '../shared/task.js'
import type { Unfreezing } from '../shared/unfreezing.js'
import { checkUnknown, tellUnknown } from '../shared/unknown.js'
import { defaultEpochs } from '../shared/work.js'
import { checkTextRows, corpusOf, isTokens, joined, sampleOf as sampleFrom, type TrainingText } from './corpus.js'
import { generatorModel } from './model.js'
import {
  type GenerateTextOptions,
  type GeneratorSettings,
  type GeneratorTraining,
  generateTextSettings,
  generatorOptions,
  generatorSettings,
  generatorTraining,
  trainGeneratorOptions,
  usual,
} from './options.js'
import { type GeneratorParts, saving } from './saved.js'
import { TextStream } from './textStream.js'

export type { TrainingText } from './corpus.js'
export type { GenerateTextOptions, GeneratorEpoch, GeneratorProgress, TokenUnit } from './options.js'

/** The steps and rows that a text is evaluated in. */
const evaluation = { time: 100, rows: 16 }

/**
 * The loss of a token varies by a nat or two, so the mean over 100 is known to about 0.15; with fewer, epochs cannot be
 * told apart.
 */
const leastTokens = 100

/** How many tokens of a file tell how many are unknown. */
const lookedAt = 2 ** 20

/** How well a generator predicts a text. */
export interface GeneratorEvaluation {
  /** The mean of −log of a token's probability, in nats. */
  readonly loss: number
  /** e to the loss. */
  readonly perplexity: number
  /** The number of predicted tokens. */
  readonly count: number
}

/**
 * Learns to continue a text: a vocabulary of its characters, words or subwords, an embedding, recurrent layers that
 * carry their states from step to step, and a softmax over the vocabulary.
 */
export class TextGenerator extends ServedTask<GeneratorParts, GeneratorSettings> {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [generatorOptions, trainGeneratorOptions] as const

  readonly #given: TextGeneratorOptions

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TextGeneratorOptions = {}) {
    // Its encoder becomes part of the model.
    const { encoder, ...settings } = generatorSettings(options)
    super(saving, settings)
    this.#given = { ...options }
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static load(directory: string | URL): Promise<TextGenerator> {
    return new TextGenerator().restored(directory)
  }

  /** The tokenizer, with its vocabulary; `ERR_STATE` before training. */
  get tokenizer(): Tokenizer {
    return this.parts('tokenizer').tokenizer
  }

  /**
   * Trains on a text and returns the losses of the epochs, in nats per token, and perplexities. The vocabulary is built
   * from the training part only. A generator that already has a model continues from its weights and vocabulary;
   * meanwhile a copy of its earlier state answers other calls, and a training that fails leaves it as it was.
   *
   * Texts that come one after another are read as one, each on lines of its own. They may be more than fit into memory:
   * their tokens are then put into a file for the time being, in which each training step reads its part. Tokens that
   * `data.writeTokens` put into a file need the option `tokenizer`, the one that made them.
   *
   * Rejects with `ERR_DATA` for a text that is too short, `ERR_OPTION`, also for an `encoder` that does not read as a
   * generator does, `ERR_NUMERIC`, `ERR_STATE` while another training runs, and an AbortError when the signal aborts.
   */
  async train(text: TrainingText, options: TrainGeneratorOptions = {}): Promise<History> {
    const settings = generatorTraining(options)
    return await this.learn(settings, async (where, known) => {
      if (isTokens(text)) return await this.#prepareTokens(where, text, settings, known)
      if (!isStreamed(text)) return await this.#prepare(where, text as string, settings, known)
      return await prepared<string, GeneratorParts, History>(where, text as RowStream<string>, settings.signal, {
        small: async (texts) => {
          checkTextRows(where, texts)
          return await this.#prepare(where, joined(texts), settings, known)
        },
        large: (texts) => this.#prepareTokens(where, texts, settings, known),
      })
    })
  }

  /**
   * Continues a prompt, in pieces as they become ready; the prompt itself is not repeated. Generation stops when the
   * consumer stops reading. An empty prompt begins like the training text. Padding and unknown tokens are never drawn.
   * Errors: `ERR_STATE` before training, `ERR_OPTION`, `ERR_DATA` for a prompt that is not a text; an AbortError.
   */
  async *generate(prompt = '', options: GenerateTextOptions = {}): AsyncGenerator<string, void, void> {
    const where = this.where('generate')
    const { stops, rest } = generateTextSettings(options)
    // The portions come from a copy of the weights, so that nothing has to wait for their reader.
    const { stream, portions } = await this.alone('generate', async ({ model, tokenizer, first }) => {
      if (typeof prompt !== 'string') {
        throw new SeqloomError('ERR_DATA', `${where}: the prompt must be a string, not ${describe(prompt)}`)
      }
      const encoded = await encode(tokenizer, prompt, rest.signal)
      const tokens = encoded.length > 0 ? encoded : Int32Array.of(first)
      return {
        stream: new TextStream(tokenizer, tokens, stops),
        portions: model.generateInPortions(tokens, { ...rest, exclude: unwritten(tokenizer, rest.exclude) }),
      }
    })
    for await (const portion of portions) {
      const piece = stream.push(portion)
      if (piece !== '') yield piece
      if (stream.stopped) return
    }
    const last = stream.end()
    if (last !== '') yield last
  }

  /**
   * The loss on another text, in nats per token, and its perplexity; on texts of any size, or on tokens, as for
   * {@link train}. Rejects with `ERR_STATE` before training and with `ERR_DATA` for fewer than two tokens.
   */
  async evaluate(text: TrainingText, options: { readonly signal?: AbortSignal } = {}): Promise<GeneratorEvaluation> {
    checkOptions(this.where('evaluate'), options, { accepted: { signal: abortSignal } })
    if (!isTokens(text) && !isStreamed(text)) return await this.#measure(text as string, options)
    return await this.use('evaluate', async ({ model, tokenizer }, where) => {
      const given = isTokens(text) ? text : finite(where, text as RowStream<string>)
      const { tokens, close } = await corpusOf(where, given, tokenizer, options.signal)
      try {
        if (tokens.length < 2) throw new SeqloomError('ERR_DATA', `${where}: the text must have at least 2 tokens`)
        const { batchSize, time } = measuredIn(tokens.length, evaluation.rows, evaluation.time)
        const rows = tokens.batches({ batchSize, time })
        const [loss, perplexity] = await model.evaluate(rows, { batchSize, ...options })
        const count = Math.floor((tokens.length - 1) / batchSize / time) * batchSize * time
        return { loss: loss as number, perplexity: perplexity as number, count }
      } finally {
        await close()
      }
    })
  }

  async #measure(text: string, options: { readonly signal?: AbortSignal }): Promise<GeneratorEvaluation> {
    return await this.use('evaluate', async ({ model, tokenizer }, where) => {
      checkText(where, text)
      const tokens = await encode(tokenizer, text, options.signal)
      if (tokens.length < 2) throw new SeqloomError('ERR_DATA', `${where}: the text must have at least 2 tokens`)
      const { x, y, batchSize } = measuredBatches(tokens, evaluation.rows, evaluation.time)
      const [loss, perplexity] = await model.evaluate(x, y, { batchSize, ...options })
      return { loss: loss as number, perplexity: perplexity as number, count: y.data.length }
    })
  }

  /**
   * The probability of each token of the tokenizer to come next, after each text: what a transcriber takes as its
   * language model. A text begins a line. Rejects with `ERR_STATE` before training and with `ERR_DATA`.
   */
  async nextProbabilities(texts: readonly string[]): Promise<Float32Array[]> {
    return await this.use('nextProbabilities', async ({ model, tokenizer, first }, where) => {
      checkList(where, 'texts', texts)
      const before = tokenizer.tokenToId('\n') ?? first
      const encoded = await tokenizer.encode(texts, { specialTokens: false })
      const rows = encoded.map((tokens) => Int32Array.of(before, ...tokens))
      const { data, shape } = await model.predict(rows, { batchSize: rows.length })
      const [, time, size] = shape as [number, number, number]
      return rows.map((row, at) => {
        const start = (at * time + row.length - 1) * size
        return (data as Float32Array).slice(start, start + size)
      })
    })
  }

  async #prepare(
    where: string,
    text: string,
    settings: GeneratorTraining,
    known: GeneratorParts | undefined,
  ): Promise<Training<GeneratorParts, History>> {
    checkText(where, text)
    const { signal, validationSplit, restoreBest } = settings
    throwIfAborted(signal)
    let [training, end] = divided(text, validationSplit ?? defaultSplit)
    let made = known ? { parts: known } : await this.#create(where, training, signal)
    let held = end === '' ? undefined : await encode(made.parts.tokenizer, end, signal)
    let kept: Kept = { keep: 'best' }
    if (validationSplit !== 0) {
      const count = held?.length ?? 0
      const lacking = count < leastTokens ? `${count} tokens of at least ${leastTokens}` : undefined
      const onDemand = validationSplit !== undefined
      if (lacking && !onDemand) {
        ;[training, held] = [text, undefined]
        made = known ? { parts: known } : await this.#create(where, training, signal)
      }
      kept = keep({ where, what: `${text.length} characters are`, lacking, onDemand, restoreBest })
    }
    const { parts, beginning } = made
    const waiting = fineTuning(where, beginning, settings, 0)
    const tokens = await encode(parts.tokenizer, training, signal)
    checkUnknown(where, parts.tokenizer, [tokens], { ...settings, parts, further: known !== undefined })
    if (held) tellUnknown(where, parts.tokenizer, [held])
    const { time, batchSize } = layOut(where, tokens.length, settings)
    const { x, y } = languageModelBatches(tokens, { batchSize, time })
    if (held && held.length < 2) {
      const needed = 'to measure on; 2 are needed'
      throw new SeqloomError('ERR_DATA', `${where}: validationSplit ${validationSplit} leaves ${held.length} ${needed}`)
    }
    const validation = held && measuredBatches(held, batchSize, time)
    throwIfAborted(signal)
    const rows = x.shape[0] as number
    const epochs = settings.epochs ?? defaultEpochs(usual.epochs, rows, batchSize)
    return {
      parts,
      run: () =>
        trainGenerator(
          parts,
          { x: [x, y], rows, validation, unfreezing: waiting },
          { ...settings, epochs, batchSize, time, ...kept },
        ),
    }
  }

  async #prepareTokens(
    where: string,
    given: Dataset<string> | TokenFile,
    settings: GeneratorTraining,
    known: GeneratorParts | undefined,
  ): Promise<Training<GeneratorParts, History>> {
    const { signal, validationSplit: share = defaultSplit, maxUnknown } = settings
    const { seed, tokenizer: own } = this.settings
    let made: Created | undefined = known && { parts: known }
    if (isTokens(given)) {
      if (!made && !own) {
        throw new SeqloomError('ERR_OPTION', `${where}: give new TextGenerator the tokenizer that made the tokens`)
      }
      if (!made && this.#given.encoder !== undefined) {
        throw new SeqloomError(
          'ERR_OPTION',
          `${where}: tokens of a file have a tokenizer of their own, not the encoder's`,
        )
      }
      const ids = await given.read(0, Math.min(given.length, lookedAt))
      made ??= this.#with(own as Tokenizer, ids[0] as number)
      checkUnknown(where, made.parts.tokenizer, [ids], { parts: made.parts, further: known !== undefined, maxUnknown })
    } else {
      const sample = await sampleFrom(where, given, share, seed, signal)
      made ??= await this.#create(where, sample, signal)
      const ids = await encode(made.parts.tokenizer, sample, signal)
      checkUnknown(where, made.parts.tokenizer, [ids], { parts: made.parts, further: known !== undefined, maxUnknown })
    }
    const { parts, beginning } = made
    const waiting = fineTuning(where, beginning, settings, 0)
    const { tokens, close } = await corpusOf(where, given, parts.tokenizer, signal)
    try {
      const held = Math.floor(tokens.length * share)
      const to = tokens.length - held
      const { time, batchSize } = layOut(where, to, settings)
      const x = tokens.batches({ to, time, batchSize })
      const part = held >= 2 ? measuredIn(held, batchSize, time) : undefined
      const validation = part && { x: tokens.batches({ ...part, from: to }), batchSize: part.batchSize }
      const rows = Math.floor((to - 1) / batchSize / time) * batchSize
      const epochs = settings.epochs ?? defaultEpochs(usual.epochs, rows, batchSize)
      const all = { ...settings, epochs, batchSize, time, keep: 'best' as const }
      const data = { x, rows, validation, unfreezing: waiting }
      return { parts, run: () => trainGenerator(parts, data, all).finally(close) }
    } catch (error) {
      await close()
      throw error
    }
  }

  async #create(where: string, text: string, signal: AbortSignal | undefined): Promise<Created> {
    const { encoder: given } = this.#given
    const encoder = given === undefined ? undefined : await readEncoder(given)
    if (encoder) {
      const own = generatorEncoder(where, encoder)
      checkAgrees(where, this.#given, own)
      this.settings = { ...this.settings, ...own }
    }
    const { tokens, maxVocabulary = tokens === 'subword' ? 8192 : 20_000 } = this.settings
    const make = { character: charTokenizer, word: wordTokenizer, subword: subwordTokenizer }[tokens]
    const tokenizer = encoder
      ? encoderTokenizer(where, encoder, this.#given).withMaxLength()
      : (this.settings.tokenizer ?? (await make([text], { maxVocabulary, ...(signal && { signal }) })))
    const [first] = await encode(tokenizer, text, signal)
    if (first === undefined) throw new SeqloomError('ERR_DATA', `${where}: the text has no tokens`)
    return this.#with(tokenizer, first, encoder)
  }

  #with(tokenizer: Tokenizer, first: number, encoder?: EncoderParts): Created {
    const size = tokenizer.vocabularySize
    const model = generatorModel(this.settings, size)
    const beginning = encoder && readingLayers(model.layers, sameIds(size))
    if (encoder && beginning) {
      beginWith(this.where('train'), beginning, encoder)
      for (const [at, layer] of denseIn(model.layers).entries()) layer.setWeights(encoder.head[at] as TensorLike[])
    }
    return { parts: { model, tokenizer, first }, beginning }
  }
}

/** A generator, and its layers that begin with an encoder, if it is a new one that has one. */
interface Created {
  readonly parts: GeneratorParts
  readonly beginning?: Beginning | undefined
}

/** The options of a generator that begins with an encoder; `ERR_OPTION` for one that cannot foresee the next token. */
function generatorEncoder(where: string, { settings, objective, unit }: EncoderParts) {
  const { bidirectional, ...others } = settings
  if (objective === 'nextToken' && !bidirectional) return { ...others, tokens: unit, tied: true }
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: its encoder must have learned the next token, reading forwards only: objective: 'nextToken', bidirectional: false`,
  )
}

interface GeneratorData {
  readonly x: Dataset<TokenWindow> | readonly [TensorLike, TensorLike]
  readonly rows: number
  readonly validation:
    | LanguageModelBatches
    | { readonly x: Dataset<TokenWindow>; readonly batchSize: number }
    | undefined
  readonly unfreezing: Unfreezing | undefined
}

/** Compiles the model with Adam, trains it, and restores the kept epoch's weights, however the training ends. */
async function trainGenerator(
  parts: GeneratorParts,
  { x, rows, validation, unfreezing: waiting }: GeneratorData,
  settings: GeneratorTraining & Required<Pick<GeneratorTraining, 'epochs' | 'batchSize' | 'time'>> & Kept,
): Promise<History> {
  const { model } = parts
  const { epochs, batchSize, time, learningRate, signal } = settings
  const decaySteps = (epochs * rows) / batchSize
  const rate =
    typeof learningRate === 'number' ? cosineDecay({ initialLearningRate: learningRate, decaySteps }) : learningRate
  const optimizer = adam({ learningRate: rate })
  return await trainKept(
    parts,
    { ...settings, looks: { samples: () => sampleOf(parts) } },
    {
      unfreezing: waiting,
      compile: () => model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['perplexity'] }),
      callbacksFor: (best) => [reports(rows * time, { ...settings, batchSize: batchSize * time }, best, byLoss)],
      run: (range, callbacks) => {
        const options = {
          ...{ ...range, batchSize, callbacks },
          ...(validation && {
            validationData: 'y' in validation ? ([validation.x, validation.y] as const) : validation.x,
            validationBatchSize: validation.batchSize,
          }),
          ...(signal && { signal }),
        }
        return 'open' in x ? model.fit(x, options) : model.fit(...x, options)
      },
    },
  )
}

/** What is shown between two epochs: a text from the same beginning and by the same draws each time. */
const sampled = { maxTokens: 200, seed: 0, temperature: 0.8 }

/** A text that the model writes as it is now. */
async function sampleOf({ model, tokenizer, first }: GeneratorParts): Promise<string> {
  const ids: number[] = []
  const options = { ...sampled, exclude: unwritten(tokenizer) }
  for await (const portion of model.generateInPortions(Int32Array.of(first), options)) ids.push(...portion)
  return tokenizer.decode(ids)
}

/** A text without its end, and the end, which is held out. */
function divided(text: string, share: number): [string, string] {
  // At least one character is left, so that a text that is too short is reported as such.
  const end = wholeCharacters(text, Math.floor(text.length * (1 - share))) || wholeCharacters(text, 1) || 2
  return [text.slice(0, end), text.slice(end)]
}

/** How many rows of how many steps a training step reads; unless given, less than usual if the text is short. */
function layOut(where: string, tokens: number, { batchSize, time }: GeneratorTraining) {
  const most = tokens - 1
  const steps = time ?? Math.max(1, Math.min(usual.time, Math.floor(most / (batchSize ?? 1))))
  const rows = batchSize ?? Math.max(1, Math.min(usual.batchSize, Math.floor(most / steps)))
  if (rows * steps > most) {
    const needed = `a batchSize of ${rows} and a time of ${steps} need ${rows * steps + 1} tokens, the training part has ${tokens}`
    throw new SeqloomError('ERR_DATA', `${where}: ${needed}; give a longer text or smaller ones`)
  }
  return { batchSize: rows, time: steps }
}

/** As many rows as fit, up to the given number, and shorter ones if the text is short. */
function measuredIn(tokens: number, batchSize: number, time: number): { batchSize: number; time: number } {
  const steps = Math.max(1, Math.min(time, tokens - 1))
  return { batchSize: Math.max(1, Math.min(batchSize, Math.floor((tokens - 1) / steps))), time: steps }
}

/** Tokens to measure on, {@link measuredIn} so many rows. */
const measuredBatches = (tokens: Int32Array, batchSize: number, time: number): LanguageModelBatches =>
  languageModelBatches(tokens, measuredIn(tokens.length, batchSize, time))

async function encode(tokenizer: Tokenizer, text: string, signal: AbortSignal | undefined): Promise<Int32Array> {
  const [tokens] = await tokenizer.encode([text], { specialTokens: false, ...(signal && { signal }) })
  return tokens as Int32Array
}

function checkText(where: string, text: unknown): asserts text is string {
  if (typeof text === 'string' && fileName.test(text)) {
    throw new SeqloomError('ERR_DATA', `${where}: ${describe(text)} names a file; data.text reads files`)
  }
  if (typeof text === 'string' && text.length > 0) return
  throw new SeqloomError('ERR_DATA', `${where}: expected a text that is not empty, got ${describe(text)}`)
}

/** What is hardly meant as a text. */
const fileName = /^\S+\.(?:txt|md|csv|tsv|jsonl|ndjson|tokens)(?:\.gz|\.zst)?$/i

/** Tokens that are never drawn: those that are not text, and those that the options exclude. */
function unwritten({ paddingId, unknownId }: Tokenizer, exclude: GenerateTextOptions['exclude'] = []): number[] {
  return [...new Set([...exclude, ...[paddingId, unknownId].filter((id) => id !== undefined)])]
}
