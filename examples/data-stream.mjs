// Trains a classifier with a table that need not fit into memory, and says how much memory that took.
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
import { data, layers, sequential } from 'seqloom'

const rows = Number(process.argv[2] ?? 500_000)
const held = Math.floor(rows / 10)
const folder = mkdtempSync(join(tmpdir(), 'seqloom-stream-'))
const file = join(folder, 'rows.csv.gz')

function* lines() {
  yield 'a,b,side\n'
  for (let i = 0; i < rows; i++) {
    const [a, b] = [Math.sin(i * 12.9898), Math.sin(i * 78.233)]
    yield `${a.toFixed(4)},${b.toFixed(4)},${a * b > 0 ? 'same' : 'other'}\n`
  }
}

try {
  await pipeline(Readable.from(lines()), createGzip(), createWriteStream(file))
  console.log(`${rows} rows, ${(statSync(file).size / 1e6).toFixed(1)} MB compressed`)

  const table = data.csv(file, { x: ['a', 'b'], y: 'side', classes: ['other', 'same'] })
  const m = sequential([
    layers.dense({ units: 16, activation: 'tanh', inputShape: [2] }),
    layers.dense({ units: 2, activation: 'softmax' }),
  ])
  m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  const before = process.memoryUsage.rss()
  const started = performance.now()
  const { history } = await m.fit(table.skip(held).shuffle(10_000, { seed: 1 }), {
    batchSize: 256,
    epochs: 2,
    validationData: table.take(held),
  })
  const seconds = (performance.now() - started) / 1000
  const grown = (process.memoryUsage.rss() - before) / 1e6
  console.log(`${seconds.toFixed(1)} s, ${grown.toFixed(0)} MB more memory than before`)
  console.log(`accuracy on rows held out: ${(100 * history.val_accuracy.at(-1)).toFixed(1)} %`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
