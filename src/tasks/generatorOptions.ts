import { type GenerateOptions, generateChecks } from '../model/generate.js'
import { learningRate, type Schedule } from '../optimizers/schedules.js'
import { abortSignal, checkOptions, custom, filePath, flag, given, integer, number, oneOf, seed } from '../options.js'
import { Tokenizer } from '../text/tokenizer.js'
import { callback } from './classifierOptions.js'
import type { BackupSettings } from './keepBest.js'
import { shareOfTokens } from './unknown.js'

/** What a text is cut into. */
export type TokenUnit = 'character' | 'word' | 'subword'

/** How a text generator is built. */
export interface TextGeneratorOptions {
  /** What text is cut into; default `'character'`. */
  readonly tokens?: TokenUnit
  /** A ready tokenizer; by default a vocabulary is built from the training text. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training text; default 20000, of subwords 8192. */
  readonly maxVocabulary?: number
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
  /** The number of recurrent layers; default 2. */
  readonly layers?: number
  /** The size of a recurrent layer's state; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout between the recurrent layers; default 0.2. */
  readonly dropout?: number
  /** Whether the vectors of tokens serve at the output, too; default false. */
  readonly tied?: boolean
  /** The seed of the first weights and of dropout; default 0. */
  readonly seed?: number
}

const defaults = {
  tokens: 'character',
  cell: 'lstm',
  layers: 2,
  units: 256,
  embedding: 64,
  dropout: 0.2,
  tied: false,
  seed: 0,
} as const

/** The options with their defaults. */
export type GeneratorSettings = TextGeneratorOptions & Required<Pick<TextGeneratorOptions, keyof typeof defaults>>

/** Checks the options of `new TextGenerator` and fills in the defaults; `ERR_OPTION`. */
export function generatorSettings(options: TextGeneratorOptions): GeneratorSettings {
  checkOptions('TextGenerator', options, {
    accepted: {
      tokens: oneOf(['character', 'word', 'subword']),
      tokenizer: custom('a tokenizer made by text.*', (value) => value instanceof Tokenizer),
      maxVocabulary: integer(3),
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      layers: integer(1, 64),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      tied: flag,
      seed,
    },
  })
  return { ...defaults, ...given(options) }
}

/** Where training stands after a batch. */
export interface GeneratorProgress {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** How many tokens this epoch has trained on. */
  readonly done: number
  /** How many tokens an epoch trains on. */
  readonly total: number
  /** The mean loss over the epoch so far, in nats a token. */
  readonly loss: number
}

/** What an epoch came to. */
export interface GeneratorEpoch {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** The mean training loss, in nats a token. */
  readonly loss: number
  /** The loss on the end of the text, if a part of it is kept apart. */
  readonly valLoss?: number
  /** How long the epoch took, validation included. */
  readonly seconds: number
  /** The epoch, from 1, whose weights are kept so far: the best one, or the last where none can be told to be better. */
  readonly best: number
}

/** How a text generator is trained. */
export interface TrainGeneratorOptions extends BackupSettings {
  /** Default 10, or as many as 400 training steps need. */
  readonly epochs?: number
  /** How many parts of the text are read side by side; default 64, or as many as a short text has. */
  readonly batchSize?: number
  /**
   * How many tokens are read before each training step, through which errors go back; states go on from step to step. Default 100, or as many as a
   * short text has.
   */
  readonly time?: number
  /** Adam's first step, which falls to 0 on half a cosine, or a schedule; default 0.004. */
  readonly learningRate?: number | Schedule
  /**
   * The share of the text, its end, that is kept apart to measure on; default 0.1, or 0 where that would be fewer than 100 tokens, which are too few to
   * tell epochs apart.
   */
  readonly validationSplit?: number
  /**
   * Whether the weights of the epoch with the lowest loss (on the validation part, if there is one) are put back in the end; default true, but where
   * the validation part is too small to tell epochs apart, the last epoch's weights are kept, with a warning.
   */
  readonly restoreBest?: boolean
  /** The share of tokens that the vocabulary of a model trained before may lack in the text of a further training; default 0.1. */
  readonly maxUnknown?: number
  /** Stops training: `train` rejects with an AbortError, and the generator has the best weights so far. */
  readonly signal?: AbortSignal
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: GeneratorProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: GeneratorEpoch) => void | Promise<void>
}

const trainingDefaults = { learningRate: 4e-3 } as const

/** The training options, with their defaults where these do not depend on the text. */
export type GeneratorTraining = TrainGeneratorOptions &
  Required<Pick<TrainGeneratorOptions, keyof typeof trainingDefaults>>

/** Checks the options of `TextGenerator.train` and fills in the defaults; `ERR_OPTION`. */
export function generatorTraining(options: TrainGeneratorOptions): GeneratorTraining {
  checkOptions('TextGenerator.train', options, {
    accepted: {
      epochs: integer(1),
      batchSize: integer(1),
      time: integer(1),
      learningRate,
      validationSplit: number(0, 1),
      restoreBest: flag,
      backupDir: filePath,
      resume: flag,
      maxUnknown: shareOfTokens,
      signal: abortSignal,
      onProgress: callback,
      onEpoch: callback,
    },
  })
  return { ...trainingDefaults, ...given(options) }
}

/** How text is generated: as {@link GenerateOptions}, and where it ends. */
export interface GenerateTextOptions extends Omit<GenerateOptions, 'output' | 'from'> {
  /** Generation ends before the first of these strings; default none. */
  readonly stop?: string | readonly string[]
}

const isStop = (value: unknown) => typeof value === 'string' && value.length > 0

/** Checks the options of `TextGenerator.generate`; `ERR_OPTION`. Gives the strings to stop at and the rest. */
export function generateTextSettings(options: GenerateTextOptions): {
  stops: readonly string[]
  rest: GenerateOptions
} {
  checkOptions('TextGenerator.generate', options, {
    accepted: {
      ...generateChecks,
      stop: custom('a string that is not empty, or an array of them', (v) =>
        Array.isArray(v) ? v.every(isStop) : isStop(v),
      ),
    },
  })
  const { stop = [], ...rest } = options
  return { stops: typeof stop === 'string' ? [stop] : stop, rest }
}
