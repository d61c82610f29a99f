import { type AnyLayer, dense, dropout, embedding } from '../../layers/index.js'
import { type Sequential, sequential } from '../../model/index.js'
import { recurrentStack, type StackSettings } from './recurrentStack.js'

/** Embedding, recurrent layers, softmax over the classes: at the last step, or with `sequences` at every step. */
export function labellingModel(
  settings: StackSettings & { readonly embedding: number; readonly dropout: number; readonly seed: number },
  vocabularySize: number,
  classes: number,
  sequences: boolean,
): Sequential {
  const drop = (): AnyLayer[] => (settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : [])
  const layers: AnyLayer[] = [
    embedding({ inputDim: vocabularySize, outputDim: settings.embedding }),
    ...drop(),
    ...recurrentStack(settings, sequences),
    ...drop(),
    dense({ units: classes, activation: 'softmax' }),
  ]
  return sequential(layers, { seed: settings.seed })
}
