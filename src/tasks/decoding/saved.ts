import { SeqloomError } from '../../errors.js'
import { type Kind, nounFor } from '../../model/contents.js'
import { Functional, loadFolder, type SaveOptions, saveFolder } from '../../model/index.js'
import { checkReads, checkWrites } from '../shared/fitting.js'
import { savedSettings } from '../shared/savedSettings.js'
import { type DecoderParts, outputs, tokenCount } from './decoder.js'
import { type Units, unitsFrom } from './units.js'

const targetFile = 'target.json'

/** What a task saves besides. */
export interface Besides {
  /** What the task is called in the metadata. */
  readonly task: Kind
  readonly settings: object
  /** Further vocabularies, by the names of their files. */
  readonly vocabularies?: Readonly<Record<string, Units>>
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** Saves a decoder as a model folder with its vocabularies. Rejects with `ERR_IO`. */
export async function saveDecoder(
  folder: string | URL,
  parts: DecoderParts,
  besides: Besides,
  options?: SaveOptions,
): Promise<void> {
  const { model, target, maxLength, longestTarget, restored = false, unfinished = false } = parts
  const { task, settings, vocabularies, metadata } = besides
  const files = Object.entries({ ...vocabularies, [targetFile]: target })
  const contents = {
    model: model as Parameters<typeof saveFolder>[1]['model'],
    assets: Object.fromEntries(files.map(([name, units]) => [name, JSON.stringify(units)])),
    metadata: { task, maxLength, longestTarget, ...metadata, settings: savedSettings(settings) },
    withoutOptimizerState: restored,
    unfinished,
  }
  await saveFolder(folder, contents, options)
}

/** What {@link saveDecoder} wrote. */
export interface SavedDecoder {
  /** The path of the folder. */
  readonly folder: string
  readonly parts: DecoderParts
  readonly metadata: Readonly<Record<string, unknown>>
  /** The vocabulary of a file; `ERR_FORMAT` if there is none. */
  vocabulary(file: string): Promise<Units>
  /** The error of a folder that is none of these. */
  no(why: string): SeqloomError
}

/** Loads what {@link saveDecoder} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is none of the task or contradicts itself. */
export async function readDecoder(directory: string | URL, task: Kind): Promise<SavedDecoder> {
  const { folder, model, assets, metadata, unfinished } = await loadFolder(directory, task)
  const no = (why: string) => new SeqloomError('ERR_FORMAT', `${folder} is no ${nounFor(task)}: ${why}`)
  const vocabulary = async (file: string): Promise<Units> => {
    const data = assets[file]
    if (data === undefined) throw no(`its model.json names no ${file}`)
    return await unitsFrom(file, new TextDecoder().decode(data))
  }
  const target = await vocabulary(targetFile)
  const { maxLength, longestTarget } = metadata
  const fits = (length: unknown): length is number => Number.isSafeInteger(length) && (length as number) >= 1
  if (!fits(maxLength) || !fits(longestTarget)) throw no('its model.json has no lengths')
  if (!(model instanceof Functional)) throw no('its model is not functional')
  const saved = { folder, kind: task, model }
  checkReads(saved, tokenCount(target), `tokens with those of ${targetFile}`, 'target_embedding')
  checkWrites(saved, outputs.words, tokenCount(target), `tokens with those of ${targetFile}`)
  return { parts: { model, target, maxLength, longestTarget, unfinished }, folder, metadata, vocabulary, no }
}
