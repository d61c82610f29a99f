// The time of a training step by the size of the vocabulary, with lazy updates of the table (sparse: true) and with exact ones,
// in turns: batch 32, 50 steps, embeddings of 256, an LSTM of 64.
import { performance } from 'node:perf_hooks'
import { layers, optimizers, sequential, tensor } from '../../dist/index.js'
import { readOptions } from '../lib/options.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'

const [batch, time, width, units] = [32, 50, 256, 64]
const options = readOptions({ rounds: '20' })

function start(vocabulary, kind, sparse) {
  const m = sequential(
    [
      layers.embedding({ inputDim: vocabulary, outputDim: width, inputShape: [time] }),
      layers.lstm({ units }),
      layers.dense({ units: 1 }),
    ],
    { seed: 1 },
  )
  m.compile({ optimizer: optimizers[kind]({ sparse, globalClipNorm: 1 }), loss: 'mse' })
  const y = new Float32Array(batch)
  let step = 0
  return async () => {
    // The ids repeat after 16 batches, and spread over the vocabulary.
    const seed = step++ % 16
    const ids = Int32Array.from(
      { length: batch * time },
      (_, i) => ((i + seed * batch * time) * 2654435761) % vocabulary,
    )
    const x = tensor(ids, [batch, time])
    const begin = performance.now()
    await m.trainOnBatch(x, y)
    return performance.now() - begin
  }
}

const lines = [['ms a step, by vocabulary', '2,000', '20,000', '200,000']]
for (const kind of ['adam', 'adagrad', 'sgd']) {
  for (const sparse of [true, false]) {
    const steps = [2000, 20_000, 200_000].map((vocabulary) => start(vocabulary, kind, sparse))
    const times = steps.map(() => [])
    for (let round = -3; round < options.rounds; round++) {
      for (const [index, run] of steps.entries()) {
        const ms = await run()
        if (round >= 0) times[index].push(ms)
      }
    }
    lines.push([`${kind}${sparse ? ', sparse' : ''}`, ...times.map((all) => median(all).toPrecision(3))])
  }
}
publish('Steps of large embedding tables', lines, options.json)
