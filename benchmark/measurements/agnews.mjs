// A text classifier on AG News: the accuracy that Seqloom and PyTorch reach with the same model, and the time of a run.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { positive } from './lib/options.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const shared = process.env.SEQLOOM_SHARED ?? here('../../shared')
const python = join(process.env.PEERS_DIR ?? join(homedir(), '.cache', 'peers'), 'venv', 'bin', 'python')

const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: join(shared, 'data', 'agnews-6000.csv') },
    peers: { type: 'string', default: 'seqloom,pytorch' },
    seeds: { type: 'string', default: '1,2,3' },
    epochs: { type: 'string', default: '8' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
})
const epochs = positive('epochs', options.epochs)
const threads = positive('threads', options.threads)
const data = resolve(process.env.INIT_CWD ?? '.', options.data)

/** Runs a program that prints a line of JSON per epoch and returns the epochs and the seconds of the whole process. */
async function run(command, args) {
  const start = performance.now()
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SEQLOOM_THREADS: String(threads) },
  })
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  const lines = []
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line)
    if (event.event === 'epoch') lines.push(event)
  }
  const code = await ended
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
  return { epochs: lines, seconds: (performance.now() - start) / 1000 }
}

const engines = {
  async seqloom(seed) {
    const out = mkdtempSync(join(tmpdir(), 'seqloom-agnews-'))
    try {
      return await run(process.execPath, [
        ...[here('../dist/cli/main.js'), 'train', 'classify', '--data', data, '--text', 'text'],
        ...['--label', 'label', '--out', out, '--cell', 'lstm', '--bidirectional', '--layers', '1', '--units', '64'],
        ...['--embedding', '64', '--batch-size', '32', '--epochs', String(epochs), '--learning-rate', '0.001'],
        ...['--validation-split', '0.1', '--seed', String(seed), '--json'],
      ])
    } finally {
      rmSync(out, { recursive: true, force: true })
    }
  },
  pytorch: (seed) => run(python, [here('engines/agnews.py'), data, String(seed), String(epochs), String(threads)]),
}

const names = options.peers.split(',').filter((name) => {
  if (engines[name] === undefined) console.error(`there is no engine named ${name}`)
  else if (name === 'pytorch' && !existsSync(python)) console.error(`pytorch is not installed (${python} is missing)`)
  else return true
  return false
})
const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length
const results = Object.fromEntries(names.map((name) => [name, { accuracy: [], seconds: [] }]))
for (const seed of options.seeds.split(',').map(Number)) {
  for (const name of names) {
    const { epochs: events, seconds } = await engines[name](seed)
    const best = Math.max(...events.map((event) => event.val_accuracy))
    results[name].accuracy.push(best)
    results[name].seconds.push(seconds)
    const curve = events.map((event) => event.val_accuracy.toFixed(3)).join(' ')
    console.log(`${name} seed ${seed}: best ${best.toFixed(4)} in ${seconds.toFixed(1)} s (${curve})`)
  }
}
for (const name of names) {
  const { accuracy, seconds } = results[name]
  console.log(
    `${name}: mean best validation accuracy ${mean(accuracy).toFixed(4)}, ${mean(seconds).toFixed(1)} s a run`,
  )
}
if (results.seqloom !== undefined && results.pytorch !== undefined) {
  const ratio = mean(results.pytorch.seconds) / mean(results.seqloom.seconds)
  console.log(`PyTorch's time is ${ratio.toFixed(2)} times ours`)
}
