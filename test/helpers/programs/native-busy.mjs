// A worker that trains until it is terminated, or a process that exits with the code 7 while it trains.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { compiled, rows, trainOn } from '../nativeModel.mjs'

const model = compiled()
const mode = isMainThread ? process.argv[2] : workerData
const end = () => undefined
if (mode === 'steps') {
  const step = () => model.trainOnBatch(rows(64)).then(step, end)
  step()
} else {
  trainOn(model, mode).catch(end)
}
if (isMainThread) setTimeout(() => process.exit(7), 50)
else parentPort.postMessage('up')
setInterval(() => undefined, 1000)
