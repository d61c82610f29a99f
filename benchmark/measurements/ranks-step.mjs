// One rank of `ranks.mjs`: trains and writes the seconds of a step, and what it finds of the network.
import { writeFileSync } from 'node:fs'
import { distributed, layers, sequential, tensor } from '../../dist/index.mjs'

const [file, ...sizes] = process.argv.slice(2)
const [units, batch, time, steps, depth] = sizes.map(Number)
const { rank, size } = distributed()

function build(units, inputs, depth) {
  const lstm = (_, at) =>
    layers.lstm({ units, returnSequences: at < depth - 1, ...(at === 0 && { inputShape: [null, inputs] }) })
  const m = sequential([...Array.from({ length: depth }, lstm), layers.dense({ units: 1 })], { seed: 1 })
  m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
  return m
}

/** The median of the seconds of a step. */
async function stepOf(m, rows, time, inputs, steps) {
  const x = tensor(new Float32Array(rows * time * inputs).fill(0.5), [rows, time, inputs])
  const y = tensor(new Float32Array(rows).fill(0.1), [rows, 1])
  const times = []
  const callback = {
    onEpochEnd: (_, { seconds }) => {
      times.push(seconds)
    },
  }
  const options = { batchSize: rows, stepsPerEpoch: 10, epochs: Math.max(3, Math.ceil(steps / 10)), shuffle: false }
  await m.fit(x, y, { ...options, callbacks: callback })
  return times.slice(1).sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)] / 10
}

const inputs = 64
const model = build(units, inputs, depth)
const step = await stepOf(model, batch, time, inputs, steps)
// Models in which nothing is computed: what is left is the exchange, of few numbers in two rounds, and of many in three.
const few = await stepOf(build(1, 1, 1), size, 1, 1, 100)
const large = sequential([layers.dense({ units: 1024, inputShape: [1024] }), layers.dense({ units: 1 })])
large.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
const many = async (options) => {
  const x = tensor(new Float32Array(size * 1024), [size, 1024])
  const y = tensor(new Float32Array(size), [size, 1])
  const begun = performance.now()
  await large.fit(x, y, { batchSize: size, stepsPerEpoch: 5, epochs: 1, shuffle: false, ...options })
  return (performance.now() - begun) / 5000
}
await many({})
const [together, alone] = [await many({}), await many({ distributed: false })]
const bytes = 4 * large.countParams()
const latency = few / 2
const moved = ((2 * (size - 1)) / size) * bytes
const network = { latency, bandwidth: moved / Math.max(1e-9, together - alone - 3 * latency) }
if (rank === 0) {
  const parameters = model.countParams()
  writeFileSync(file, JSON.stringify({ size, step, parameters, bytes: 4 * parameters, network }))
}
