import { Functional } from '../../model/index.js'
import type { SavedContents, SavedTask } from '../shared/saved.js'
import { type DecoderParts, outputs, tokenCount } from './decoder.js'
import { type Units, unitsFrom } from './units.js'

const targetFile = 'target.json'

/** What is saved of a decoder, its vocabulary and those of further files. */
export function decoderContents(
  { target, maxLength, longestTarget }: DecoderParts,
  vocabularies: Readonly<Record<string, Units>> = {},
): SavedContents {
  const files = Object.entries({ ...vocabularies, [targetFile]: target })
  return {
    assets: Object.fromEntries(files.map(([name, units]) => [name, JSON.stringify(units)])),
    metadata: { maxLength, longestTarget },
  }
}

/** The vocabulary of a file; `ERR_FORMAT` if there is none. */
export const readUnits = async (saved: SavedTask, file: string): Promise<Units> =>
  await unitsFrom(file, new TextDecoder().decode(saved.bytes(file)))

/** Reads what {@link decoderContents} gave; `ERR_FORMAT` for what contradicts itself. */
export async function readDecoder(saved: SavedTask): Promise<DecoderParts> {
  const target = await readUnits(saved, targetFile)
  const { model, metadata } = saved
  const { maxLength, longestTarget } = metadata
  const fits = (length: unknown): length is number => Number.isSafeInteger(length) && (length as number) >= 1
  if (!fits(maxLength) || !fits(longestTarget)) throw saved.no('its model.json has no lengths')
  if (!(model instanceof Functional)) throw saved.no('its model is not functional')
  saved.checkReads(tokenCount(target), `tokens with those of ${targetFile}`, 'target_embedding')
  saved.checkWrites(outputs.words, tokenCount(target), `tokens with those of ${targetFile}`)
  return { model, target, maxLength, longestTarget }
}
