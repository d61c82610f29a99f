import type { DecoderParts } from '../decoding/decoder.js'
import { decoderContents, readDecoder, readUnits } from '../decoding/saved.js'
import type { Units } from '../decoding/units.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { type TranslatorSettings, translatorSettings } from './options.js'

/** The parts of a trained translator. */
export interface TranslatorParts extends DecoderParts {
  readonly source: Units
}

const sourceFile = 'source.json'

/** How a translator is saved: with both vocabularies. */
export const saving: Saving<TranslatorParts, TranslatorSettings> = {
  kind: taskKind('translation', 'a translator', 'Translator', [sourceFile, 'target.json']),
  settings: translatorSettings,
  contents: (parts) => decoderContents(parts, { [sourceFile]: parts.source }),
  async read(saved) {
    const parts = await readDecoder(saved)
    const source = await readUnits(saved, sourceFile)
    saved.checkReads(source.size, `tokens in ${sourceFile}`, 'source_embedding')
    return { ...parts, source }
  },
}
