import { randomNormal } from '../../initializers/index.js'
import { type AnyLayer, dense, dropout, embedding } from '../../layers/index.js'
import { type Sequential, sequential } from '../../model/index.js'
import { recurrentLayer } from '../shared/recurrentStack.js'
import type { GeneratorSettings } from './options.js'

/** The model of a text generator: embedding, recurrent layers that carry their states, softmax over the vocabulary at every step. */
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
  let width: number | null | undefined = settings.embedding
  for (let index = 0; index < settings.layers; index++) {
    if (index > 0 && settings.dropout > 0) layers.push(dropout({ rate: settings.dropout }))
    const layer = recurrentLayer(cell, { units, returnSequences: true, stateful: true }) as AnyLayer
    width = layer.outputShapes([[null, null, width as number]])[0]?.at(-1)
    layers.push(layer)
  }
  if (tied && width !== settings.embedding) layers.push(dense({ units: settings.embedding, useBias: false }))
  layers.push(dense({ units: vocabularySize, activation: 'softmax', ...(tied ? { tiedTo: 'tokens' } : {}) }))
  return sequential(layers, { seed: settings.seed })
}
