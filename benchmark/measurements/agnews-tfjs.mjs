// The text classifier of agnews.mjs in tfjs-node: prints a line of JSON for each epoch. Arguments: CSV file, folder of the
// peers, seed, epochs. Batches are padded to their longest text and masked, which is how tfjs leaves steps out.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { randomIntegers } from '../lib/random.mjs'
import { groupBy } from '../lib/statistics.mjs'

const [path, peers, seed, epochs] = process.argv.slice(2)
const tf = createRequire(join(peers, 'node', 'package.json'))('@tensorflow/tfjs-node')
const next = randomIntegers(Number(seed))
const batchSize = 32
const maxWords = 20_000

function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = next(i + 1)
    const item = list[i]
    list[i] = list[j]
    list[j] = item
  }
}

/** The rows as batches, each padded with zeros to its longest text. */
function* batchesOf(rows) {
  for (let start = 0; start < rows.length; start += batchSize) {
    const part = rows.slice(start, start + batchSize)
    const time = Math.max(...part.map(({ ids }) => ids.length))
    const tokens = new Int32Array(part.length * time)
    part.forEach(({ ids }, row) => {
      tokens.set(ids, row * time)
    })
    const labels = part.map(({ label }) => label)
    yield { x: tf.tensor(tokens, [part.length, time], 'int32'), y: tf.tensor(labels, [part.length, 1]), labels }
  }
}

const data = parse(readFileSync(path), { columns: true }).map(({ text, label }) => ({
  words: text.toLowerCase().match(/[a-z0-9']+|[^\sa-z0-9']/g) ?? [],
  label,
}))
shuffle(data)
const heldOut = Math.floor(data.length / 10)
const counts = groupBy(
  data.slice(heldOut).flatMap(({ words }) => words),
  (word) => word,
)
const ranked = [...counts].sort(([, a], [, b]) => b.length - a.length).slice(0, maxWords - 2)
const vocabulary = new Map(ranked.map(([word], index) => [word, index + 2]))
const labels = [...new Set(data.map(({ label }) => label))].sort()
const encoded = data.map(({ words, label }) => ({
  ids: words.length > 0 ? words.map((word) => vocabulary.get(word) ?? 1) : [1],
  label: labels.indexOf(label),
}))
const validation = encoded.slice(0, heldOut)
const training = encoded.slice(heldOut)

const lstm = tf.layers.lstm({ units: 64, recurrentActivation: 'sigmoid', kernelInitializer: 'glorotUniform' })
const model = tf.sequential({
  layers: [
    tf.layers.embedding({ inputDim: vocabulary.size + 2, outputDim: 64, maskZero: true, inputShape: [null] }),
    tf.layers.bidirectional({ layer: lstm, mergeMode: 'concat' }),
    tf.layers.dense({ units: labels.length, activation: 'softmax' }),
  ],
})
model.compile({ optimizer: tf.train.adam(1e-3), loss: 'sparseCategoricalCrossentropy' })

for (let epoch = 1; epoch <= Number(epochs); epoch++) {
  const start = performance.now()
  shuffle(training)
  let total = 0
  for (const { x, y, labels: own } of batchesOf(training)) {
    total += (await model.trainOnBatch(x, y)) * own.length
    tf.dispose([x, y])
  }
  let right = 0
  for (const { x, y, labels: own } of batchesOf(validation)) {
    const found = tf.tidy(() => model.predictOnBatch(x).argMax(-1).dataSync())
    right += own.filter((label, row) => label === found[row]).length
    tf.dispose([x, y])
  }
  const event = {
    event: 'epoch',
    epoch,
    loss: total / training.length,
    val_accuracy: right / validation.length,
    seconds: (performance.now() - start) / 1000,
  }
  process.stdout.write(`${JSON.stringify(event)}\n`)
}
