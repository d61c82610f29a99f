// Prints, as JSON, the resident memory in bytes after a warm-up and after many more steps and models (run with --expose-gc).
import { setImmediate } from 'node:timers/promises'
import { layers, sequential, tensor } from 'seqloom'

const [warmSteps, warmModels, steps, models] = process.argv.slice(2).map(Number)

function build(seed) {
  const m = sequential(
    [
      layers.embedding({ inputDim: 500, outputDim: 32 }),
      layers.bidirectional({ layer: layers.lstm({ units: 48 }) }),
      layers.dense({ units: 4, activation: 'softmax' }),
    ],
    { seed },
  )
  m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
  return m
}

// Sixteen batches of different lengths, so that ragged steps are among them.
const batches = Array.from({ length: 16 }, (_, k) => {
  const time = 5 + 2 * k
  const tokens = Int32Array.from({ length: 8 * time }, (_, i) => (i * 31 + k * 7) % 500)
  const lengths = Array.from({ length: 8 }, (_, i) => 1 + ((i * 5 + k) % time))
  return { x: tensor(tokens, [8, time], { lengths }), y: Int32Array.from({ length: 8 }, (_, i) => (i + k) % 4) }
})

const trained = build(1)
async function train(count) {
  for (let i = 0; i < count; i++) {
    const { x, y } = batches[i % batches.length]
    await trained.trainOnBatch(x, tensor(y, [8]))
  }
}

async function buildAndDrop(count) {
  for (let i = 0; i < count; i++) {
    const { x, y } = batches[i % batches.length]
    await build(i).trainOnBatch(x, tensor(y, [8]))
    if (i % 25 === 24) await collect()
  }
}

async function collect() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await setImmediate()
  }
}

await train(warmSteps)
await buildAndDrop(warmModels)
await collect()
const before = process.memoryUsage.rss()
await train(steps)
await buildAndDrop(models)
await collect()
console.log(JSON.stringify({ before, after: process.memoryUsage.rss() }))
