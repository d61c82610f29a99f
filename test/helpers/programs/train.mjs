// Trains a small model of every kind of layer and prints its losses and final weights as JSON. Argument: the optimizer.
import { backend, layers, optimizers, sequential, tensor } from 'seqloom'

const [optimizer] = process.argv.slice(2)
const m = sequential(
  [
    layers.embedding({ inputDim: 40, outputDim: 17, maskZero: true }),
    layers.bidirectional({ layer: layers.lstm({ units: 33, returnSequences: true }) }),
    layers.layerNormalization({}),
    layers.dropout({ rate: 0.2 }),
    layers.gru({ units: 19, returnSequences: true }),
    layers.simpleRNN({ units: 21 }),
    layers.dense({ units: 5, activation: 'softmax' }),
  ],
  { seed: 11 },
)
m.compile({
  optimizer:
    optimizer === 'sgd'
      ? optimizers.sgd({ learningRate: 0.05, globalClipNorm: 1 })
      : optimizers.adam({ learningRate: 0.01, clipNorm: 1 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
})
const rows = 53
const time = 23
const tokens = Int32Array.from({ length: rows * time }, (_, i) => 1 + ((i * 29 + (i >> 3)) % 39))
const lengths = Array.from({ length: rows }, (_, i) => 1 + ((i * 7) % time))
const labels = Int32Array.from({ length: rows }, (_, i) => (i * 3) % 5)
const history = await m.fit(tensor(tokens, [rows, time], { lengths }), tensor(labels, [rows]), {
  epochs: 3,
  batchSize: 16,
  shuffle: true,
})
const weights = Object.fromEntries(
  Object.entries(m.namedWeights()).map(([name, { data }]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  ]),
)
const { simd, threads } = backend()
console.log(JSON.stringify({ simd, threads, loss: history.history.loss, weights }))
