// Trains a classifier with a table that need not fit into memory, and says how much memory that took, and how fast it was
// beside the same rows in memory.
//
//   node examples/data-stream.mjs [rows]
//
// The rows are written into a compressed CSV file first, by this program itself: two numbers each, whose product decides
// the class. The last tenth of them validates.
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { data, layers, sequential, tensor } from 'seqloom'

const rows = Number(process.argv[2] ?? 500_000)
const held = Math.floor(rows / 10)
const folder = mkdtempSync(join(tmpdir(), 'seqloom-stream-'))
const file = join(folder, 'rows.csv.gz')

const row = (i) => [Math.sin(i * 12.9898), Math.sin(i * 78.233)]

function* lines() {
  yield 'a,b,side\n'
  for (let i = 0; i < rows; i++) {
    const [a, b] = row(i)
    yield `${a.toFixed(4)},${b.toFixed(4)},${a * b > 0 ? 'same' : 'other'}\n`
  }
}

function classifier() {
  const m = sequential([
    layers.dense({ units: 128, activation: 'tanh', inputShape: [2] }),
    layers.dense({ units: 128, activation: 'tanh' }),
    layers.dense({ units: 2, activation: 'softmax' }),
  ])
  m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  return m
}

/** The most memory, beyond that at the beginning, that the process has until it is asked. */
function peakMemory() {
  const before = process.memoryUsage.rss()
  let most = before
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss())
  }
  const timer = setInterval(look, 100)
  return {
    stop() {
      clearInterval(timer)
      look()
      return most - before
    },
  }
}

try {
  await pipeline(Readable.from(lines()), createGzip(), createWriteStream(file))
  console.log(`${rows} rows, ${(statSync(file).size / 1e6).toFixed(1)} MB compressed`)

  const table = data.csv(file, { x: ['a', 'b'], y: 'side', classes: ['other', 'same'] })
  const streamed = classifier()
  const watch = peakMemory()
  let started = performance.now()
  const { history } = await streamed.fit(table.skip(held).shuffle(10_000, { seed: 1 }), {
    batchSize: 256,
    epochs: 2,
    validationData: table.take(held),
  })
  const seconds = (performance.now() - started) / 1000
  console.log(`${seconds.toFixed(1)} s, at most ${(watch.stop() / 1e6).toFixed(0)} MB more memory than before`)
  console.log(`accuracy on rows held out: ${(100 * history.val_accuracy.at(-1)).toFixed(1)} %`)

  const numbers = new Float32Array(2 * rows)
  const sides = new Int32Array(rows)
  for (let i = 0; i < rows; i++) {
    const [a, b] = row(i)
    numbers.set([a, b], 2 * i)
    sides[i] = a * b > 0 ? 1 : 0
  }
  started = performance.now()
  await classifier().fit(tensor(numbers.subarray(2 * held), [rows - held, 2]), sides.subarray(held), {
    batchSize: 256,
    epochs: 2,
    validationData: [tensor(numbers.subarray(0, 2 * held), [held, 2]), sides.subarray(0, held)],
  })
  const inMemory = (performance.now() - started) / 1000
  console.log(
    `${inMemory.toFixed(1)} s in memory: the stream has ${((100 * inMemory) / seconds).toFixed(0)} % of that speed`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
