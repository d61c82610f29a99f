import { checkOptions, custom, flag, given, integer, number, oneOf, seed } from '../../options.js'
import { Tokenizer } from '../../text/tokenizer.js'

/** How a text classifier is built. */
export interface TextClassifierOptions {
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRNN'
  /** Whether every recurrent layer reads in both directions; default true. */
  readonly bidirectional?: boolean
  /** The number of recurrent layers; default 1. */
  readonly layers?: number
  /** The size of a recurrent layer's state, in each direction; default 64. */
  readonly units?: number
  /** The size of a word's vector; default 64. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the classification; default 0. */
  readonly dropout?: number
  /** What text is cut into; default `'word'`. Of characters and subwords none is ever unknown, or hardly any. */
  readonly tokens?: 'word' | 'character' | 'subword'
  /** A ready tokenizer; by default a vocabulary is built from the training rows. */
  readonly tokenizer?: Tokenizer
  /** The most tokens of a vocabulary built from the training rows; default 20000, of subwords 8192. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1, of pairs of subwords 2. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text, the first ones; default 300, or what a given tokenizer is set to. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split and of the order of training; default 0. */
  readonly seed?: number
}

const defaults = {
  cell: 'lstm',
  bidirectional: true,
  layers: 1,
  units: 64,
  embedding: 64,
  dropout: 0,
  tokens: 'word',
  seed: 0,
} as const

/** The options with their defaults. */
export type ClassifierSettings = TextClassifierOptions & Required<Pick<TextClassifierOptions, keyof typeof defaults>>

/** Checks the options of `new TextClassifier` and fills in the defaults; `ERR_OPTION`. */
export function classifierSettings(options: TextClassifierOptions): ClassifierSettings {
  checkOptions('TextClassifier', options, {
    accepted: {
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      bidirectional: flag,
      layers: integer(1, 64),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      tokens: oneOf(['word', 'character', 'subword']),
      tokenizer: custom('a tokenizer made by text.*', (value) => value instanceof Tokenizer),
      maxVocabulary: integer(3),
      minFrequency: integer(1),
      maxLength: integer(1),
      seed,
    },
  })
  return { ...defaults, ...given(options) }
}
