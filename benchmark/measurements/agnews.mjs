// A text classifier on AG News, the same model in every engine: the validation accuracy after each epoch, the time of a run,
// and the time from the start of the process until the accuracy first reaches a target.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { here, installed, peersFolder, python, sharedData } from '../lib/engines.mjs'
import { defaultThreads, fileOf, positive, readTexts, refuse } from '../lib/options.mjs'
import { mean } from '../lib/statistics.mjs'
import { publish } from '../lib/table.mjs'

const options = readTexts({
  data: undefined,
  peers: 'seqloom,pytorch,tfjs-node',
  seeds: '1,2,3',
  epochs: '8',
  target: '0.80',
  /** `target` ends a run when the target is reached. */
  until: 'epochs',
  threads: defaultThreads,
  json: undefined,
})
const epochs = positive('epochs', options.epochs)
const threads = positive('threads', options.threads)
const target = Number(options.target)
const data = fileOf(options.data) ?? sharedData('agnews-6000.csv')
if (!existsSync(data)) refuse(`the texts are missing: ${data}`)

/** The command line of each engine's program; it prints a line of JSON per epoch. */
const programs = {
  seqloom: (seed, out) => [
    ...[process.execPath, here('../dist/cli/main.js'), 'train', 'classify', '--data', data, '--text', 'text'],
    ...['--label', 'label', '--out', out, '--cell', 'lstm', '--bidirectional', '--layers', '1', '--units', '64'],
    ...['--embedding', '64', '--batch-size', '32', '--epochs', String(epochs), '--learning-rate', '0.001'],
    ...['--validation-split', '0.1', '--seed', String(seed), '--json'],
  ],
  pytorch: (seed) => [python, here('measurements/agnews-pytorch.py'), data, seed, epochs, threads].map(String),
  'tfjs-node': (seed) =>
    [process.execPath, here('measurements/agnews-tfjs.mjs'), data, peersFolder, seed, epochs].map(String),
}

/** Runs a program; returns the accuracies, and the seconds until its end and until the target was reached. */
async function run([command, ...args]) {
  const start = performance.now()
  const seconds = () => (performance.now() - start) / 1000
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      SEQLOOM_THREADS: String(threads),
      TF_NUM_INTRAOP_THREADS: String(threads),
      TF_CPP_MIN_LOG_LEVEL: '3',
    },
  })
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  const accuracies = []
  let reached
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line)
    if (event.event !== 'epoch') continue
    accuracies.push(event.val_accuracy)
    if (reached === undefined && event.val_accuracy >= target) {
      reached = seconds()
      if (options.until === 'target') child.kill('SIGKILL')
    }
  }
  const code = await ended
  if (code !== 0 && !(code === null && reached !== undefined)) throw new Error(`${command} ended with ${code}`)
  return { accuracies, reached, seconds: seconds() }
}

const names = installed(options.peers.split(',')).filter((name) => programs[name] ?? refuse(`${name} has no program`))
const results = new Map(names.map((name) => [name, []]))
for (const seed of options.seeds.split(',').map(Number)) {
  for (const name of names) {
    const out = mkdtempSync(join(tmpdir(), 'seqloom-agnews-'))
    try {
      const result = await run(programs[name](seed, out))
      results.get(name).push(result)
      const curve = result.accuracies.map((accuracy) => accuracy.toFixed(3)).join(' ')
      console.log(`${name} seed ${seed}: ${result.seconds.toFixed(1)} s (${curve})`)
    } finally {
      rmSync(out, { recursive: true, force: true })
    }
  }
}

const lines = [['engine', 'best accuracy', 's a run', `s to ${target}`]]
for (const [name, runs] of results) {
  const best = mean(runs.map(({ accuracies }) => Math.max(...accuracies)))
  const seconds = mean(runs.map((each) => each.seconds))
  const reached = runs.every((each) => each.reached !== undefined) ? mean(runs.map((each) => each.reached)) : undefined
  lines.push([name, best.toFixed(3), seconds.toFixed(1), reached?.toFixed(1) ?? 'not reached'])
}
publish(`AG News, bidirectional LSTM 64, batch 32 (means of seeds ${options.seeds})`, lines, fileOf(options.json))
