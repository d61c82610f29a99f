// Milliseconds from the start of a process to its first prediction: load the library, build an LSTM of 256 units, do one step.
import { spawnSync } from 'node:child_process'
import { Engine } from '../lib/engine.mjs'
import { installed } from '../lib/engines.mjs'
import { fileOf, positive, readTexts } from '../lib/options.mjs'
import { median } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'
import { streamCases } from '../suites/stream.mjs'

const options = readTexts({
  peers: 'seqloom,onnxruntime-node,tfjs-node,pytorch',
  rounds: '7',
  threads: '1',
  json: undefined,
})
const names = installed(options.peers.split(','))
const lstm = streamCases().find(({ kind }) => kind === 'lstm')
const times = new Map(['empty Node process', ...names].map((name) => [name, []]))

async function timed(name, work) {
  const start = performance.now()
  await work()
  times.get(name).push(performance.now() - start)
}

for (let round = 0; round < positive('rounds', options.rounds); round++) {
  await timed('empty Node process', () => spawnSync(process.execPath, ['--eval', '0']))
  for (const name of names) {
    const engine = new Engine(name, positive('threads', options.threads))
    await timed(name, async () => {
      await engine.prepare(lstm)
      await engine.run(1)
    })
    await engine.close()
  }
}
publish(
  'From process start to the first prediction (median)',
  [['engine', 'ms'], ...[...times].map(([name, list]) => [name, median(list).toFixed(0)])],
  fileOf(options.json),
)
