import type { Functional } from '../../model/index.js'
import { Tokenizer } from '../../text/tokenizer.js'
import type { Trainee } from '../shared/keepBest.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { modelSize } from './model.js'
import { type LanguageEncoderSettings, languageEncoderSettings } from './options.js'
import { type Tokens, tokenCount } from './reading.js'

/** The parts of a trained language encoder. */
export interface LanguageEncoderParts extends Trainee {
  readonly model: Functional
  readonly tokens: Tokens
  /** Whether its tokens are words: those of arrays, or of a tokenizer of words that was built from texts. */
  readonly words: boolean
}

const [tokenizerFile, vocabularyFile] = ['tokenizer.json', 'vocabulary.json']

/** How a language encoder is saved: with its tokenizer or its vocabulary. */
export const saving: Saving<LanguageEncoderParts, LanguageEncoderSettings> = {
  kind: taskKind('languageEncoder', 'a language encoder', 'LanguageEncoder'),
  settings: languageEncoderSettings,
  contents: async ({ tokens, words }) => ({
    metadata: { words },
    assets:
      tokens instanceof Tokenizer
        ? { [tokenizerFile]: await tokens.text() }
        : { [vocabularyFile]: JSON.stringify(tokens.tokens) },
  }),
  async read(saved) {
    const file = saved.has(vocabularyFile) ? vocabularyFile : tokenizerFile
    const tokens: Tokens =
      file === vocabularyFile
        ? Vocabulary.parse(saved.json(file))
        : await Tokenizer.read(saved.bytes(tokenizerFile), tokenizerFile)
    const settings = { objective: 'masked', ...(saved.metadata.settings as object) } as LanguageEncoderSettings
    const size = modelSize(settings, tokenCount(tokens))
    const { inputs, outputs } = saved.model.topology()
    if (inputs.length !== 2 || outputs.length !== 1) throw saved.no('its model is not of that form')
    saved.checkReads(size, `tokens in ${file}`, 'words')
    saved.checkWrites(0, size, `tokens in ${file}`)
    return { model: saved.model as Functional, tokens, words: saved.metadata.words === true }
  },
}
