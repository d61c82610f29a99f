import { SeqloomError } from '../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../model/index.js'
import { Tokenizer } from '../text/tokenizer.js'
import { Labels } from './labels.js'

/** What a classifier consists of once there is a model. */
export interface ClassifierParts {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  readonly labels: Labels
  /** Whether the model got the weights of an earlier step back, to which its optimizer's state does not belong; default false. */
  restored?: boolean
  /** Whether the training was interrupted; default false. */
  unfinished?: boolean
}

const tokenizerFile = 'tokenizer.json'
const labelsFile = 'labels.json'

/** Saves a classifier as a model folder with tokenizer and labels. Rejects with `ERR_IO`. */
export async function saveClassifier(
  folder: string | URL,
  parts: ClassifierParts,
  options?: SaveOptions,
): Promise<void> {
  const { model, tokenizer, labels, restored = false, unfinished = false } = parts
  const assets = { [tokenizerFile]: String(tokenizer), [labelsFile]: JSON.stringify(labels, undefined, 2) }
  const task = 'classification'
  await saveFolder(folder, { model, task, assets, withoutOptimizerState: restored, unfinished }, options)
}

/** Loads what {@link saveClassifier} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no classifier or contradicts itself. */
export async function readClassifier(directory: string | URL): Promise<ClassifierParts> {
  const { folder, model, assets, unfinished } = await loadFolder(directory, 'classification')
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
  return { model, tokenizer, labels, unfinished }
}
