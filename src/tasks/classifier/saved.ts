import type { Sequential } from '../../model/index.js'
import { Tokenizer } from '../../text/tokenizer.js'
import type { Trainee } from '../shared/keepBest.js'
import { Labels } from '../shared/labels.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { type ClassifierSettings, classifierSettings } from './options.js'

/** The parts of a trained classifier. */
export interface ClassifierParts extends Trainee {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  readonly labels: Labels
}

const [tokenizerFile, labelsFile] = ['tokenizer.json', 'labels.json']

/** How a classifier is saved: with its tokenizer and its labels. */
export const saving: Saving<ClassifierParts, ClassifierSettings> = {
  kind: taskKind('classification', 'a text classifier', 'TextClassifier', [tokenizerFile, labelsFile]),
  settings: classifierSettings,
  contents: async ({ tokenizer, labels }) => ({
    assets: { [tokenizerFile]: await tokenizer.text(), [labelsFile]: JSON.stringify(labels, undefined, 2) },
  }),
  async read(saved) {
    const tokenizer = await Tokenizer.read(saved.bytes(tokenizerFile), tokenizerFile)
    const labels = Labels.parse(new TextDecoder().decode(saved.bytes(labelsFile)))
    const model = saved.sequential(2, 'its model does not give one class for a text')
    saved.checkReads(tokenizer.vocabularySize, `tokens in ${tokenizerFile}`)
    saved.checkWrites(0, labels.names.length, `labels in ${labelsFile}`)
    return { model, tokenizer, labels }
  },
}
