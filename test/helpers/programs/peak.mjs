// Trains a model for a few steps and prints, as JSON, by how many bytes the resident memory rose, and what `memory` says. Arguments: the model, rows,
// steps.
import { readFileSync } from 'node:fs'
import { layers, optimizers, sequential, tensor } from 'seqloom'

const [kind, rows, time] = [process.argv[2], ...process.argv.slice(3).map(Number)]
const models = {
  lstm: [
    layers.lstm({ units: 256, returnSequences: true, inputShape: [null, 64] }),
    layers.lstm({ units: 256, returnSequences: true }),
    layers.dense({ units: 64 }),
  ],
  gru: [layers.gru({ units: 512, inputShape: [null, 64] }), layers.dense({ units: 1 })],
  convolution: [
    layers.conv1d({ filters: 128, kernelSize: 5, inputShape: [null, 64] }),
    layers.globalMaxPooling1d(),
    layers.dense({ units: 1 }),
  ],
  traced: [
    layers.layerNormalization({ inputShape: [null, 64] }),
    layers.gru({ units: 256, recurrentDropout: 0.1 }),
    layers.dense({ units: 1 }),
  ],
  wide: [layers.dense({ units: 4000, inputShape: [4000] }), layers.dense({ units: 1 })],
}
models.halved = models.wide
models.checkpointed = models.lstm
/** The peak of the resident memory so far. */
const peak = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024

const m = sequential(models[kind], { seed: 1 })
m.compile({
  optimizer: optimizers.adam({ stateDtype: kind === 'halved' ? 'bfloat16' : 'float32' }),
  loss: 'meanSquaredError',
  ...(kind === 'checkpointed' && { checkpointEvery: 45 }),
})
const all = 3 * rows
const shape = m.inputs[0].shape.length === 2 ? [all, 4000] : [all, time, 64]
const x = tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), shape)
const width = kind === 'lstm' || kind === 'checkpointed' ? [all, time, 64] : [all, 1]
const y = tensor(new Float32Array(width.reduce((a, b) => a * b)).fill(0.1), width)
// The engine's code and threads.
const small = sequential([layers.gru({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 1 })])
small.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
await small.fit(tensor(new Float32Array(64), [8, 4, 2]), tensor(new Float32Array(8), [8, 1]), { epochs: 2 })
const said = m.memory({ batchSize: rows, ...(shape.length === 3 && { time }) })
const data = 4 * (x.data.length + y.data.length)
const before = peak()
await m.fit(x, y, { batchSize: rows, epochs: 2 })
// The engine's own copy of the data.
console.log(JSON.stringify({ said, measured: peak() - before - data }))
