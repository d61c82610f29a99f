// Two workers train and are stopped in the middle; the main thread trains a model before, meanwhile and after.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import * as seqloom from 'seqloom'
import { trainForLong } from './longTraining.mjs'
import { trainOnce } from './trainOnce.mjs'

if (isMainThread) {
  const before = await trainOnce(seqloom)
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)))
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  const during = await trainOnce(seqloom)
  await Promise.all(workers.map((worker) => worker.terminate()))
  const after = await trainOnce(seqloom)
  console.log(JSON.stringify({ losses: [before, during, after] }))
} else {
  await trainForLong(seqloom, () => parentPort.postMessage('training'))
}
