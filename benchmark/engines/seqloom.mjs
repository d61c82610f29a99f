import { performance } from 'node:perf_hooks'
import { backend, input, layers, model, tensor } from '../../dist/index.js'
import { serve, values } from './serve.cjs'

const makers = { lstm: layers.lstm, gru: layers.gru, rnn: layers.simpleRNN }
const { version, threads } = backend()
let step

serve({
  prepare({ kind, op, batch, time, input: features, hidden }) {
    const x = input({ shape: [null, features] })
    const y = makers[kind]({ units: hidden, returnSequences: true }).apply(x)
    const m = model({ inputs: [x], outputs: [y] })
    const data = tensor(values(batch * time * features, 1), [batch, time, features])
    if (op === 'step') {
      m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
      const target = tensor(values(batch * time * hidden, 2), [batch, time, hidden])
      step = () => m.trainOnBatch(data, target)
      return { engine: 'seqloom', version, threads }
    }
    const cotangents = [tensor(values(batch * time * hidden, 2), [batch, time, hidden])]
    step = op === 'train' ? () => m.gradients(data, { cotangents }) : () => m.predict(data, { batchSize: batch })
    return { engine: 'seqloom', version, threads }
  },
  async run(repeats) {
    const start = performance.now()
    for (let i = 0; i < repeats; i++) await step()
    return (performance.now() - start) / repeats
  },
})
