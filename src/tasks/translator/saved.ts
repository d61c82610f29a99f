import type { SaveOptions } from '../../model/index.js'
import type { DecoderParts } from '../decoding/decoder.js'
import { readDecoder, saveDecoder } from '../decoding/saved.js'
import type { Units } from '../decoding/units.js'
import { checkReads } from '../shared/fitting.js'
import { readSettings } from '../shared/savedSettings.js'
import { type TranslatorSettings, translatorSettings } from './options.js'

/** What a translator consists of once there is a model. */
export interface TranslatorParts extends DecoderParts {
  readonly source: Units
}

const sourceFile = 'source.json'

/** Saves a translator as a model folder with both vocabularies. Rejects with `ERR_IO`. */
export async function saveTranslator(
  folder: string | URL,
  parts: TranslatorParts,
  settings: TranslatorSettings,
  options?: SaveOptions,
): Promise<void> {
  const vocabularies = { [sourceFile]: parts.source }
  await saveDecoder(folder, parts, { task: 'translation', settings, vocabularies }, options)
}

/** Loads what {@link saveTranslator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no translator or contradicts itself. */
export async function readTranslator(
  directory: string | URL,
): Promise<{ readonly parts: TranslatorParts; readonly settings: TranslatorSettings }> {
  const { parts, folder, metadata, vocabulary } = await readDecoder(directory, 'translation')
  const settings = readSettings(folder, metadata.settings, translatorSettings)
  const source = await vocabulary(sourceFile)
  const saved = { folder, kind: 'translation', model: parts.model } as const
  checkReads(saved, source.size, `tokens in ${sourceFile}`, 'source_embedding')
  return { parts: { ...parts, source }, settings }
}
