import type { Tensor } from '../../data/tensor.js'
import { CRF } from '../../layers/crf.js'
import type { SymbolicTensor } from '../../layers/layer.js'
import { type Model, model } from '../../model/index.js'
import { largest } from '../shared/evaluation.js'

/** The tags of sequences, by row and step, and how probable each tag is there. */
export interface Predictions {
  tagAt(row: number, step: number): number
  probability(row: number, step: number, tag: number): number
}

/** Models that give the probabilities of tags beside those of a CRF. */
const both = new WeakMap<Model, Model>()

/** The CRF that makes a tagger's output, if one does. */
export function chainIn(tagger: Model): CRF | undefined {
  const layer = tagger.outputs[0]?.call.layer
  return layer instanceof CRF ? layer : undefined
}

/** What a tagger of so many tags predicts. */
export async function predictions(
  tagger: Model,
  inputs: Parameters<Model['predict']>[0],
  size: number,
  options: Parameters<Model['predict']>[1],
): Promise<Predictions> {
  if (!chainIn(tagger)) {
    const { data, shape } = (await tagger.predict(inputs, options)) as Tensor
    const offset = (row: number, step: number) => (row * (shape[1] as number) + step) * size
    return {
      tagAt: (row, step) => largest(data, offset(row, step), size),
      probability: (row, step, tag) => data[offset(row, step) + tag] as number,
    }
  }
  const known = both.get(tagger)
  const wide =
    known ?? model({ inputs: [...tagger.inputs], outputs: [...(tagger.outputs[0] as SymbolicTensor).call.outputs] })
  both.set(tagger, wide)
  const [tags, marginals] = (await wide.predict(inputs, options)) as unknown as [Tensor, Tensor]
  const steps = tags.shape[1] as number
  return {
    tagAt: (row, step) => tags.data[row * steps + step] as number,
    probability: (row, step, tag) => marginals.data[(row * steps + step) * size + tag] as number,
  }
}
