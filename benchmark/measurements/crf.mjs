// The loss of a conditional random field and its gradients: ours against the loop over time that PyTorch's users write.
// Both take turns; the ratio is the median of the rounds' ratios. `node measurements/crf.mjs [--threads 1] [--rounds 9]`;
// SEQLOOM_PYTHON is a Python with PyTorch (default python3).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { threads: { type: 'string', default: '1' }, rounds: { type: 'string', default: '9' } },
})
process.env.SEQLOOM_THREADS = values.threads
const { layers, losses, sequential, tensor } = await import('../../dist/index.js')

const passes = 10
const sizes = [
  [32, 50, 20],
  [32, 50, 9],
  [8, 200, 50],
]
const wave = (count, phase = 0) => Float32Array.from({ length: count }, (_, i) => Math.sin(1.3 * i + phase))
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]

for (const [batch, steps, tags] of sizes) {
  const model = sequential([layers.crf({ tags, inputShape: [null, tags] })])
  model.setWeights([wave(tags, 1), wave(tags, 2), tensor(wave(tags * tags, 3), [tags, tags])])
  model.compile({ optimizer: 'sgd', loss: losses.crf() })
  const x = tensor(wave(batch * steps * tags), [batch, steps, tags])
  const y = tensor(
    Int32Array.from({ length: batch * steps }, (_, i) => (i * 7) % tags),
    [batch, steps],
  )
  const script = new URL('crf-pytorch.py', import.meta.url).pathname
  const args = [script, String(passes), values.threads, String(batch), String(steps), String(tags)]
  const peer = spawn(process.env.SEQLOOM_PYTHON ?? 'python3', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]()
  const theirs = async () => {
    peer.stdin.write('\n')
    return JSON.parse((await lines.next()).value)
  }
  const ours = async () => {
    let fastest = Number.POSITIVE_INFINITY
    for (let pass = 0; pass < passes; pass++) {
      const begin = performance.now()
      await model.gradients(x, y)
      fastest = Math.min(fastest, performance.now() - begin)
    }
    return fastest
  }
  const [loss] = await model.evaluate(x, y, { batchSize: batch })
  const rounds = []
  for (let round = 0; round <= Number(values.rounds); round++) {
    const ms = await ours()
    const peers = await theirs()
    if (Math.abs(peers.loss - loss) > 1e-4 * loss) throw new Error(`the losses differ: ${loss} and ${peers.loss}`)
    // The first one warms up.
    if (round > 0) rounds.push([ms, peers.ms])
  }
  peer.stdin.end()
  await once(peer, 'exit')
  const [own, other] = [0, 1].map((which) => median(rounds.map((round) => round[which])))
  const ratio = median(rounds.map(([ms, peers]) => peers / ms))
  console.log(
    `${batch} rows, ${steps} steps, ${tags} tags: ${own.toFixed(2)} ms, PyTorch ${other.toFixed(2)} ms, ratio ${ratio.toFixed(1)}`,
  )
}
