import type { History } from '../callbacks/callback.js'
import { describe, SeqloomError } from '../errors.js'
import type { SaveOptions, Sequential } from '../model/index.js'
import { adam } from '../optimizers/index.js'
import { cosineDecay } from '../optimizers/schedules.js'
import { charTokenizer, languageModelBatches, subwordTokenizer, wordTokenizer } from '../text/index.js'
import type { Tokenizer } from '../text/tokenizer.js'
import { throwIfAborted } from './fitTask.js'
import { generatorModel } from './generatorModel.js'
import {
  type GenerateTextOptions,
  type GeneratorSettings,
  type GeneratorTraining,
  generateTextSettings,
  generatorSettings,
  generatorTraining,
  type TextGeneratorOptions,
  type TrainGeneratorOptions,
} from './generatorOptions.js'
import { generatorReports } from './generatorReports.js'
import { keepBest } from './keepBest.js'
import { type GeneratorParts, readGenerator, saveGenerator } from './savedGenerator.js'
import { TextStream } from './textStream.js'

/** The steps and rows that a text is evaluated in. */
const evaluation = { time: 100, rows: 16 }

/**
 * Learns to go on with a text: a vocabulary of its characters, words or subwords, an embedding, recurrent layers whose states go on from step to
 * step, and a softmax over the vocabulary.
 */
export class TextGenerator {
  readonly #settings: GeneratorSettings
  #parts: GeneratorParts | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: TextGeneratorOptions = {}) {
    this.#settings = generatorSettings(options)
  }

  /** Loads what {@link save} wrote. Rejects with `ERR_IO` or `ERR_FORMAT`, naming the file. */
  static async load(directory: string | URL): Promise<TextGenerator> {
    const generator = new TextGenerator()
    generator.#parts = await readGenerator(directory)
    return generator
  }

  /** Whether there is a model: training has begun, or the generator was loaded. */
  get ready(): boolean {
    return this.#parts !== undefined
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
   * Trains on a text and returns the losses of the epochs, in nats a token, and perplexities. The vocabulary is built from the training part only.
   * A generator that has a model already goes on from its weights and vocabulary.
   *
   * Rejects with `ERR_DATA` for a text that is too short for a batch, `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(text: string, options: TrainGeneratorOptions = {}): Promise<History> {
    const settings = generatorTraining(options)
    checkText('TextGenerator.train', text)
    const { signal } = settings
    throwIfAborted(signal)
    const [training, held] = divide(text, settings.validationSplit)
    const parts = this.#parts ?? (await this.#create(training))
    const { model } = parts
    const { epochs, learningRate, batchSize, time } = settings
    const { x, y } = languageModelBatches(await encode(parts.tokenizer, training), { batchSize, time })
    const validation = held === '' ? undefined : batchesOf(await encode(parts.tokenizer, held), settings)
    const rows = x.shape[0] as number
    const decaySteps = (epochs * rows) / batchSize
    const rate =
      typeof learningRate === 'number' ? cosineDecay({ initialLearningRate: learningRate, decaySteps }) : learningRate
    model.compile({
      optimizer: adam({ learningRate: rate }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['perplexity'],
    })
    this.#parts = parts
    return await keepBest(
      parts,
      settings,
      (best) => [generatorReports(rows, settings, best)],
      (callbacks) =>
        model.fit(x, y, {
          ...{ epochs, batchSize, callbacks },
          ...(validation && {
            validationData: [validation.x, validation.y],
            validationBatchSize: validation.batchSize,
          }),
          ...(signal && { signal }),
        }),
    )
  }

  /**
   * Goes on with a prompt, piece by piece as they become ready; the prompt itself is not repeated. Who stops reading stops the work. An empty prompt
   * begins as the training text does. Errors: `ERR_STATE` before training, `ERR_OPTION`, `ERR_DATA` for a prompt that is no text; an AbortError.
   */
  async *generate(prompt = '', options: GenerateTextOptions = {}): AsyncGenerator<string, void, void> {
    const { stops, rest } = generateTextSettings(options)
    const { model, tokenizer, first } = this.#existing()
    if (typeof prompt !== 'string') {
      throw new SeqloomError('ERR_DATA', `TextGenerator.generate: the prompt must be a string, not ${describe(prompt)}`)
    }
    const encoded = await encode(tokenizer, prompt)
    const tokens = encoded.length > 0 ? encoded : Int32Array.of(first)
    const stream = new TextStream(tokenizer, tokens, stops)
    for await (const portion of model.generateInPortions(tokens, rest)) {
      const piece = stream.push(portion)
      if (piece !== '') yield piece
      if (stream.stopped) return
    }
    const last = stream.end()
    if (last !== '') yield last
  }

  /**
   * The loss on another text in nats a token, and its perplexity. Rejects with `ERR_STATE` before training and with `ERR_DATA` for fewer than two
   * tokens.
   */
  async evaluate(text: string): Promise<{ readonly loss: number; readonly perplexity: number }> {
    const { model, tokenizer } = this.#existing()
    checkText('TextGenerator.evaluate', text)
    const tokens = await encode(tokenizer, text)
    const { x, y, batchSize } = batchesOf(tokens, { batchSize: evaluation.rows, time: evaluation.time })
    const [loss, perplexity] = await model.evaluate(x, y, { batchSize })
    return { loss: loss as number, perplexity: perplexity as number }
  }

  /** Saves model and tokenizer in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await saveGenerator(directory, this.#existing(), options)
  }

  #existing(): GeneratorParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError('ERR_STATE', 'TextGenerator: there is no model yet; call train or TextGenerator.load first')
  }

  async #create(text: string): Promise<GeneratorParts> {
    const { tokens, maxVocabulary = tokens === 'subword' ? 8192 : 20_000 } = this.#settings
    const make = { character: charTokenizer, word: wordTokenizer, subword: subwordTokenizer }[tokens]
    const tokenizer = this.#settings.tokenizer ?? (await make([text], { maxVocabulary }))
    const [first] = await encode(tokenizer, text)
    if (first === undefined) throw new SeqloomError('ERR_DATA', 'TextGenerator.train: the text has no tokens')
    return { model: generatorModel(this.#settings, tokenizer.vocabularySize), tokenizer, first }
  }
}

/** Where the part at the end begins that is kept apart. */
function divide(text: string, share: number): [string, string] {
  const end = Math.floor(text.length * (1 - share))
  return [text.slice(0, end), text.slice(end)]
}

/** As many rows as fit, at most those asked for, and shorter ones where the text is short. */
function batchesOf(tokens: Int32Array, { batchSize, time }: Pick<GeneratorTraining, 'batchSize' | 'time'>) {
  const steps = Math.max(1, Math.min(time, tokens.length - 1))
  const rows = Math.max(1, Math.min(batchSize, Math.floor((tokens.length - 1) / steps)))
  return languageModelBatches(tokens, { batchSize: rows, time: steps })
}

async function encode(tokenizer: Tokenizer, text: string): Promise<Int32Array> {
  const [tokens] = await tokenizer.encode([text], { specialTokens: false })
  return tokens as Int32Array
}

function checkText(where: string, text: unknown): asserts text is string {
  if (typeof text === 'string' && text.length > 0) return
  throw new SeqloomError('ERR_DATA', `${where}: expected a text that is not empty, got ${describe(text)}`)
}
