import { checkOptions, flag, given, integer, number, oneOf, seed } from '../../options.js'
import { level, type TrainDecoderOptions, type WriteOptions } from '../decoding/options.js'
import type { Level } from '../decoding/units.js'
import type { TaskEpoch, TaskProgress } from '../shared/taskReports.js'
import type { TranslationRow } from './rows.js'

/** How a translator is built. */
export interface TranslatorOptions {
  /** The recurrent cell of the encoder, and of the decoder but for Bahdanau's, which has its own; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru'
  /** Bahdanau's attention inside of the decoder's recurrence, or Luong's after it, which takes less time a step but more steps; default `'bahdanau'`. */
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
  attention: 'bahdanau',
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
export type TranslatorProgress = TaskProgress

/** What an epoch came to. */
export type TranslatorEpoch = TaskEpoch

/** How a translator is trained. */
export type TrainTranslatorOptions = TrainDecoderOptions<TranslationRow>

/** How texts are translated. */
export type TranslateOptions = WriteOptions
