// Prints, as JSON, how calls on a model end where the system refuses every thread of the engine (RUST_MIN_STACK asks for stacks that do not exist).
import { layers, sequential, tensor } from 'seqloom'

const m = sequential([layers.lstm({ units: 16, inputShape: [null, 16] }), layers.dense({ units: 2 })], { seed: 1 })
m.compile({ optimizer: 'sgd', loss: 'mse' })
const x = tensor(
  Float32Array.from({ length: 64 * 8 * 16 }, (_, i) => Math.sin(i)),
  [64, 8, 16],
)
const y = tensor(new Float32Array(128), [64, 2])

const ended = {}
async function note(name, call) {
  ended[name] = await call().then(
    () => 'done',
    (error) => error.code,
  )
}

await note('predict', () => m.predict(x))
await note('fit', () => m.fit(x, y))
await note('fit again', () => m.fit(x, y, { callbacks: { onEpochEnd: () => m.evaluate(x, y) } }))
await note('evaluate', () => m.evaluate(x, y))
await note('trainOnBatch', () => m.trainOnBatch(x, y))
await note('gradients', () => m.gradients(x, y))
// What runs on this thread works, with fewer threads.
ended.predictSync = m.predictSync(x).shape.join()
m.dispose()
console.log(JSON.stringify(ended))
