import { type AnyLayer, dense, dropout, embedding, transducerJoint } from '../../layers/index.js'
import { input } from '../../layers/input.js'
import type { SymbolicTensor } from '../../layers/layer.js'
import { type Functional, model } from '../../model/index.js'
import { recurrentLayer, recurrentStack } from '../shared/recurrentStack.js'
import type { TranscriberSettings } from './options.js'

/**
 * Recurrent layers over stacked frames, and the logits of all symbols at every step; of a transducer after each number of
 * symbols that are written, which another recurrent layer reads.
 */
export function transcriberModel(settings: TranscriberSettings, features: number, symbols: number): Functional {
  const rate = settings.dropout
  const between = (): AnyLayer[] => (rate > 0 ? [dropout({ rate })] : [])
  const stack = recurrentStack(settings, true).flatMap((layer) => [layer, ...between()])
  const through = (layers: readonly AnyLayer[], from: SymbolicTensor) =>
    layers.reduce((value, layer) => layer.apply(value) as typeof value, from)
  const frames = input({ shape: [null, features * settings.stackFrames], name: 'frames' })
  const { units, seed, cell } = settings
  if (settings.method === 'ctc') {
    const outputs = through([...stack, dense({ units: symbols, name: 'symbols' })], frames)
    return model({ inputs: frames, outputs, seed }) as Functional
  }
  const written = input({ shape: [null], dtype: 'int32', name: 'written' })
  const encoded = through([...stack, dense({ units, name: 'encoder' })], frames)
  const predictor = [
    embedding({ inputDim: symbols, outputDim: units, name: 'tokens' }),
    recurrentLayer(cell, { units, returnSequences: true }) as AnyLayer,
    ...between(),
    dense({ units, useBias: false, name: 'predictor' }),
  ]
  const outputs = transducerJoint({ units: symbols, name: 'symbols' }).apply([encoded, through(predictor, written)])
  return model({ inputs: [frames, written], outputs, seed }) as Functional
}
