import type { DecoderParts } from './decoder.js'
import { readDecoder, saveDecoder } from './savedDecoder.js'
import { readSettings } from './savedSettings.js'
import { type TranslatorSettings, translatorSettings } from './translatorOptions.js'
import type { Units } from './units.js'

/** What a translator consists of once there is a model. */
export interface TranslatorParts extends DecoderParts {
  readonly source: Units
}

const sourceFile = 'source.json'

/** Saves a translator as a model folder with both vocabularies. Rejects with `ERR_IO`. */
export async function saveTranslator(
  folder: string,
  parts: TranslatorParts,
  settings: TranslatorSettings,
): Promise<void> {
  await saveDecoder(folder, parts, { task: 'translation', settings, vocabularies: { [sourceFile]: parts.source } })
}

/** Loads what {@link saveTranslator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no translator or contradicts itself. */
export async function readTranslator(
  folder: string,
): Promise<{ readonly parts: TranslatorParts; readonly settings: TranslatorSettings }> {
  const { parts, metadata, vocabulary } = await readDecoder(folder, 'translator')
  const settings = readSettings(folder, metadata.settings, translatorSettings)
  return { parts: { ...parts, source: vocabulary(sourceFile) }, settings }
}
