import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { randomNormal } from '../../initializers/index.js'
import { type AnyLayer, dense, dropout, embedding, lambda } from '../../layers/index.js'
import { input } from '../../layers/input.js'
import { type Functional, model } from '../../model/index.js'
import { recurrentStack, through } from '../shared/recurrentStack.js'
import { apart } from './objective.js'
import type { LanguageEncoderSettings } from './options.js'

/** How many tokens a model tells apart: one more than there are, if tokens are hidden. */
export const modelSize = ({ objective }: LanguageEncoderSettings, tokens: number): number =>
  tokens + Number(objective === 'masked')

/**
 * The encoder, an embedding and recurrent layers, and over its states at some positions a softmax over the tokens,
 * whose weights are the embedding's (arXiv 1611.01462). Inputs: the tokens, `[batch, time]`, and the positions, as
 * `objective.ts` makes them; output: `[batch, positions, tokens]`.
 */
export function languageModel(settings: LanguageEncoderSettings, size: number): Functional {
  const directions = apart({ ...settings, size })
  const tokens = input({ shape: [null], dtype: 'int32', name: 'tokens' })
  const positions = input({ shape: [null, directions ? 2 : 1], name: 'positions' })
  const drop = (): AnyLayer[] => (settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : [])
  const inputDim = modelSize(settings, size)
  // Vectors of length 1: recurrent layers hardly tell Keras's small ones apart, and learn for epochs to do so.
  const embeddingsInitializer = randomNormal({ stddev: settings.embedding ** -0.5 })
  const words = embedding({ inputDim, outputDim: settings.embedding, embeddingsInitializer, name: 'words' })
  const states = through(words.apply(tokens), [...drop(), ...recurrentStack(settings, true), ...drop()])
  const chosen = lambda({ function: directions ? ownStates : statesAt, name: 'chosen' }).apply([states, positions])
  const width = chosen.shape.at(-1)
  const vectors =
    width === settings.embedding ? chosen : dense({ units: settings.embedding, useBias: false }).apply(chosen)
  const output = dense({ units: inputDim, activation: 'softmax', tiedTo: 'words', name: 'prediction' }).apply(vectors)
  return model({ inputs: [tokens, positions], outputs: output, seed: settings.seed })
}

/** The states at positions: a product with rows that are 1 at one step, since the steps differ from row to row. */
function statesAt([states, positions]: [SymbolicValue, SymbolicValue]): SymbolicValue {
  const first = states.slice(0, 1, 2)
  const steps = first.equal(first).cumulativeSum({ axis: 1 }).sub(1).transpose([0, 2, 1])
  return positions.slice(0, 1, 2).equal(steps).matmul(states)
}

/** The same of the one direction or the other. */
function ownStates([states, positions]: [SymbolicValue, SymbolicValue]): SymbolicValue {
  const both = statesAt([states, positions])
  const half = (states.shape.at(-1) as number) / 2
  const forward = positions.slice(1, 2, 2)
  return forward.where(both.slice(0, half, 2), both.slice(half, 2 * half, 2))
}
