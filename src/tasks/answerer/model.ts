import type { Tensor } from '../../data/tensor.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { defineLayer } from '../../layers/defineLayer.js'
import { dropout, embedding } from '../../layers/index.js'
import { input } from '../../layers/input.js'
import { type Functional, model } from '../../model/index.js'
import type { Beginning } from '../shared/encoder.js'
import { recurrentStack, type StackSettings, through } from '../shared/recurrentStack.js'

/** The size of a reader. */
export interface ReaderSettings extends StackSettings {
  readonly embedding: number
  readonly dropout: number
  readonly hops: number
  readonly seed: number
}

/** A model with the layers that read words. */
export interface ReaderModel extends Pick<Beginning, 'words' | 'stacks'> {
  readonly model: Functional<Tensor>
}

/**
 * The attention reader: a story's words and a question are read in both directions, and every word of the story gets a
 * weight, the softmax of its product with the question (the attention-sum reader of Kadlec et al. 2016, arXiv
 * 1603.01547). With more hops, what was read becomes part of the next question (Sukhbaatar et al. 2015, arXiv
 * 1503.08895).
 *
 * Inputs: the ids of story and question, `[batch, time]` each; output: the weights of the story's words,
 * `[batch, time]`.
 */
export function readerModel(settings: ReaderSettings, vocabularySize: number): ReaderModel {
  const { hops, seed } = settings
  const story = input({ shape: [null], dtype: 'int32', name: 'story' })
  const question = input({ shape: [null], dtype: 'int32', name: 'question' })
  const words = embedding({ inputDim: vocabularySize, outputDim: settings.embedding })
  const drop = dropout({ rate: settings.dropout })
  const [reading, asking] = [recurrentStack(settings, true), recurrentStack(settings, false)]
  const memory = through(drop.apply(words.apply(story)), reading)
  const asked = through(drop.apply(words.apply(question)), asking)
  const pointer = defineLayer({
    name: 'pointer',
    inputs: { memory: ['steps', 'size'], asked: ['size'] },
    weights: Object.fromEntries(Array.from({ length: hops - 1 }, (_, hop) => [`hop${hop + 1}`, ['size', 'size']])),
    call({ memory, asked }, w) {
      const mask = memory.mask()
      const attend = (query: SymbolicValue) => memory.matmul(query.expandDims(2)).squeeze(2).softmax({ mask })
      let [query, weights] = [asked, attend(asked)]
      for (const kernel of Object.values(w) as SymbolicValue[]) {
        query = query.matmul(kernel).add(weights.expandDims(1).matmul(memory).squeeze(1))
        weights = attend(query)
      }
      return weights
    },
  })
  const weights = pointer().apply([memory, asked] as never)
  const made = model({ inputs: [story, question], outputs: weights as never, seed }) as Functional<Tensor>
  return { model: made, words, stacks: [reading, asking] }
}

/** −log of the total weight at the positions of the answer, which the targets mark with ones. */
export const pointerLoss = (yTrue: SymbolicValue, yPred: SymbolicValue): SymbolicValue =>
  yTrue.mul(yPred).sum().maximum(1e-7).log().neg()
