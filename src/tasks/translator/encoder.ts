import { SeqloomError } from '../../errors.js'
import { Bidirectional } from '../../layers/bidirectional.js'
import type { AnyLayer } from '../../layers/layer.js'
import type { Model } from '../../model/index.js'
import { Tokenizer } from '../../text/tokenizer.js'
import { knownUnits, type Level, type Units } from '../decoding/units.js'
import { gatedCell } from '../shared/cell.js'
import { type Beginning, type EncoderParts, sameIds } from '../shared/encoder.js'
import { Vocabulary } from '../shared/vocabulary.js'

/** The options of a translator that begins with an encoder; `ERR_OPTION` for one that does not read as a translator does. */
export function encoderSettings(where: string, { settings: { cell, bidirectional, ...sizes } }: EncoderParts) {
  if (bidirectional && gatedCell.accepts(cell)) return { ...sizes, cell }
  const what = bidirectional ? `a cell that is ${gatedCell.expected}` : 'both directions'
  throw new SeqloomError('ERR_OPTION', `${where}: its encoder must have ${what}`)
}

/** The sources' tokens, as an encoder knows them; `ERR_OPTION` if they were to be cut otherwise. */
export function sourceUnits(where: string, encoder: EncoderParts, given: Level | undefined): Units {
  const { tokens, unit, lowercase } = encoder
  if (given !== undefined && !isCutBy(encoder, given)) {
    throw new SeqloomError('ERR_OPTION', `${where}: sourceTokenizer is given, but the tokens are those of its encoder`)
  }
  if (tokens instanceof Vocabulary) return knownUnits(tokens.tokens, 'word', lowercase)
  return knownUnits(tokens, unit === 'character' ? unit : 'word', lowercase)
}

function isCutBy({ tokens, unit }: EncoderParts, given: Level): boolean {
  if (tokens instanceof Vocabulary) return false
  return given instanceof Tokenizer
    ? given.withMaxLength().toString() === tokens.withMaxLength().toString()
    : given === unit
}

/** The layers of a translator that begin with an encoder of so many tokens. */
export const encoderLayers = (model: Model, size: number): Beginning => ({
  words: model.getLayer('source_embedding') as AnyLayer,
  origins: sameIds(size),
  stacks: [model.layers.filter((layer) => layer instanceof Bidirectional)],
})
