import { layers } from '../layers/index.js'
import { sequential } from '../model/index.js'
import { checkOptions, custom, flag, integer, number, oneOf, seed } from '../options.js'
import { Tokenizer } from '../text/tokenizer.js'

/** How a text classifier is built. */
export interface TextClassifierOptions {
  /** The recurrent cell; default `'lstm'`. */
  readonly cell?: 'lstm' | 'gru' | 'simpleRnn'
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
  /** A ready tokenizer; by default a word vocabulary is built from the training rows. */
  readonly tokenizer?: Tokenizer
  /** The most words of a vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a word must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a text, the first ones; default 300. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split and of the order of training; default 0. */
  readonly seed?: number
}

/** The options with their defaults. */
export type ClassifierSettings = Required<Omit<TextClassifierOptions, 'tokenizer'>> & { readonly tokenizer?: Tokenizer }

const defaults = {
  cell: 'lstm',
  bidirectional: true,
  layers: 1,
  units: 64,
  embedding: 64,
  dropout: 0,
  maxVocabulary: 20_000,
  minFrequency: 1,
  maxLength: 300,
  seed: 0,
} as const

/** Checks the options of `new TextClassifier` and fills in the defaults; `ERR_OPTION`. */
export function classifierSettings(options: TextClassifierOptions): ClassifierSettings {
  checkOptions('TextClassifier', options, {
    accepted: {
      cell: oneOf(['lstm', 'gru', 'simpleRnn']),
      bidirectional: flag,
      layers: integer(1, 64),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      tokenizer: custom('a tokenizer of text.*', (value) => value instanceof Tokenizer),
      maxVocabulary: integer(3),
      minFrequency: integer(1),
      maxLength: integer(1),
      seed,
    },
  })
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(given) }
}

/** The model of a text classifier: embedding, recurrent layers, the last state of the last one, softmax over the classes. */
export function classifierModel(settings: ClassifierSettings, vocabularySize: number, classes: number) {
  const { cell, units, dropout } = settings
  const stack = [layers.embedding({ inputDim: vocabularySize, outputDim: settings.embedding })]
  if (dropout > 0) stack.push(layers.dropout({ rate: dropout }))
  for (let index = 1; index <= settings.layers; index++) {
    const layer = layers[cell]({ units, returnSequences: index < settings.layers })
    stack.push(settings.bidirectional ? layers.bidirectional({ layer }) : layer)
  }
  if (dropout > 0) stack.push(layers.dropout({ rate: dropout }))
  stack.push(layers.dense({ units: classes, activation: 'softmax' }))
  return sequential(stack, { seed: settings.seed })
}
