// Prints, as JSON, a digest of what models of many kinds compute and learn with SEQLOOM_THREADS threads, and the seconds that it took.
import { createHash } from 'node:crypto'
import { input, layers, model, sequential, tensor } from 'seqloom'

const hash = createHash('sha256')
const note = (list) =>
  list.forEach(({ data }) => void hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)))
const wave = (length, from) => Float32Array.from({ length }, (_, i) => Math.sin(from + i * i * 0.01))

/** Two layers of two directions, the second one given the states of the first. */
function reader(units, features) {
  const x = input({ shape: [null, features] })
  const cell = (options) => layers.lstm({ units, returnSequences: true, ...options })
  const first = layers.bidirectional({ layer: cell({}) }).apply(x)
  const second = layers.bidirectional({ layer: layers.gru({ units }), mergeMode: 'sum' }).apply(first)
  return model({ inputs: x, outputs: [first, second, layers.dense({ units: 3 }).apply(second)], seed: 3 })
}

const start = performance.now()
for (const [units, features, batch, time] of [
  [40, 33, 1, 25],
  [70, 8, 5, 12],
  [24, 40, 31, 9],
  [33, 12, 70, 6],
]) {
  const full = reader(units, features)
  const values = wave(batch * time * features, units)
  const x = tensor(values, [batch, time, features])
  const lengths = Array.from({ length: batch }, (_, row) => 1 + ((row * 5) % time))
  for (const each of [full, full.quantize()]) {
    note(each.predictSync(x, { batchSize: batch }))
    note(await each.predict(tensor(values, [batch, time, features], { lengths }), { batchSize: batch }))
  }
}
const learner = sequential(
  [
    layers.embedding({ inputDim: 50, outputDim: 20, inputShape: [null] }),
    layers.bidirectional({ layer: layers.gru({ units: 36, returnSequences: true }) }),
    layers.bidirectional({ layer: layers.lstm({ units: 20, recurrentDropout: 0.1 }) }),
    layers.dense({ units: 4, activation: 'softmax' }),
  ],
  { seed: 5 },
)
learner.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
const tokens = tensor(
  Int32Array.from({ length: 60 * 11 }, (_, i) => (i * 7) % 50),
  [60, 11],
)
const classes = Int32Array.from({ length: 60 }, (_, i) => i % 4)
await learner.fit(tokens, tensor(classes, [60]), { epochs: 2, batchSize: 13, verbose: 0 })
note(learner.getWeights())
console.log(JSON.stringify({ digest: hash.digest('hex'), seconds: (performance.now() - start) / 1000 }))
