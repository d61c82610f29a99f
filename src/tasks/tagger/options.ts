import { classifierOptions } from '../classifier/options.js'
import type { SequenceTaggerOptions } from '../optionTypes.js'
import { OptionTable, optional, type SettingsOf } from '../shared/option.js'
import { integer } from '../shared/values.js'

const { cell, bidirectional, layers, units, embedding, dropout, seed } = classifierOptions.all

/** The options of `new SequenceTagger`. */
export const taggerOptions = new OptionTable('SequenceTaggerOptions', 'How a tagger is built.', {
  ...{ cell, bidirectional, layers, units, embedding, dropout },
  minFrequency: optional(
    integer(1),
    'How often a token must occur in the training rows to be known',
    '2, so that there are unknown tokens to learn from, or 1 if 2 would leave more than a quarter of the tokens unknown',
  ),
  seed,
})

/** The options with their defaults. */
export type TaggerSettings = SettingsOf<SequenceTaggerOptions, typeof taggerOptions>

/** Checks the options of `new SequenceTagger` and fills in the defaults; `ERR_OPTION`. */
export const taggerSettings = (options: SequenceTaggerOptions): TaggerSettings =>
  taggerOptions.read('SequenceTagger', options)
