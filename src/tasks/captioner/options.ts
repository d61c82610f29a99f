import { checkOptions, flag, given, integer, number, seed } from '../../options.js'
import { level, type TrainDecoderOptions, type WriteOptions } from '../decoding/options.js'
import type { Level } from '../decoding/units.js'
import { checkPatches } from './patches.js'
import type { CaptionRow } from './rows.js'

/** How a captioner is built. */
export interface CaptionerOptions {
  /** The side of the square patches that images are cut into, in points; default 8. */
  readonly patchSize?: number
  /** How far patches are apart, in points; less than `patchSize` lets them overlap, of which it must be a whole part. Default `patchSize`. */
  readonly patchStride?: number
  /** The dense layers that a patch passes; default 2. */
  readonly frontLayers?: number
  /** The size of an annotation vector, which a patch becomes; default 128. */
  readonly annotationSize?: number
  /** The size of the decoder's state and of its attention's hidden layer; default 256. */
  readonly units?: number
  /** The size of a token's vector; default 128. */
  readonly embedding?: number
  /** The rate of dropout after the embedding and before the choice of tokens; default 0.2. */
  readonly dropout?: number
  /** The factor λ of the doubly stochastic penalty, which makes a caption look at every place about once; default 0, none. */
  readonly attentionPenalty?: number
  /** How captions are cut into tokens: `'word'` (words and punctuation), `'character'`, or as a tokenizer does; default `'word'`. Arrays are tokens already. */
  readonly tokenizer?: Level
  /** Whether captions are lowercased by a tokenizer built from the rows; default false. */
  readonly lowercase?: boolean
  /** The most tokens of a vocabulary built from the training rows; default 20000. */
  readonly maxVocabulary?: number
  /** How often a token must occur in the training rows to be in the vocabulary; default 1. */
  readonly minFrequency?: number
  /** The most tokens that are read of a caption, the first ones; default 100. */
  readonly maxLength?: number
  /** The seed of the first weights, of the split, of dropout and of the order of training; default 0. */
  readonly seed?: number
}

const defaults = {
  patchSize: 8,
  frontLayers: 2,
  annotationSize: 128,
  units: 256,
  embedding: 128,
  dropout: 0.2,
  attentionPenalty: 0,
  tokenizer: 'word',
  lowercase: false,
  maxVocabulary: 20_000,
  minFrequency: 1,
  maxLength: 100,
  seed: 0,
} as const

/** The options with their defaults. */
export type CaptionerSettings = Required<CaptionerOptions>

/** Checks the options of `new Captioner` and fills in the defaults; `ERR_OPTION`. */
export function captionerSettings(options: CaptionerOptions): CaptionerSettings {
  const where = 'Captioner'
  checkOptions(where, options, {
    accepted: {
      patchSize: integer(1, 1024),
      patchStride: integer(1, 1024),
      frontLayers: integer(1, 16),
      annotationSize: integer(1),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      attentionPenalty: number(0),
      tokenizer: level,
      lowercase: flag,
      maxVocabulary: integer(3),
      minFrequency: integer(1),
      maxLength: integer(1),
      seed,
    },
  })
  const settings = { ...defaults, ...given(options) }
  const { patchSize, patchStride = patchSize } = settings
  checkPatches(where, patchSize, patchStride)
  return { ...settings, patchStride }
}

/** How a captioner is trained. */
export type TrainCaptionerOptions = TrainDecoderOptions<CaptionRow>

/** How captions are written. */
export type CaptionOptions = WriteOptions
