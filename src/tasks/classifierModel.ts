import { type AnyLayer, bidirectional, dense, dropout, embedding, gru, lstm, simpleRNN } from '../layers/index.js'
import { type Sequential, sequential } from '../model/index.js'
import type { ClassifierSettings } from './classifierOptions.js'

interface CellOptions {
  readonly units: number
  readonly returnSequences: boolean
}

const cells = {
  lstm: (options: CellOptions) => lstm(options),
  gru: (options: CellOptions) => gru(options),
  simpleRNN: (options: CellOptions) => simpleRNN(options),
}

/** The model of a text classifier: embedding, recurrent layers, softmax over the classes at the last step's output. */
export function classifierModel(settings: ClassifierSettings, vocabularySize: number, classes: number): Sequential {
  const { cell, units } = settings
  const drop = settings.dropout > 0 ? [() => dropout({ rate: settings.dropout })] : []
  const layers: AnyLayer[] = [embedding({ inputDim: vocabularySize, outputDim: settings.embedding })]
  layers.push(...drop.map((make) => make()))
  for (let index = 1; index <= settings.layers; index++) {
    const layer = cells[cell]({ units, returnSequences: index < settings.layers })
    layers.push(settings.bidirectional ? bidirectional({ layer }) : layer)
  }
  layers.push(...drop.map((make) => make()), dense({ units: classes, activation: 'softmax' }))
  return sequential(layers, { seed: settings.seed })
}
