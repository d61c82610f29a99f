// Small models that our own writers write.
import { cells, input, layers, model, sequential } from 'seqloom'

export function stack() {
  return sequential(
    [
      layers.embedding({ inputDim: 6, outputDim: 3, name: 'embedding' }),
      layers.lstm({ units: 4, returnSequences: true, name: 'lstm' }),
      layers.gru({ units: 3, name: 'gru' }),
      layers.layerNormalization({ name: 'norm' }),
      layers.dense({ units: 2, name: 'head' }),
    ],
    { seed: 1 },
  )
}

export function bidirectional() {
  const layer = layers.lstm({ units: 3, returnSequences: true })
  return sequential([layers.bidirectional({ layer, inputShape: [null, 3] }), layers.dense({ units: 2 })], { seed: 1 })
}

export function severalOutputs() {
  const [tokens, features] = [
    input({ shape: [null], dtype: 'int32', name: 'tokens' }),
    input({ shape: [3], name: 'features' }),
  ]
  const read = layers
    .gru({ units: 4 })
    .apply(layers.embedding({ inputDim: 6, outputDim: 3, maskZero: true }).apply(tokens))
  const both = layers.concatenate().apply([read, layers.layerNormalization().apply(features)])
  const shared = layers.dense({ units: 2, name: 'shared' })
  const outputs = [shared.apply(both), layers.dense({ units: 3, activation: 'softmax' }).apply(both)]
  return model({ inputs: [tokens, features], outputs, seed: 1 })
}

export function ofManyLayers() {
  const [tokens, steps] = [
    input({ shape: [null], dtype: 'int32', name: 'tokens' }),
    input({ shape: [null, 3], name: 'steps' }),
  ]
  const embedded = layers.embedding({ inputDim: 6, outputDim: 3, maskZero: true }).apply(tokens)
  const [, h] = layers.gru({ units: 4, resetAfter: false, returnState: true }).apply(embedded)
  const cell = [cells.lstm({ units: 3 }), cells.simpleRNN({ units: 2 })]
  const read = layers
    .bidirectional({ layer: layers.simpleRNN({ units: 4, returnSequences: true }) })
    .apply(layers.masking().apply(steps), { initialState: [h, h] })
  const normal = layers.layerNormalization().apply(layers.rnn({ cell, returnSequences: true }).apply(read))
  const shared = layers.timeDistributed({ layer: layers.dense({ units: 2, activation: 'relu' }) })
  const sum = layers.add().apply([shared.apply(normal), layers.dense({ units: 2 }).apply(read)])
  return model({ inputs: [tokens, steps], outputs: [sum, layers.dropout({ rate: 0.1 }).apply(h)], seed: 1 })
}

export function attending() {
  const x = input({ shape: [null, 3] })
  const [y, h] = layers.lstm({ units: 4, returnSequences: true, returnState: true }).apply(x)
  const looked = layers.additiveAttention().apply([y, y])
  const attended = layers.multiHeadAttention({ numHeads: 2, keyDim: 2 }).apply([y, y])
  const pooled = layers.globalAveragePooling1d().apply(layers.add().apply([y, attended, looked]))
  return model({
    inputs: x,
    outputs: layers.dense({ units: 1 }).apply(layers.concatenate().apply([pooled, h])),
    seed: 1,
  })
}

export function tracedCells() {
  const cell = [cells.layerNormLSTM({ units: 3 }), cells.gru({ units: 2 })]
  return sequential([layers.rnn({ cell, inputShape: [null, 3] }), layers.dense({ units: 1 })], { seed: 1 })
}
