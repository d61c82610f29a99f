// Compares what we compute with what Keras, PyTorch or TensorFlow.js compute, in random cases:
//   node test/differential/run.mjs [--peer keras|pytorch|tfjs] [--only NAME,…] [--cases 50] [--seed 1] [--case N] [--processes 2] [--record]
// Each name of our layers, losses, metrics, optimizers and so on has cases, or a reason why not. `SEQLOOM_PYTHON` is a Python that has Keras or PyTorch;
// `SEQLOOM_TFJS` a folder with node_modules/@tensorflow/tfjs. Each difference is told with the number that repeats it: `--only NAME --seed S --case N`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { differences } from './compare.mjs'
import { answer, prepare } from './ours.mjs'
import { Random } from './random.mjs'
import { entries } from './walk.mjs'

const { values } = parseArgs({
  options: {
    peer: { type: 'string', default: 'keras' },
    only: { type: 'string' },
    cases: { type: 'string', default: '50' },
    case: { type: 'string' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    record: { type: 'boolean', default: false },
  },
})
const peers = ['keras', 'pytorch', 'tfjs']
const print = (text) => process.stdout.write(`${text}\n`)
// Losses say when they are given what may be no probability; random cases do that on purpose.
process.removeAllListeners('warning')
process.on('warning', () => {})

if (!peers.includes(values.peer)) {
  process.stderr.write(`--peer must be one of ${peers.join(', ')}, not '${values.peer}'\n`)
  process.exit(2)
}
const { chosen, faults: uncovered } = entries(values.peer, values.only?.split(','))
for (const fault of uncovered) print(fault)
if (chosen.length === 0 && uncovered.length === 0) {
  process.stderr.write(`there is nothing called '${values.only}'\n`)
  process.exit(2)
}

const processes = Number(values.processes)
if (!(Number.isInteger(processes) && processes >= 1)) {
  process.stderr.write(`--processes must be an integer from 1, not '${values.processes}'\n`)
  process.exit(2)
}
const first = Number(values.case ?? 0)
const end = values.case === undefined ? Number(values.cases) : first + 1
const recorded = []
/** How many cases of each name are recorded: the shortest ones. */
const mostRecorded = 1
let faults = uncovered.length

/** As many digits as float32 has. */
const shortened = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(9)) : value)

/** The case of a name with a number. */
function caseOf({ family, name, make }, index) {
  const random = new Random(`${values.seed} ${family} ${name} ${index}`)
  const given = make(random, values.peer)
  return prepare(given, random)
}

/** Compares one case. Gives what differs, and their answer. */
async function compare(peer, entry, index) {
  let given
  try {
    given = caseOf(entry, index)
    const ours = await answer(given)
    const theirs = await peer.answer(given)
    return { given, theirs, found: differences(ours, theirs) }
  } catch (error) {
    return { given, found: [`${error.code ?? error.name}: ${error.message}`] }
  }
}

/** Compares all cases of a name, each peer one after another. Gives them in their order. */
async function compareAll(all, entry) {
  const results = []
  let next = first
  const work = async (peer) => {
    while (next < end) {
      const index = next++
      results[index - first] = await compare(peer, entry, index)
    }
  }
  await Promise.all(all.map(work))
  return results
}

try {
  const { start } = await import(`./peers/${values.peer}.mjs`)
  const all = await Promise.all(Array.from({ length: values.peer === 'tfjs' ? 1 : processes }, start))
  for (const entry of chosen) {
    let wrong = 0
    const right = []
    for (const [at, { given, theirs, found }] of (await compareAll(all, entry)).entries()) {
      const index = first + at
      if (found.length > 0) {
        wrong += 1
        if (wrong <= 5) print(`${entry.family} ${entry.name} ${index}: ${found.slice(0, 4).join('\n  ')}`)
        if (values.case !== undefined) print(JSON.stringify(given))
      } else if (values.record && !theirs.drawn) {
        right.push(JSON.stringify({ family: entry.family, name: entry.name, given, theirs }, shortened))
      }
    }
    recorded.push(...right.sort((a, b) => a.length - b.length).slice(0, mostRecorded))
    print(`${entry.family} ${entry.name}: ${end - first} cases, ${wrong} differ`)
    faults += wrong
  }
  for (const peer of all) await peer.stop()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
if (values.record) {
  const folder = new URL('../fixtures/differential/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${values.peer}.json`, folder), `[\n${recorded.join(',\n')}\n]\n`)
}
if (faults > 0) process.exitCode ??= 1
