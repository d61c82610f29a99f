import { SeqloomError } from '../../errors.js'
import { custom } from '../../options.js'
import { classifierOptions } from '../classifier/options.js'
import type { SequenceTaggerOptions } from '../optionTypes.js'
import { encoderOption } from '../shared/encoder.js'
import { OptionTable, option, optional, type SettingsOf, type Values } from '../shared/option.js'
import { file, flag, integer } from '../shared/values.js'

const { cell, bidirectional, layers, units, embedding, dropout, seed } = classifierOptions.all

const names: Values<readonly string[]> = {
  ...custom(
    'an array of different names',
    (v) =>
      Array.isArray(v) && v.every((name) => typeof name === 'string' && name !== '') && new Set(v).size === v.length,
  ),
  type: 'readonly string[]',
  flag: { name: '<columns...>', read: (text, before) => [...((before as string[] | undefined) ?? []), text] },
}

/** The options of `new SequenceTagger`. */
export const taggerOptions = new OptionTable('SequenceTaggerOptions', 'How a tagger is built.', {
  ...{ cell, bidirectional, layers, units, embedding, dropout },
  crf: option(
    flag,
    false,
    'Whether a conditional random field learns which tag follows which, so that sequences of tags are predicted as a ' +
      'whole. If the tags mark entities by a scheme (BIO, IOB, BIOES, BILOU, BMES) and all training rows keep to it, ' +
      'so do all predictions.',
  ),
  characters: option(
    flag,
    false,
    "Whether a small network reads each token's characters, so that unknown tokens are not all alike",
  ),
  features: optional(
    names,
    'What else is given of every token: `features` of a row has an array under each of these names, of texts, booleans ' +
      'or numbers',
    'none',
  ),
  wordVectors: optional(
    file,
    'A file of pretrained word vectors, which `interop.loadWordVectors` reads, too; they are trained further. Its first ' +
      '100,000 words are known besides those of the training rows, and `embedding` is as large as its vectors.',
  ),
  minFrequency: optional(
    integer(1),
    'How often a token must occur in the training rows to be told apart from unknown ones',
    '2, so that there are unknown ones to learn from, or 1 where that would leave more than a quarter of the ' +
      'tokens unknown',
  ),
  encoder: encoderOption(
    '`cell`, `bidirectional`, `layers`, `units`, `embedding` and, besides those of the training rows, words',
  ),
  seed,
})

/** The options with their defaults. */
export type TaggerSettings = SettingsOf<SequenceTaggerOptions, typeof taggerOptions>

/** Checks the options of `new SequenceTagger` and fills in the defaults; `ERR_OPTION`. */
export function taggerSettings(options: SequenceTaggerOptions): TaggerSettings {
  const settings = taggerOptions.read('SequenceTagger', options)
  if (settings.encoder === undefined || settings.wordVectors === undefined) return settings
  throw new SeqloomError('ERR_OPTION', 'SequenceTagger: give an encoder or wordVectors, not both')
}
