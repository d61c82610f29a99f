import { SeqloomError } from '../errors.js'
import { loadFolder, Sequential, saveFolder } from '../model/index.js'
import { Tokenizer } from '../text/tokenizer.js'
import { type GeneratorSettings, generatorSettings } from './generatorOptions.js'
import type { Trainee } from './keepBest.js'
import { readSettings, savedSettings } from './savedSettings.js'

/** What a text generator consists of once there is a model. */
export interface GeneratorParts extends Trainee {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  /** The first token of the training text, from which an empty prompt goes on. */
  readonly first: number
}

const tokenizerFile = 'tokenizer.json'
const task = 'textGenerator'

/** Saves a text generator as a model folder with its tokenizer. Rejects with `ERR_IO`. */
export async function saveGenerator(folder: string, parts: GeneratorParts, settings: GeneratorSettings): Promise<void> {
  const { model, tokenizer, first, restored = false } = parts
  const assets = { [tokenizerFile]: String(tokenizer) }
  const metadata = { task, first, settings: savedSettings(settings) }
  await saveFolder(folder, { model, assets, metadata, withoutOptimizerState: restored })
}

/** Loads what {@link saveGenerator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no text generator. */
export async function readGenerator(
  folder: string,
): Promise<{ readonly parts: GeneratorParts; readonly settings: GeneratorSettings }> {
  const { model, assets, metadata } = await loadFolder(folder)
  const wrong = (why: string) => new SeqloomError('ERR_FORMAT', `${folder} is no text generator: ${why}`)
  const data = assets[tokenizerFile]
  if (metadata.task !== task || data === undefined) throw wrong(`its model.json names no ${tokenizerFile} of one`)
  const tokenizer = Tokenizer.fromJSON(new TextDecoder().decode(data))
  const tokens = model instanceof Sequential ? model.topology().outputs[0]?.shape.at(-1) : undefined
  const size = tokenizer.vocabularySize
  if (!(model instanceof Sequential) || tokens !== size) {
    throw wrong(`its model has not one output for each of the ${size} tokens`)
  }
  const { first } = metadata
  if (!Number.isInteger(first) || (first as number) < 0 || (first as number) >= size) throw wrong('its first token')
  const settings = readSettings(folder, metadata.settings, generatorSettings)
  return { parts: { model, tokenizer, first: first as number }, settings }
}
