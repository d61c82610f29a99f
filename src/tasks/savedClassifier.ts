import { SeqloomError } from '../errors.js'
import { loadFolder, Sequential, saveFolder } from '../model/index.js'
import { Tokenizer } from '../text/tokenizer.js'
import { type ClassifierSettings, classifierSettings } from './classifierOptions.js'
import type { Trainee } from './keepBest.js'
import { Labels } from './labels.js'
import { readSettings, savedSettings } from './savedSettings.js'

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
  folder: string,
  parts: ClassifierParts,
  settings: ClassifierSettings,
): Promise<void> {
  const { model, tokenizer, labels, restored = false } = parts
  const assets = { [tokenizerFile]: String(tokenizer), [labelsFile]: JSON.stringify(labels, undefined, 2) }
  const metadata = { task: 'classification', settings: savedSettings(settings) }
  await saveFolder(folder, { model, assets, metadata, withoutOptimizerState: restored })
}

/** Loads what {@link saveClassifier} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no classifier or contradicts itself. */
export async function readClassifier(
  folder: string,
): Promise<{ readonly parts: ClassifierParts; readonly settings: ClassifierSettings }> {
  const { model, assets, metadata } = await loadFolder(folder)
  const read = (name: string) => {
    const data = assets[name]
    if (data === undefined) {
      throw new SeqloomError('ERR_FORMAT', `${folder} is no text classifier: its model.json names no ${name}`)
    }
    return new TextDecoder().decode(data)
  }
  const tokenizer = Tokenizer.fromJSON(read(tokenizerFile))
  const labels = Labels.parse(read(labelsFile))
  const classes = model instanceof Sequential ? model.topology().outputs[0]?.shape.at(-1) : undefined
  if (!(model instanceof Sequential) || classes !== labels.names.length) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `${folder} is no text classifier: its model has not one output for each of the ${labels.names.length} labels`,
    )
  }
  const settings = readSettings(folder, metadata.settings, classifierSettings)
  return { parts: { model, tokenizer, labels }, settings }
}
