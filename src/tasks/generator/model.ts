import { randomNormal } from '../../initializers/index.js'
import { type AnyLayer, dense, dropout, embedding, gru, lstm, simpleRNN } from '../../layers/index.js'
import { type Sequential, sequential } from '../../model/index.js'
import type { GeneratorSettings } from './options.js'

interface CellOptions {
  readonly units: number
  readonly returnSequences: true
  readonly stateful: true
}

const cells = {
  lstm: (options: CellOptions) => lstm(options),
  gru: (options: CellOptions) => gru(options),
  simpleRNN: (options: CellOptions) => simpleRNN(options),
}

/**
 * The model of a text generator: embedding, recurrent layers that carry their states, softmax over the vocabulary at
 * every step.
 */
export function generatorModel(settings: GeneratorSettings, vocabularySize: number): Sequential {
  const { cell, units, tied } = settings
  const layers: AnyLayer[] = [
    embedding({
      ...{ inputDim: vocabularySize, outputDim: settings.embedding, name: 'tokens' },
      // Recurrent layers tell vectors of unit variance apart sooner than Keras's small ones; as an output's weights
      // they would be too large.
      ...(tied ? {} : { embeddingsInitializer: randomNormal({ stddev: 1 }) }),
    }),
  ]
  for (let index = 0; index < settings.layers; index++) {
    if (index > 0 && settings.dropout > 0) layers.push(dropout({ rate: settings.dropout }))
    layers.push(cells[cell]({ units, returnSequences: true, stateful: true }))
  }
  if (tied && units !== settings.embedding) layers.push(dense({ units: settings.embedding, useBias: false }))
  layers.push(dense({ units: vocabularySize, activation: 'softmax', ...(tied ? { tiedTo: 'tokens' } : {}) }))
  return sequential(layers, { seed: settings.seed })
}
