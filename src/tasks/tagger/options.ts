import { checkOptions, flag, given, integer, number, oneOf, seed } from '../../options.js'
import type { TextClassifierOptions } from '../classifier/options.js'

/** How a tagger is built. */
export interface SequenceTaggerOptions
  extends Omit<TextClassifierOptions, 'tokens' | 'tokenizer' | 'maxVocabulary' | 'maxLength'> {
  /**
   * How often a token must occur in the training rows to be told apart from unknown ones; default 2, so that there are unknown ones to learn from, or 1
   * where that would leave more than a quarter of the tokens unknown.
   */
  readonly minFrequency?: number
}

const defaults = {
  cell: 'lstm',
  bidirectional: true,
  layers: 1,
  units: 64,
  embedding: 64,
  dropout: 0,
  seed: 0,
} as const

/** The options with their defaults. */
export type TaggerSettings = SequenceTaggerOptions & Required<Pick<SequenceTaggerOptions, keyof typeof defaults>>

/** Checks the options of `new SequenceTagger` and fills in the defaults; `ERR_OPTION`. */
export function taggerSettings(options: SequenceTaggerOptions): TaggerSettings {
  checkOptions('SequenceTagger', options, {
    accepted: {
      cell: oneOf(['lstm', 'gru', 'simpleRNN']),
      bidirectional: flag,
      layers: integer(1, 64),
      units: integer(1),
      embedding: integer(1),
      dropout: number(0, 1),
      minFrequency: integer(1),
      seed,
    },
  })
  return { ...defaults, ...given(options) }
}
