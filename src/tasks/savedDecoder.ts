import { SeqloomError } from '../errors.js'
import { Functional, loadFolder, saveFolder } from '../model/index.js'
import { type DecoderParts, outputs, tokenCount } from './decoder.js'
import { savedSettings } from './savedSettings.js'
import { type Units, unitsFrom } from './units.js'

const targetFile = 'target.json'

/** What a task saves besides. */
export interface Besides {
  /** What the task is called in the metadata. */
  readonly task: string
  readonly settings: object
  /** Further vocabularies, by the names of their files. */
  readonly vocabularies?: Readonly<Record<string, Units>>
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** Saves a decoder as a model folder with its vocabularies. Rejects with `ERR_IO`. */
export async function saveDecoder(folder: string, parts: DecoderParts, besides: Besides): Promise<void> {
  const { model, target, maxLength, longestTarget, restored = false } = parts
  const { task, settings, vocabularies, metadata } = besides
  const files = Object.entries({ ...vocabularies, [targetFile]: target })
  await saveFolder(folder, {
    model: model as Parameters<typeof saveFolder>[1]['model'],
    assets: Object.fromEntries(files.map(([name, units]) => [name, JSON.stringify(units)])),
    metadata: { task, maxLength, longestTarget, ...metadata, settings: savedSettings(settings) },
    withoutOptimizerState: restored,
  })
}

/** What {@link saveDecoder} wrote. */
export interface SavedDecoder {
  readonly parts: DecoderParts
  readonly metadata: Readonly<Record<string, unknown>>
  /** The vocabulary of a file; `ERR_FORMAT` if there is none. */
  vocabulary(file: string): Units
  /** The error of a folder that is none of these. */
  no(why: string): SeqloomError
}

/** Loads what {@link saveDecoder} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no `kind` or contradicts itself. */
export async function readDecoder(folder: string, kind: string): Promise<SavedDecoder> {
  const { model, assets, metadata } = await loadFolder(folder)
  const no = (why: string) => new SeqloomError('ERR_FORMAT', `${folder} is no ${kind}: ${why}`)
  const vocabulary = (file: string): Units => {
    const data = assets[file]
    if (data === undefined) throw no(`its model.json names no ${file}`)
    return unitsFrom(file, new TextDecoder().decode(data))
  }
  const target = vocabulary(targetFile)
  const { maxLength, longestTarget } = metadata
  const fits = (length: unknown): length is number => Number.isSafeInteger(length) && (length as number) >= 1
  if (!fits(maxLength) || !fits(longestTarget)) throw no('its model.json has no lengths')
  const words = model instanceof Functional ? model.topology().outputs[outputs.words]?.shape.at(-1) : undefined
  if (!(model instanceof Functional) || words !== tokenCount(target)) {
    throw no(`its model does not write the ${target.size} tokens of ${targetFile}`)
  }
  return { parts: { model, target, maxLength, longestTarget }, metadata, vocabulary, no }
}
