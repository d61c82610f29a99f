// Ends workers in the middle of their training, then itself in the middle of its own; prints what it saw as JSON.
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { layers, sequential, tensor } from 'seqloom'

const rows = 500
const time = 30

async function train(epochs) {
  const m = sequential([layers.gru({ units: 16, inputShape: [null, 2] }), layers.dense({ units: 1 })], { seed: 1 })
  m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
  const x = Float32Array.from({ length: rows * time * 2 }, (_, i) => (i % 13) / 13)
  const y = Float32Array.from({ length: rows }, (_, i) => (i % 3) / 3)
  await m.fit(tensor(x, [rows, time, 2]), tensor(y, [rows, 1]), { epochs })
  return m
}

if (isMainThread) {
  const own = train(1e6)
  own.catch(() => undefined)
  let workers = 0
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(new URL(import.meta.url))
    await once(worker, 'message')
    await setTimeout(40 * (i + 1))
    await worker.terminate()
    workers += 1
  }
  const { data } = await (await train(1)).predict(tensor(new Float32Array(4), [1, 2, 2]))
  console.log(JSON.stringify({ workers, alive: data.every(Number.isFinite) }))
  process.exit(0)
} else {
  parentPort.postMessage('started')
  await train(1e6)
}
