import { SeqloomError } from '../../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../../model/index.js'
import { Tokenizer } from '../../text/tokenizer.js'
import { checkReads, checkWrites } from '../shared/fitting.js'
import type { Trainee } from '../shared/keepBest.js'
import { readSettings, savedSettings } from '../shared/savedSettings.js'
import { type GeneratorSettings, generatorSettings } from './options.js'

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
export async function saveGenerator(
  folder: string | URL,
  parts: GeneratorParts,
  settings: GeneratorSettings,
  options?: SaveOptions,
): Promise<void> {
  const { model, tokenizer, first, restored = false, unfinished = false } = parts
  const assets = { [tokenizerFile]: await tokenizer.text() }
  const metadata = { task, first, settings: savedSettings(settings) }
  await saveFolder(folder, { model, assets, metadata, withoutOptimizerState: restored, unfinished }, options)
}

/** Loads what {@link saveGenerator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no text generator. */
export async function readGenerator(
  directory: string | URL,
): Promise<{ readonly parts: GeneratorParts; readonly settings: GeneratorSettings }> {
  const { folder, model, assets, metadata, unfinished } = await loadFolder(directory, task)
  const wrong = (why: string) => new SeqloomError('ERR_FORMAT', `${folder} is no text generator: ${why}`)
  const data = assets[tokenizerFile]
  if (data === undefined) throw wrong(`its model.json names no ${tokenizerFile} of one`)
  const tokenizer = await Tokenizer.read(data, tokenizerFile)
  const size = tokenizer.vocabularySize
  if (!(model instanceof Sequential)) throw wrong('its model is not sequential')
  const saved = { folder, kind: 'textGenerator', model } as const
  checkReads(saved, size, `tokens in ${tokenizerFile}`)
  checkWrites(saved, 0, size, `tokens in ${tokenizerFile}`)
  if (model.outputs[0]?.shape.length !== 3) throw wrong('its model does not foresee a token at each step')
  const { first } = metadata
  if (!Number.isInteger(first) || (first as number) < 0 || (first as number) >= size) throw wrong('its first token')
  const settings = readSettings(folder, metadata.settings, generatorSettings)
  return { parts: { model, tokenizer, first: first as number, unfinished }, settings }
}
