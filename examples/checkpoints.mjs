// Measures what `checkpointEvery` saves in memory and costs in time, where an LSTM trains on long sequences.
//
//   node examples/checkpoints.mjs [steps] [units]
//
// Each training has a process of its own, which tells its peak of memory, the time of a step, and its last loss: that is
// the same for all, to the last bit.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { layers, sequential, tensor } from 'seqloom'

const [steps, units] = [process.argv[2] ?? 2000, process.argv[3] ?? 128].map(Number)
const [rows, features] = [32, 32]
const megabytes = (bytes) => Math.round(bytes / 1e6)

async function measure(checkpointEvery) {
  const m = sequential(
    [
      layers.lstm({ units, returnSequences: true, inputShape: [null, features] }),
      layers.lstm({ units }),
      layers.dense({ units: 1 }),
    ],
    { seed: 1 },
  )
  m.compile({ optimizer: 'adam', loss: 'mse', checkpointEvery })
  const x = tensor(
    Float32Array.from({ length: rows * steps * features }, (_, i) => Math.sin(i)),
    [rows, steps, features],
  )
  const y = new Float32Array(rows).fill(0.5)
  const before = process.memoryUsage.rss()
  let [begun, seconds] = [0, Number.POSITIVE_INFINITY]
  const { history } = await m.fit(x, y, {
    batchSize: rows,
    epochs: 4,
    callbacks: {
      onEpochBegin: () => {
        begun = performance.now()
      },
      onEpochEnd: () => {
        seconds = Math.min(seconds, (performance.now() - begun) / 1000)
      },
    },
  })
  const peak = process.resourceUsage().maxRSS * 1024 - before
  const said = m.memory({ batchSize: rows, time: steps }).total
  const each = checkpointEvery === null ? 'every step kept' : `every ${checkpointEvery} steps`
  console.log(
    `${each.padEnd(17)} ${megabytes(peak)} MB, said ${megabytes(said)}; ${seconds.toFixed(2)} s a step; loss ${history.loss?.at(-1)}`,
  )
}

const every = process.argv[4]
if (every === undefined) {
  for (const each of [
    'null',
    Math.max(1, Math.round(Math.sqrt(steps) / 4)),
    Math.round(Math.sqrt(steps)),
    Math.ceil(steps / 4),
  ]) {
    const args = [fileURLToPath(import.meta.url), steps, units, each].map(String)
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
  }
} else await measure(JSON.parse(every))
