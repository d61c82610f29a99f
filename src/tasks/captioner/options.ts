import { level } from '../decoding/options.js'
import type { CaptionerOptions, TrainDecoderOptions, WriteOptions } from '../optionTypes.js'
import { OptionTable, option, optional, type SettingsOf } from '../shared/option.js'
import { flag, integer, number, seed } from '../shared/values.js'
import { checkPatches } from './patches.js'
import type { CaptionRow } from './rows.js'

/** The options of `new Captioner`. */
export const captionerOptions = new OptionTable('CaptionerOptions', 'How a captioner is built.', {
  patchSize: option(integer(1, 1024), 8, 'The side of the square patches that images are cut into, in pixels'),
  patchStride: optional(
    integer(1, 1024),
    'The distance between patches, in pixels; if it is less than `patchSize`, which it must divide, patches overlap',
    '`patchSize`',
  ),
  frontLayers: option(integer(1, 16), 2, 'The number of dense layers that a patch passes through'),
  annotationSize: option(integer(1), 128, 'The size of the annotation vector that a patch becomes'),
  units: option(integer(1), 256, "The size of the decoder's state and of its attention's hidden layer"),
  embedding: option(integer(1), 128, "The size of a token's vector"),
  dropout: option(number(0, 1), 0.2, 'The rate of dropout after the embedding and before the choice of tokens'),
  attentionPenalty: option(
    number(0),
    0,
    'The factor λ of the doubly stochastic penalty, which makes a caption look at every patch about once; 0 for none',
  ),
  tokenizer: option(
    level,
    'word',
    "How captions are cut into tokens: `'word'` (words and punctuation), `'character'`, or by a tokenizer. Arrays are already tokens.",
  ),
  lowercase: option(flag, false, 'Whether a tokenizer built from the rows lowercases captions'),
  maxVocabulary: option(integer(3), 20_000, 'The most tokens of a vocabulary built from the training rows'),
  minFrequency: option(integer(1), 1, 'How often a token must occur in the training rows to be in the vocabulary'),
  maxLength: option(integer(1), 100, 'The most tokens that are read of a caption; the rest is ignored'),
  seed: option(seed, 0, 'The seed of the initial weights, the split, dropout and the order of training'),
})

/** The options with their defaults. */
export type CaptionerSettings = Required<CaptionerOptions>

/** Checks the options of `new Captioner` and fills in the defaults; `ERR_OPTION`. */
export function captionerSettings(options: CaptionerOptions): CaptionerSettings {
  const where = 'Captioner'
  const settings: SettingsOf<CaptionerOptions, typeof captionerOptions> = captionerOptions.read(where, options)
  const { patchSize, patchStride = patchSize } = settings
  checkPatches(where, patchSize, patchStride)
  return { ...settings, patchStride }
}

/** How a captioner is trained. */
export type TrainCaptionerOptions = TrainDecoderOptions<CaptionRow>

/** How captions are written. */
export type CaptionOptions = WriteOptions
