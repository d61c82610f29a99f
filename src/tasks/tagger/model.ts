import { tensor } from '../../data/tensor.js'
import {
  concatenate,
  conv2d,
  crf,
  dense,
  dropout,
  embedding,
  maxPooling2d,
  reshape,
  type SymbolicTensor,
} from '../../layers/index.js'
import { input } from '../../layers/input.js'
import type { AnyLayer } from '../../layers/layer.js'
import type { TagScheme } from '../../layers/tagScheme.js'
import { type Model, model } from '../../model/index.js'
import { labellingModel } from '../shared/labellingModel.js'
import { recurrentStack } from '../shared/recurrentStack.js'
import { longestToken } from './characters.js'
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

/** The sizes of the character network: a character's vector, and the features that are found in windows of three. */
const [characterSize, characterFilters] = [25, 30] as const

/**
 * Embedded tokens, recurrent layers, and at every step a softmax over the tags, or a CRF over all steps. With characters,
 * the largest values of a convolution over a token's characters stand beside its vector (Ma and Hovy, arXiv 1603.01354);
 * so do given features.
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
    return labellingModel(settings, vocabulary.size, names.length, true)
  }
  const tokens = input({ shape: [null], dtype: 'int32', name: 'tokens' })
  const table = words
    ? embedding({ weights: tensor(words.table, [vocabulary.size, words.dimensions]), name: 'words' })
    : embedding({ inputDim: vocabulary.size, outputDim: settings.embedding, name: 'words' })
  const inputs = [tokens]
  const read = [table.apply(tokens)]
  if (characters) {
    const letters = input({ shape: [null, longestToken], dtype: 'int32', name: 'characters' })
    inputs.push(letters)
    read.push(
      through(letters, [
        embedding({ inputDim: characters.size, outputDim: characterSize, name: 'letters' }),
        conv2d({ filters: characterFilters, kernelSize: [1, 3], padding: 'same', activation: 'relu' }),
        maxPooling2d({ poolSize: [1, longestToken] }),
        reshape({ targetShape: [null, characterFilters] }),
      ]),
    )
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

/** A feature's input, and what stands beside the tokens' vectors: a number as it is, a category as a vector of its own. */
function featureInput(feature: Feature, at: number): [SymbolicTensor, SymbolicTensor] {
  const name = `feature_${at}`
  if (feature.kind === 'number') {
    const given = input({ shape: [null, 1], name })
    return [given, given]
  }
  const given = input({ shape: [null], dtype: 'int32', name })
  const count = feature.categories.length + 1
  const size = Math.min(characterSize, Math.ceil(count / 2) + 1)
  return [given, embedding({ inputDim: count, outputDim: size, name: `${name}_vectors` }).apply(given)]
}

/** What layers make of a value, one after the other. */
const through = (value: SymbolicTensor, layers: readonly AnyLayer[]): SymbolicTensor =>
  layers.reduce((made, layer) => layer.apply(made) as SymbolicTensor, value)
