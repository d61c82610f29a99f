import type { DataSet } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import type { Vocabulary } from '../shared/vocabulary.js'
import { Characters } from './characters.js'
import { encodeFeature, type Feature, parseFeatures, type TokenSequence } from './features.js'

/** What a tagger's model reads of tokens. */
export interface Reading {
  readonly vocabulary: Vocabulary
  /** Whether tokens that are unknown are looked up in lower case. */
  readonly lowercase: boolean
  readonly characters: Characters | undefined
  readonly features: readonly Feature[]
}

/** Whether the words alone are read, as they are. */
export const readsWords = ({ lowercase, characters, features }: Reading): boolean =>
  !lowercase && characters === undefined && features.length === 0

/** The inputs of the model for sequences of tokens. */
export function encoded(reading: Reading, sequences: readonly TokenSequence[]): DataSet {
  const { vocabulary, lowercase, characters, features } = reading
  const idOf = (token: string): number =>
    vocabulary.has(token) || !lowercase ? vocabulary.idOf(token) : vocabulary.idOf(token.toLowerCase())
  const words = sequences.map(({ tokens }) => Int32Array.from(tokens, idOf))
  if (characters === undefined && features.length === 0) return words
  const inputs: Record<string, unknown> = { tokens: words }
  if (characters) inputs.characters = sequences.map(({ tokens }) => tokens.map((token) => characters.encode(token)))
  for (const [at, feature] of features.entries()) {
    inputs[`feature_${at}`] = encodeFeature(feature, sequences)
  }
  return inputs as DataSet
}

/** What is saved of a reading besides its vocabulary. */
export const savedReading = ({ lowercase, characters, features }: Reading): string =>
  JSON.stringify({ lowercase, ...(characters && { characters: characters.all }), features })

/** Reads what {@link savedReading} wrote; `ERR_FORMAT` for anything else. */
export function parseReading(vocabulary: Vocabulary, saved: unknown): Reading {
  if (!isRecord(saved) || typeof saved.lowercase !== 'boolean') {
    throw new SeqloomError('ERR_FORMAT', 'reading.json: expected { lowercase, characters, features }')
  }
  const { lowercase, characters, features } = saved
  return {
    ...{ vocabulary, lowercase, features: parseFeatures(features) },
    characters: characters === undefined ? undefined : Characters.parse(characters),
  }
}
