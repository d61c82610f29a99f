import type { Sequential } from '../../model/index.js'
import { Tokenizer } from '../../text/tokenizer.js'
import type { Trainee } from '../shared/keepBest.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { type GeneratorSettings, generatorSettings } from './options.js'

/** The parts of a trained text generator. */
export interface GeneratorParts extends Trainee {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  /** The first token of the training text, with which an empty prompt starts. */
  readonly first: number
}

const tokenizerFile = 'tokenizer.json'

/** How a text generator is saved: with its tokenizer. */
export const saving: Saving<GeneratorParts, GeneratorSettings> = {
  kind: taskKind('textGenerator', 'a text generator', 'TextGenerator'),
  settings: generatorSettings,
  contents: async ({ tokenizer, first }) => ({
    assets: { [tokenizerFile]: await tokenizer.text() },
    metadata: { first },
  }),
  async read(saved) {
    const tokenizer = await Tokenizer.read(saved.bytes(tokenizerFile), tokenizerFile)
    const size = tokenizer.vocabularySize
    const model = saved.sequential(3, 'its model does not foresee a token at each step')
    saved.checkReads(size, `tokens in ${tokenizerFile}`)
    saved.checkWrites(0, size, `tokens in ${tokenizerFile}`)
    const { first } = saved.metadata
    if (!Number.isInteger(first) || (first as number) < 0 || (first as number) >= size)
      throw saved.no('its first token')
    return { model, tokenizer, first: first as number }
  },
}
