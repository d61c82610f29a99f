// The time of CTC's loss and its gradient by the logits, with ours and PyTorch's taking turns:
//   node benchmark/measurements/ctc.mjs [--rows 32] [--time 200] [--symbols 64] [--labels 30] [--threads 2] [--rounds 15]
// `SEQLOOM_PYTHON` is a Python that has PyTorch (default python3). Ours includes copying logits and gradients from and to JavaScript.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { configure, layers, losses, sequential, tensor } from '../../dist/index.js'
import { median } from '../lib/statistics.mjs'

const defaults = { rows: 32, time: 200, symbols: 64, labels: 30, threads: 2, rounds: 15 }
const options = Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: String(value) }])
const { values } = parseArgs({ options: Object.fromEntries(options) })
const [rows, time, symbols, labels, threads, rounds] = Object.keys(defaults).map((name) => Number(values[name]))
const each = 10

configure({ threads })
let state = 1
const next = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const model = sequential([layers.activation({ activation: 'linear', inputShape: [null, symbols] })])
model.compile({ optimizer: 'sgd', loss: losses.ctc() })
const x = tensor(
  Float32Array.from({ length: rows * time * symbols }, () => 4 * next() - 2),
  [rows, time, symbols],
)
const y = tensor(
  Int32Array.from({ length: rows * labels }, () => 1 + Math.floor(next() * (symbols - 1))),
  [rows, labels],
)

async function ours() {
  const begin = performance.now()
  for (let i = 0; i < each; i++) await model.gradients(x, y)
  return (performance.now() - begin) / each
}

const script = fileURLToPath(new URL('ctc-pytorch.py', import.meta.url))
const peer = spawn(
  process.env.SEQLOOM_PYTHON ?? 'python3',
  [script, rows, time, symbols, labels, threads].map(String),
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
)
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()

async function theirs() {
  peer.stdin.write(`${each}\n`)
  const { value, done } = await answers.next()
  if (done) throw new Error('PyTorch ended')
  return Number(value)
}

await ours()
await theirs()
const times = { ours: [], theirs: [] }
for (let round = 0; round < rounds; round++) {
  times.ours.push(await ours())
  times.theirs.push(await theirs())
}
peer.stdin.end()
const ratio = median(times.ours.map((own, round) => times.theirs[round] / own))
process.stdout.write(
  `${rows} rows, ${time} steps, ${symbols} symbols, ${labels} labels, ${threads} threads: ours ${median(times.ours).toFixed(2)} ms, ` +
    `PyTorch ${median(times.theirs).toFixed(2)} ms; ${ratio.toFixed(2)} times as fast\n`,
)
