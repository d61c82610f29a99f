// The speed of LSTM layers with int8 weights: beside our own float32, and beside what onnxruntime's and PyTorch's quantize_dynamic make,
// in turns, from JavaScript (the peers from Python). Steps of a session at batch 1, and whole sequences.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { backend, configure, layers, sequential, tensor } from '../../dist/index.js'
import { here, python } from '../lib/engines.mjs'
import { defaultThreads, fileOf, positive, readTexts } from '../lib/options.mjs'
import { geometricMean, median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'

const options = readTexts({ threads: defaultThreads, rounds: '20', only: '', peers: 'yes', json: undefined })
const [threads, rounds] = [positive('threads', options.threads), positive('rounds', options.rounds)]
configure({ threads })

/** Batch, time and hidden size, which is that of the input; one step is one of a session. */
const shapes = [
  [1, 1, 256],
  [1, 1, 512],
  [1, 1, 1024],
  [1, 100, 256],
  [1, 100, 512],
  [1, 100, 1024],
  [32, 64, 256],
  [32, 64, 512],
].filter((shape) => `(${shape.join(', ')})`.includes(options.only))

/** Milliseconds between turns: threads of the engine before go on spinning for a while. */
const pause = 30

/** Milliseconds of one repetition, after one that finds other engines' data in the caches. */
async function milliseconds(run) {
  await setTimeout(pause)
  run()
  const start = performance.now()
  let done = 0
  while (done < 3 || performance.now() - start < 50) {
    run()
    done++
  }
  return (performance.now() - start) / done
}

/** What runs a layer once. */
function runnerOf(model, [batch, time, hidden]) {
  const x = Float32Array.from({ length: batch * time * hidden }, (_, i) => Math.sin(i * 7.3))
  if (time === 1) {
    const session = model.session({ batchSize: batch })
    const input = tensor(x, [batch, hidden])
    return () => session.step(input)
  }
  const input = tensor(x, [batch, time, hidden])
  return () => model.predictSync(input, { batchSize: batch })
}

/** The peers' process, if they are installed: asks it one question at a time. */
function startPeers() {
  if (options.peers === 'no' || !existsSync(python)) return undefined
  const child = spawn(python, [here('measurements/quantized-peers.py'), String(threads)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async ask(message) {
      child.stdin.write(`${JSON.stringify(message)}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error('the peers ended: run quantized-peers.py by hand to see why')
      return JSON.parse(value)
    },
    end: () => child.stdin.end(),
  }
}

const peers = startPeers()
const engines = ['float32', 'onnxruntime', 'pytorch']
const head = ['LSTM (batch, time, hidden)', 'int8, ms', ...engines.map((name) => `${name} / int8`)]
const lines = [head]
const all = new Map(engines.map((name) => [name, []]))
for (const shape of shapes) {
  const [batch, time, hidden] = shape
  const layer = layers.lstm({ units: hidden, returnSequences: true, inputShape: [null, hidden] })
  const full = sequential([layer], { seed: 1 })
  const [float, int8] = [full, full.quantize()].map((model) => runnerOf(model, shape))
  await peers?.ask({ batch, time, hidden })
  const times = []
  const ratios = new Map(engines.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    const own = await milliseconds(int8)
    const others = { float32: await milliseconds(float), ...(await peers?.ask({})) }
    // The first round warms up.
    if (round === 0) continue
    times.push(own)
    for (const [name, ms] of Object.entries(others)) ratios.get(name).push(ms / own)
  }
  const cells = engines.map((name) => {
    const list = ratios.get(name)
    if (list.length === 0) return 'not installed'
    all.get(name).push(median(list))
    return median(list).toFixed(2)
  })
  lines.push([`(${shape.join(', ')})`, median(times).toPrecision(3), ...cells])
}
peers?.end()
const means = engines.map((name) => (all.get(name).length > 0 ? geometricMean(all.get(name)).toFixed(2) : ''))
lines.push(['geometric mean', '', ...means])
const { simd, int8 } = backend()
publish(
  `int8 LSTM layers: ${simd}, ${int8}, ${threads} threads, medians of ${rounds} rounds`,
  lines,
  fileOf(options.json),
)
