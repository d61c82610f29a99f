import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { type AnyLayer, dense, dropout, embedding, lambda } from '../../layers/index.js'
import { type Sequential, sequential } from '../../model/index.js'
import { recurrentStack, type StackSettings } from './recurrentStack.js'

/**
 * What the classes are told from: the last step, every step on its own, or the largest and the mean values of all steps
 * together (the concat pooling of Howard and Ruder 2018, arXiv 1801.06146, 3.3, without the last step).
 */
export type Reads = 'last' | 'every' | 'pooled'

/** Embedding, recurrent layers, softmax over the classes. */
export function labellingModel(
  settings: StackSettings & { readonly embedding: number; readonly dropout: number; readonly seed: number },
  vocabularySize: number,
  classes: number,
  reads: Reads,
): Sequential {
  const drop = (): AnyLayer[] => (settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : [])
  const layers: AnyLayer[] = [
    embedding({ inputDim: vocabularySize, outputDim: settings.embedding }),
    ...drop(),
    ...recurrentStack(settings, reads !== 'last'),
    ...(reads === 'pooled' ? [lambda({ function: maxAndMean, name: 'pooled' })] : []),
    ...drop(),
    dense({ units: classes, activation: 'softmax' }),
  ]
  return sequential(layers, { seed: settings.seed })
}

const maxAndMean = (states: SymbolicValue): SymbolicValue => states.max({ axis: 1 }).concat(states.mean({ axis: 1 }))
