import type { Tensor } from '../../data/tensor.js'
import type { Model } from '../../model/index.js'
import { isRecord } from '../../options.js'
import type { Trainee } from '../shared/keepBest.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { type AnswererSettings, answererSettings } from './options.js'
import { StoryReader } from './stories.js'

/** The parts of a trained question answerer. */
export interface AnswererParts extends Trainee {
  readonly model: Model<Tensor>
  readonly reader: StoryReader
}

const readerFile = 'reader.json'

/** A question answerer is saved with what its reader knows. */
export const saving: Saving<AnswererParts, AnswererSettings> = {
  kind: taskKind('answering', 'a question answerer', 'QuestionAnswerer', [readerFile]),
  settings: answererSettings,
  contents: ({ reader }) => ({
    assets: { [readerFile]: JSON.stringify({ vocabulary: reader.vocabulary.tokens, extras: reader.extras }) },
  }),
  read(saved) {
    const read = saved.json(readerFile)
    const { vocabulary, extras } = isRecord(read) ? read : {}
    const reader = new StoryReader(Vocabulary.parse(vocabulary), Vocabulary.parse(extras).tokens)
    const { inputs, outputs } = saved.model.topology()
    if (inputs.length !== 2 || outputs[0]?.shape.length !== 2) throw saved.no('its model is not of that form')
    saved.checkReads(reader.size, `words in ${readerFile}`)
    return { model: saved.model as Model as Model<Tensor>, reader }
  },
}
