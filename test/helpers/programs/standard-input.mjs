// Trains with the rows of standard input, for one epoch or, kept in memory, for several: `node standard-input.mjs [epochs]`.
// Prints a hash of the weights, or the code and the message of the error.
import { createHash } from 'node:crypto'
import { data, layers, sequential } from 'seqloom'

const epochs = Number(process.argv[2] ?? 1)
const m = sequential([layers.dense({ units: 2, activation: 'softmax', inputShape: [2] })], { seed: 1 })
m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
const rows = data.csv('-', { x: ['a', 'b'], y: 'label', classes: ['low', 'high'] })
try {
  await m.fit(epochs > 1 ? rows.cache() : rows, { epochs, batchSize: 16 })
  const hash = createHash('sha256')
  for (const { data } of m.getWeights()) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  console.log(hash.digest('hex'))
} catch (error) {
  console.log(`${error.code}: ${error.message}`)
}
