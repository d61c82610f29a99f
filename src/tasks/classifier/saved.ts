import { SeqloomError } from '../../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../../model/index.js'
import { Tokenizer } from '../../text/tokenizer.js'
import { checkReads, checkWrites } from '../shared/fitting.js'
import type { Trainee } from '../shared/keepBest.js'
import { Labels } from '../shared/labels.js'
import { readSettings, savedSettings } from '../shared/savedSettings.js'
import { type ClassifierSettings, classifierSettings } from '../shared/training.js'

/** What a classifier consists of once there is a model. */
export interface ClassifierParts extends Trainee {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  readonly labels: Labels
}

const tokenizerFile = 'tokenizer.json'
const labelsFile = 'labels.json'

/** Saves a classifier as a model folder with tokenizer and labels. Rejects with `ERR_IO`. */
export async function saveClassifier(
  folder: string | URL,
  parts: ClassifierParts,
  settings: ClassifierSettings,
  options?: SaveOptions,
): Promise<void> {
  const { model, tokenizer, labels, restored = false, unfinished = false } = parts
  const assets = { [tokenizerFile]: await tokenizer.text(), [labelsFile]: JSON.stringify(labels, undefined, 2) }
  const metadata = { task: 'classification', settings: savedSettings(settings) }
  await saveFolder(folder, { model, assets, metadata, withoutOptimizerState: restored, unfinished }, options)
}

/** Loads what {@link saveClassifier} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no classifier or contradicts itself. */
export async function readClassifier(
  directory: string | URL,
): Promise<{ readonly parts: ClassifierParts; readonly settings: ClassifierSettings }> {
  const { folder, model, assets, metadata, unfinished } = await loadFolder(directory, 'classification')
  const read = (name: string): Uint8Array => {
    const data = assets[name]
    if (data === undefined) {
      throw new SeqloomError('ERR_FORMAT', `${folder} is no text classifier: its model.json names no ${name}`)
    }
    return data
  }
  const tokenizer = await Tokenizer.read(read(tokenizerFile), tokenizerFile)
  const labels = Labels.parse(new TextDecoder().decode(read(labelsFile)))
  if (!(model instanceof Sequential) || model.outputs[0]?.shape.length !== 2) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `${folder} is no text classifier: its model does not give one class for a text`,
    )
  }
  const saved = { folder, kind: 'classification', model } as const
  checkReads(saved, tokenizer.vocabularySize, `tokens in ${tokenizerFile}`)
  checkWrites(saved, 0, labels.names.length, `labels in ${labelsFile}`)
  const settings = readSettings(folder, metadata.settings, classifierSettings)
  return { parts: { model, tokenizer, labels, unfinished }, settings }
}
