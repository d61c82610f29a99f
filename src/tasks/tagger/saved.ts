import type { Sequential } from '../../model/index.js'
import type { Trainee } from '../shared/keepBest.js'
import { Labels } from '../shared/labels.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { Vocabulary } from '../shared/vocabulary.js'
import { type TaggerSettings, taggerSettings } from './options.js'

/** The parts of a trained tagger. */
export interface TaggerParts extends Trainee {
  readonly model: Sequential
  readonly vocabulary: Vocabulary
  readonly labels: Labels
}

const [vocabularyFile, tagsFile] = ['vocabulary.json', 'tags.json']

/** How a tagger is saved: with its vocabulary and its tags. */
export const saving: Saving<TaggerParts, TaggerSettings> = {
  kind: taskKind('tagging', 'a sequence tagger', 'SequenceTagger', [vocabularyFile, tagsFile]),
  settings: taggerSettings,
  contents: ({ vocabulary, labels }) => ({
    assets: { [vocabularyFile]: JSON.stringify(vocabulary.tokens), [tagsFile]: JSON.stringify(labels) },
  }),
  read(saved) {
    const vocabulary = Vocabulary.parse(saved.json(vocabularyFile))
    const labels = Labels.parse(JSON.stringify(saved.json(tagsFile)))
    const model = saved.sequential(3, 'its model does not give a tag for each token')
    saved.checkReads(vocabulary.size, `tokens in ${vocabularyFile}`)
    saved.checkWrites(0, labels.names.length, `tags in ${tagsFile}`)
    return { model, vocabulary, labels }
  },
}
