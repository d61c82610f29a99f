import { type AnyLayer, dense, dropout } from '../../layers/index.js'
import { input } from '../../layers/input.js'
import { type Functional, model } from '../../model/index.js'
import { recurrentStack } from '../shared/recurrentStack.js'
import type { TranscriberSettings } from './options.js'

/** Recurrent layers over stacked frames, and the logits of all symbols at every step. */
export function transcriberModel(settings: TranscriberSettings, features: number, symbols: number): Functional {
  const rate = settings.dropout
  const between = (): AnyLayer[] => (rate > 0 ? [dropout({ rate })] : [])
  const layers = [
    ...recurrentStack(settings, true).flatMap((layer) => [layer, ...between()]),
    dense({ units: symbols, name: 'symbols' }),
  ]
  const frames = input({ shape: [null, features * settings.stackFrames], name: 'frames' })
  const outputs = layers.reduce((value, layer) => layer.apply(value) as typeof value, frames)
  return model({ inputs: frames, outputs, seed: settings.seed }) as Functional
}
