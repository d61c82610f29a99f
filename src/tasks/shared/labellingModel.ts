import { type AnyLayer, dense, dropout, embedding } from '../../layers/index.js'
import { type Sequential, sequential } from '../../model/index.js'
import { recurrentStack } from './recurrentStack.js'
import type { ClassifierSettings } from './training.js'

/** The model of a text classifier: embedding, recurrent layers, softmax over the classes at the last step's output. */
export function classifierModel(settings: ClassifierSettings, vocabularySize: number, classes: number): Sequential {
  return labellingModel(settings, vocabularySize, classes, false)
}

/** Embedding, recurrent layers, softmax over the classes: at the last step, or with `sequences` at every step. */
export function labellingModel(
  settings: Pick<ClassifierSettings, 'cell' | 'units' | 'layers' | 'bidirectional' | 'embedding' | 'dropout' | 'seed'>,
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
