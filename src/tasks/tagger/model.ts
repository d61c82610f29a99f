import { tensor } from '../../data/tensor.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { concatenate, crf, dense, dropout, embedding, lambda, type SymbolicTensor } from '../../layers/index.js'
import { input } from '../../layers/input.js'
import type { AnyLayer } from '../../layers/layer.js'
import type { TagScheme } from '../../layers/tagScheme.js'
import { type Model, model } from '../../model/index.js'
import { labellingModel } from '../shared/labellingModel.js'
import { recurrentStack, through } from '../shared/recurrentStack.js'
import { type Characters, longestToken } from './characters.js'
import type { Feature } from './features.js'
import type { TaggerSettings } from './options.js'
import { type Reading, readsWords } from './reading.js'
import type { PretrainedWords } from './wordVectors.js'

/** What a tagger's model gives. */
export interface Tagged {
  readonly names: readonly string[]
  /** The scheme by which transitions are constrained, with a CRF. */
  readonly scheme: TagScheme | undefined
}

/** How many features of characters are found, and the most values of a given category's vector. */
const [characterFilters, categorySize] = [30, 25] as const

/**
 * Embedded tokens, recurrent layers, and at every step a softmax over the tags, or a CRF over all steps. With
 * characters, the largest values of a convolution over a token's characters stand beside its vector (Ma and Hovy, arXiv
 * 1603.01354); so do given features.
 */
export function taggerModel(
  settings: TaggerSettings,
  reading: Reading,
  words: PretrainedWords | undefined,
  { names, scheme }: Tagged,
): Model {
  const { seed } = settings
  const { vocabulary, characters, features } = reading
  if (!settings.crf && words === undefined && readsWords(reading)) {
    return labellingModel(settings, vocabulary.size, names.length, 'every')
  }
  const tokens = input({ shape: [null], dtype: 'int32', name: 'tokens' })
  const table = words
    ? embedding({ weights: tensor(words.table, [vocabulary.size, words.dimensions]), name: 'words' })
    : embedding({ inputDim: vocabulary.size, outputDim: settings.embedding, name: 'words' })
  const inputs = [tokens]
  const read = [table.apply(tokens)]
  if (characters) {
    const letters = input({ shape: [null, longestToken + 2], dtype: 'int32', name: 'characters' })
    inputs.push(letters)
    read.push(characterVectors(letters, characters))
  }
  for (const [at, feature] of features.entries()) {
    const [given, value] = featureInput(feature, at)
    inputs.push(given)
    read.push(value)
  }
  const all = read.length > 1 ? concatenate().apply(read) : (read[0] as SymbolicTensor)
  const drop = (): AnyLayer[] => (settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : [])
  const scores = through(all, [...drop(), ...recurrentStack(settings, true), ...drop()])
  if (!settings.crf) {
    return model({ inputs, outputs: dense({ units: names.length, activation: 'softmax' }).apply(scores), seed })
  }
  const logits = dense({ units: names.length }).apply(scores)
  const constraints = scheme ? { constraints: scheme } : {}
  const [tags] = crf({ tags: names, ...constraints, returnMarginals: true, name: 'crf' }).apply(logits)
  return model({ inputs, outputs: tags, seed })
}

/**
 * A vector of each token: the largest values of a convolution over its characters, in windows of three. As characters
 * are one of many, its kernel is three tables: what a character adds to the window after, around and before it.
 */
function characterVectors(letters: SymbolicTensor, { size }: Characters): SymbolicTensor {
  const tables = ['before', 'letters', 'after'].map((name) =>
    embedding({ inputDim: size, outputDim: characterFilters, embeddingsInitializer: 'glorotUniform', name }).apply(
      letters,
    ),
  )
  const part = (x: SymbolicValue, start: number) => x.slice(start, start + longestToken, 2)
  const largest = ([before, at, after]: [SymbolicValue, SymbolicValue, SymbolicValue]) =>
    part(before, 0).add(part(at, 1)).add(part(after, 2)).relu().max({ axis: 2 })
  return lambda({ function: largest, name: 'token' }).apply(tables)
}

/** A feature's input, and what stands beside the tokens' vectors: a number as it is, a category as a vector of its own. */
function featureInput(feature: Feature, at: number): [SymbolicTensor, SymbolicTensor] {
  const name = `feature_${at}`
  if (feature.kind === 'number') {
    const given = input({ shape: [null, 1], name })
    return [given, given]
  }
  const given = input({ shape: [null], dtype: 'int32', name })
  const count = feature.categories.length + 1
  const size = Math.min(categorySize, Math.ceil(count / 2) + 1)
  return [given, embedding({ inputDim: count, outputDim: size, name: `${name}_vectors` }).apply(given)]
}
