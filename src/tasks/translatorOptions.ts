import type { Callback } from '../callbacks/callback.js'
import { abortSignal, checkOptions, custom, flag, given, integer, number, oneOf, positive, seed } from '../options.js'
import { Tokenizer } from '../text/tokenizer.js'
import type { TranslationRow } from './translationRows.js'
import type { Level } from './units.js'

/** How a translator is built. */
export interface TranslatorOptions {
  /** The recurrent cell of the encoder, and of the decoder but for Bahdanau's, which has its own; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru'
  /** Luong's attention after the decoder's recurrence, which trains fastest, or Bahdanau's inside of it; default `'luong'`. */
  readonly attention?: 'luong' | 'bahdanau'
  /** The number of recurrent layers of the encoder, and of the decoder; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in the encoder in each direction; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 128. */
  readonly embedding?: number
  /** The rate of dropout after embeddings, between layers and before the choice of tokens; default 0.2. */
  readonly dropout?: number
  /** How sources are cut into tokens: `'word'` (words and punctuation), `'character'`, or as a tokenizer does, of subwords for example; default `'word'`. */
  readonly sourceTokenizer?: Level
  /** The same for targets. Rows that hold arrays are tokens already. */
  readonly targetTokenizer?: Level
  /** Whether texts are lowercased by tokenizers built from the rows; default false. */
  readonly lowercase?: boolean
  /** The most tokens of each vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text, the first ones; default 100. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split, of dropout and of the order of training; default 0. */
  readonly seed?: number
}

const defaults = {
  cell: 'lstm',
  attention: 'luong',
  layers: 1,
  units: 256,
  embedding: 128,
  dropout: 0.2,
  sourceTokenizer: 'word',
  targetTokenizer: 'word',
  lowercase: false,
  maxVocabulary: 20_000,
  minFrequency: 1,
  maxLength: 100,
  seed: 0,
} as const

/** The options with their defaults. */
export type TranslatorSettings = Required<TranslatorOptions>

const level = custom(
  "'word', 'character' or a tokenizer made by text.*",
  (value) => value === 'word' || value === 'character' || value instanceof Tokenizer,
)

/** Checks the options of `new Translator` and fills in the defaults; `ERR_OPTION`. */
export function translatorSettings(options: TranslatorOptions): TranslatorSettings {
  checkOptions('Translator', options, {
    accepted: {
      cell: oneOf(['lstm', 'gru']),
      attention: oneOf(['luong', 'bahdanau']),
      layers: integer(1, 16),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      sourceTokenizer: level,
      targetTokenizer: level,
      lowercase: flag,
      maxVocabulary: integer(3),
      minFrequency: integer(1),
      maxLength: integer(1),
      seed,
    },
  })
  return { ...defaults, ...given(options) }
}

/** Where training stands after a batch. */
export interface TranslatorProgress {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** How many rows this epoch has trained on. */
  readonly done: number
  /** How many rows an epoch trains on. */
  readonly total: number
  /** The mean loss of a token over the epoch so far. */
  readonly loss: number
}

/** What an epoch came to. */
export interface TranslatorEpoch {
  /** The epoch, from 1. */
  readonly epoch: number
  /** How many epochs there are. */
  readonly epochs: number
  /** The mean training loss of a token. */
  readonly loss: number
  /** The loss on the validation rows, if there are any. */
  readonly valLoss?: number
  /** How long the epoch took, validation included. */
  readonly seconds: number
  /** The epoch, from 1, whose weights are the best so far. */
  readonly best: number
}

/** How a translator is trained. */
export interface TrainTranslatorOptions {
  /** Default 8. */
  readonly epochs?: number
  /** How many rows a training step takes; rows of similar lengths go together. Default 64. */
  readonly batchSize?: number
  /** Adam's step; default 0.001. Gradients are clipped to a norm of 1. */
  readonly learningRate?: number
  /**
   * The share of the decoder's inputs that are its own guesses instead of the true words in the last epoch; from 0 in the first it rises
   * linearly (scheduled sampling, Bengio et al. 2015, arXiv 1506.03099). Guesses are made for all steps at once, from the true words before, as an epoch begins
   * (Duckworth et al. 2019, arXiv 1906.04331). Default 0.
   */
  readonly scheduledSampling?: number
  /** The share of the sources, drawn at random by the seed, that is kept apart to measure on, with all their rows; default 0.1. */
  readonly validationSplit?: number
  /** Rows to measure on instead. */
  readonly validationData?: readonly TranslationRow[]
  /** Whether the weights of the epoch with the lowest validation loss (without validation, that of training) are put back in the end; default true. */
  readonly restoreBest?: boolean
  /** Stops training: `train` rejects with an AbortError, and the translator has the best weights so far. */
  readonly signal?: AbortSignal
  /** Further callbacks of `fit`, such as one that changes the learning rate. */
  readonly callbacks?: Callback | readonly Callback[]
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TranslatorProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TranslatorEpoch) => void | Promise<void>
}

const trainingDefaults = {
  epochs: 8,
  batchSize: 64,
  learningRate: 1e-3,
  scheduledSampling: 0,
  validationSplit: 0.1,
  restoreBest: true,
  callbacks: [],
} as const

/** The training options with their defaults. */
export type TranslatorTraining = TrainTranslatorOptions &
  Required<Pick<TrainTranslatorOptions, keyof typeof trainingDefaults>>

const callback = custom('a function', (value) => typeof value === 'function')

/** Checks the options of `Translator.train` and fills in the defaults; `ERR_OPTION`. */
export function translatorTraining(options: TrainTranslatorOptions): TranslatorTraining {
  checkOptions('Translator.train', options, {
    accepted: {
      epochs: integer(1),
      batchSize: integer(1),
      learningRate: positive,
      scheduledSampling: custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1),
      validationSplit: number(0, 1),
      validationData: custom('an array of { source, target }', Array.isArray),
      restoreBest: flag,
      signal: abortSignal,
      callbacks: custom('a callback or an array of them', () => true),
      onProgress: callback,
      onEpoch: callback,
    },
  })
  return { ...trainingDefaults, ...given(options) }
}

/** How texts are translated. */
export interface TranslateOptions {
  /** How many hypotheses go on side by side; 1 is greedy. Default 4. */
  readonly beamWidth?: number
  /** How many translations of each text to return, the others as `alternatives`; at most `beamWidth`, default 1. */
  readonly nBest?: number
  /** The exponent of the length normalisation, as in `beamSearch`; default 0.6. */
  readonly lengthPenalty?: number
  /** The most tokens of a translation; default half as many again as the longest target of the training. */
  readonly maxLength?: number
  /** Whether to return what each token attends to; default false. */
  readonly alignments?: boolean
  /** Stops the call, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

const translationDefaults = { beamWidth: 4, nBest: 1, lengthPenalty: 0.6, alignments: false } as const

/** Checks the options of `Translator.translate` and `evaluate` and fills in the defaults; `ERR_OPTION`. */
export function translationSettings(
  where: string,
  options: TranslateOptions,
): TranslateOptions & Required<Pick<TranslateOptions, keyof typeof translationDefaults>> {
  checkOptions(where, options, {
    accepted: {
      beamWidth: integer(1, 1024),
      nBest: integer(1),
      lengthPenalty: number(0),
      maxLength: integer(1),
      alignments: flag,
      signal: abortSignal,
    },
  })
  return { ...translationDefaults, ...given(options) }
}
