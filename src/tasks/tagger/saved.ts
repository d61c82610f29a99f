import type { Model } from '../../model/index.js'
import type { Trainee } from '../shared/keepBest.js'
import { Labels } from '../shared/labels.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { type TaggerSettings, taggerSettings } from './options.js'
import { chainIn } from './predictions.js'
import { parseReading, type Reading, readsWords, savedReading } from './reading.js'

/** The parts of a trained tagger. */
export interface TaggerParts extends Trainee, Reading {
  readonly model: Model
  readonly labels: Labels
}

const [vocabularyFile, tagsFile, readingFile] = ['vocabulary.json', 'tags.json', 'reading.json']

/** How a tagger is saved: with its vocabulary and its tags, and what else it reads. */
export const saving: Saving<TaggerParts, TaggerSettings> = {
  kind: taskKind('tagging', 'a sequence tagger', 'SequenceTagger', [vocabularyFile, tagsFile]),
  settings: taggerSettings,
  contents: (parts) => ({
    assets: {
      [vocabularyFile]: JSON.stringify(parts.vocabulary.tokens),
      [tagsFile]: JSON.stringify(parts.labels),
      ...(!readsWords(parts) && { [readingFile]: savedReading(parts) }),
    },
  }),
  read(saved) {
    const vocabulary = Vocabulary.parse(saved.json(vocabularyFile))
    const labels = Labels.parse(JSON.stringify(saved.json(tagsFile)))
    const plain = { lowercase: false, features: [] }
    const reading = parseReading(vocabulary, saved.has(readingFile) ? saved.json(readingFile) : plain)
    const { model } = saved
    const { characters, features } = reading
    const [output, ...others] = model.outputs
    const chain = chainIn(model)
    const inputs = 1 + Number(characters !== undefined) + features.length
    if (output?.shape.length !== (chain ? 2 : 3) || others.length > 0) {
      throw saved.no('its model does not give a tag for each token')
    }
    if (model.inputs.length !== inputs) throw saved.no(`its model has ${model.inputs.length} inputs, not ${inputs}`)
    saved.checkReads(vocabulary.size, `tokens in ${vocabularyFile}`, inputs > 1 ? 'words' : undefined)
    if (characters) saved.checkReads(characters.size, 'characters', 'letters')
    if (!chain) saved.checkWrites(0, labels.names.length, `tags in ${tagsFile}`)
    else if (chain.size !== labels.names.length) {
      throw saved.no(`its model has ${chain.size} tags, but there are ${labels.names.length} in ${tagsFile}`)
    }
    return { ...reading, model, labels }
  },
}
