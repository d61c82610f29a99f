import { randomNormal } from '../../initializers/index.js'
import { defineLayer } from '../../layers/defineLayer.js'
import { dense, dropout, embedding } from '../../layers/index.js'
import type { SymbolicTensor } from '../../layers/layer.js'

/** With vectors as small as Keras's, recurrent layers take long to distinguish tokens; PyTorch's are of this size. */
const embeddingsInitializer = randomNormal({ stddev: 1 })

/** The index of the most probable token at each step. */
const mostProbable = defineLayer({
  name: 'most_probable',
  inputs: { x: ['time', 'tokens'] },
  call: ({ x }) => x.argmax(),
})

/** Dropout, if its rate is above 0. */
export const dropped = (x: SymbolicTensor, rate: number): SymbolicTensor =>
  rate > 0 ? one(dropout({ rate }).apply(x)) : x

/** The vectors of `inputDim` different tokens. */
export function embedded(
  tokens: SymbolicTensor,
  inputDim: number,
  settings: { readonly embedding: number; readonly dropout: number },
  name: string,
): SymbolicTensor {
  const table = embedding({ inputDim, outputDim: settings.embedding, embeddingsInitializer, name })
  return dropped(one(table.apply(tokens)), settings.dropout)
}

/** From a decoder's states to the probabilities of tokens, and the most probable token, at each step. */
export function chosenWords(written: SymbolicTensor, units: number, rate: number): [SymbolicTensor, SymbolicTensor] {
  const projection = dense({ units, activation: 'softmax', name: 'words' })
  const words = one(projection.apply(dropped(written, rate)))
  return [words, one(mostProbable().apply(words))]
}

/** What a layer returned, as a list. */
export const list = (values: SymbolicTensor | readonly SymbolicTensor[]): readonly SymbolicTensor[] =>
  Array.isArray(values) ? values : [values as SymbolicTensor]

/** What a layer returned, or the first of several. */
export const one = (values: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor =>
  list(values)[0] as SymbolicTensor
