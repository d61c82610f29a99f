// A training step while others use the cores: its time divided by what the processor time that remains would give.
// `half`: another process computes for half of the time, on one core. `taken`: all of the engine's threads are allowed one
// core less than they are (`taskset`, Linux). 1 is perfect; a step that waits for its slowest thread is at 2.
import { spawn, spawnSync } from 'node:child_process'
import { Engine } from '../lib/engine.mjs'
import { installed } from '../lib/engines.mjs'
import { defaultThreads, fileOf, positive, readTexts, refuse } from '../lib/options.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'
import { layerCase } from '../suites/layers.mjs'

/** Milliseconds of work of a turn. */
const turn = 500
/** Computes for 5 ms and sleeps for 5 ms, for ever. */
const half = `const sleeper = new Int32Array(new SharedArrayBuffer(4))
for (;;) { const end = performance.now() + 5; while (performance.now() < end); Atomics.wait(sleeper, 0, 0, 5) }`

const options = readTexts({
  peers: 'seqloom,pytorch,onnxruntime',
  rounds: '9',
  threads: defaultThreads,
  only: '',
  json: undefined,
})
const rounds = positive('rounds', options.rounds)
const threads = positive('threads', options.threads)
if (threads < 2) refuse('a core of one cannot be taken away: --threads takes at least 2')
const all = `0-${threads - 1}`

/** Lets all threads of a process run on these cores alone. */
function confine(pid, cores) {
  const { status, stderr } = spawnSync('taskset', ['-acp', cores, String(pid)], { encoding: 'utf8' })
  if (status !== 0) refuse(`taskset is needed to take a core away: ${stderr ?? 'not found'}`)
}

/** The two ratios of an engine on a case. Every round measures it undisturbed first, for the machine drifts. */
async function disturbed(name, benchmarkCase) {
  const engine = new Engine(name, threads)
  const ratios = { half: [], taken: [] }
  try {
    await engine.prepare(benchmarkCase)
    const repeats = Math.max(2, Math.ceil(turn / (await engine.run(3))))
    for (let round = 0; round < rounds; round++) {
      const alone = await engine.run(repeats)
      const neighbour = spawn('taskset', ['-c', '0', process.execPath, '-e', half], { stdio: 'ignore' })
      try {
        await engine.run(1)
        ratios.half.push(((await engine.run(repeats)) / alone) * ((threads - 0.5) / threads))
      } finally {
        neighbour.kill()
      }
      confine(engine.pid, `1-${threads - 1}`)
      await engine.run(1)
      ratios.taken.push(((await engine.run(repeats)) / alone) * ((threads - 1) / threads))
      confine(engine.pid, all)
      await engine.run(1)
    }
  } finally {
    await engine.close()
  }
  return [ratios.half, ratios.taken].map((list) => median(list).toFixed(2))
}

const sizes = [
  [16, 64, 64],
  [32, 64, 128],
  [32, 64, 256],
  [64, 64, 512],
]
const cases = sizes
  .flatMap((size) => ['infer', 'train'].map((op) => layerCase('lstm', op, ...size)))
  .filter(({ op, model }) => `${model} ${op}`.includes(options.only))
const lines = [['engine, case', 'half of a core', 'a core']]
for (const name of installed(options.peers.split(','))) {
  for (const benchmarkCase of cases.filter(({ op }) => op === 'infer' || name !== 'onnxruntime')) {
    lines.push([`${name}, ${benchmarkCase.model} ${benchmarkCase.op}`, ...(await disturbed(name, benchmarkCase))])
  }
}
publish(
  'Time while others use the cores, divided by what the remaining processor time would give (median)',
  lines,
  fileOf(options.json),
)
