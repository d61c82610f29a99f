import type { SaveOptions } from '../model/index.js'
import type { DecoderParts } from './decoder.js'
import { readDecoder, saveDecoder } from './savedDecoder.js'
import type { Units } from './units.js'

/** What a translator consists of once there is a model. */
export interface TranslatorParts extends DecoderParts {
  readonly source: Units
}

const sourceFile = 'source.json'

/** Saves a translator as a model folder with both vocabularies. Rejects with `ERR_IO`. */
export async function saveTranslator(
  folder: string | URL,
  parts: TranslatorParts,
  options?: SaveOptions,
): Promise<void> {
  await saveDecoder(folder, parts, { task: 'translation', vocabularies: { [sourceFile]: parts.source } }, options)
}

/** Loads what {@link saveTranslator} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that is no translator or contradicts itself. */
export async function readTranslator(folder: string | URL): Promise<TranslatorParts> {
  const { parts, vocabulary } = await readDecoder(folder, 'translation')
  return { ...parts, source: vocabulary(sourceFile) }
}
