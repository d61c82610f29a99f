import { SeqloomError } from '../errors.js'
import { loadFolder, type SaveOptions, Sequential, saveFolder } from '../model/index.js'
import { Tokenizer } from '../text/tokenizer.js'

/** What a text generator consists of once there is a model. */
export interface GeneratorParts {
  readonly model: Sequential
  readonly tokenizer: Tokenizer
  /** The first token of the training text, from which an empty prompt goes on. */
  readonly first: number
  /** Whether the model got the weights of an earlier step back, to which its optimizer's state does not belong; default false. */
  restored?: boolean
  /** Whether the training was interrupted; default false. */
  unfinished?: boolean
}

const tokenizerFile = 'tokenizer.json'
const task = 'textGenerator'

/** Saves a text generator as a model folder with its tokenizer. Rejects with `ERR_IO`. */
export async function saveGenerator(folder: string | URL, parts: GeneratorParts, options?: SaveOptions): Promise<void> {
  const { model, tokenizer, first, restored = false, unfinished = false } = parts
  const assets = { [tokenizerFile]: String(tokenizer) }
  const contents = { model, task, assets, metadata: { first }, withoutOptimizerState: restored, unfinished } as const
  await saveFolder(folder, contents, options)
}

/** Loads what {@link saveGenerator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no text generator. */
export async function readGenerator(directory: string | URL): Promise<GeneratorParts> {
  const { folder, model, assets, metadata, unfinished } = await loadFolder(directory, task)
  const wrong = (why: string) => new SeqloomError('ERR_FORMAT', `${folder} is no text generator: ${why}`)
  const data = assets[tokenizerFile]
  if (data === undefined) throw wrong(`its model.json names no ${tokenizerFile} of one`)
  const tokenizer = Tokenizer.fromJSON(new TextDecoder().decode(data))
  const tokens = model instanceof Sequential ? model.topology().outputs[0]?.shape.at(-1) : undefined
  const size = tokenizer.vocabularySize
  if (!(model instanceof Sequential) || tokens !== size) {
    throw wrong(`its model has not one output for each of the ${size} tokens`)
  }
  const { first } = metadata
  if (!Number.isInteger(first) || (first as number) < 0 || (first as number) >= size) throw wrong('its first token')
  return { model, tokenizer, first: first as number, unfinished }
}
