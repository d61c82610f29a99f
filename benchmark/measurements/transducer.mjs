// The time of the loss of an RNN transducer with its joint network, and of all gradients, with ours and torchaudio's taking
// turns; and how far apart their losses and gradients are, relative to the largest:
//   node benchmark/measurements/transducer.mjs [--rows 16] [--time 100] [--labels 20] [--symbols 64] [--width 128] [--threads 2] [--rounds 9]
// `SEQLOOM_PYTHON` is a Python that has PyTorch and torchaudio (default python3). Ours includes copying values and gradients
// from and to JavaScript.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { configure, input, layers, losses, model, tensor } from '../../dist/index.js'
import { median } from '../lib/statistics.mjs'

const defaults = { rows: 16, time: 100, labels: 20, symbols: 64, width: 128, threads: 2, rounds: 9 }
const options = Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: String(value) }])
const { values } = parseArgs({ options: Object.fromEntries(options) })
const sizes = Object.keys(defaults).map((name) => Number(values[name]))
const [rows, time, labels, symbols, width, threads, rounds] = sizes

configure({ threads })
/** The same numbers as in transducer-torchaudio.py. */
const wave = (shape, step) => {
  const count = shape.reduce((product, size) => product * size, 1)
  return tensor(
    Float32Array.from({ length: count }, (_, at) => Math.sin(at * step)),
    shape,
  )
}
const [frames, written] = ['frames', 'written'].map((name) => input({ shape: [null, width], name }))
const joined = model({
  inputs: [frames, written],
  outputs: layers.transducerJoint({ units: symbols }).apply([frames, written]),
})
joined.setWeights([wave([width, symbols], 7.7), wave([symbols], 3.3)])
joined.compile({ optimizer: 'sgd', loss: losses.transducer() })
const x = [wave([rows, time, width], 1.1), wave([rows, labels + 1, width], 2.3)]
const y = tensor(
  Int32Array.from({ length: rows * labels }, (_, at) => 1 + ((at * 31) % (symbols - 1))),
  [rows, labels],
)

// A step of training has no logits; `gradients` also gives the model's outputs, which takes memory and time.
async function ours() {
  const begin = performance.now()
  await joined.trainOnBatch(x, y)
  return performance.now() - begin
}

const script = fileURLToPath(new URL('transducer-torchaudio.py', import.meta.url))
const peer = spawn(process.env.SEQLOOM_PYTHON ?? 'python3', [script, ...sizes.slice(0, 6).map(String)], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()

async function theirs() {
  peer.stdin.write('\n')
  const { value, done } = await answers.next()
  if (done) throw new Error('PyTorch ended')
  return JSON.parse(value)
}

const [loss] = await joined.evaluate(x, y)
const { inputs, weights } = await joined.gradients(x, y)
const first = await theirs()
const own = { loss: [loss], frames: inputs[0].data, written: inputs[1].data, kernel: Object.values(weights)[0].data }
const apart = Object.entries(own).map(([name, numbers]) => {
  const most = first[name].reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  const far = first[name].reduce((largest, value, at) => Math.max(largest, Math.abs(value - numbers[at])), 0)
  return `${name} ${(far / most).toExponential(1)}`
})
process.stdout.write(`differences: ${apart.join(', ')}\n`)

// The weights change from here on; what is computed does not.
joined.compile({ optimizer: { kind: 'sgd', learningRate: 1e-9 }, loss: losses.transducer() })
await ours()
const times = { ours: [], theirs: [] }
for (let round = 0; round < rounds; round++) {
  times.ours.push(await ours())
  times.theirs.push((await theirs()).milliseconds)
}
peer.stdin.end()
const ratio = median(times.ours.map((milliseconds, round) => times.theirs[round] / milliseconds))
process.stdout.write(
  `${rows} rows, ${time} steps, ${labels} labels, ${symbols} symbols, width ${width}, ${threads} threads: ours ${median(times.ours).toFixed(1)} ms, ` +
    `torchaudio ${median(times.theirs).toFixed(1)} ms; ${ratio.toFixed(2)} times as fast\n`,
)
