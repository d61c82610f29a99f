// Compares all recurrent cells, with equal numbers of weights, on five tasks with long sequences, and writes tables.
//
//   node examples/cells.mjs [--quick] [--cells lstm,minGRU] [--tasks adding,copying] [--seeds 3] [--scale 1]
//                           [--weights 5000] [--results cells.json] [--times] [--draw] [--table cells.md]
//
// adding    750 steps of two numbers, of which the second marks two of the first: their sum (Hochreiter and Schmidhuber 1997).
//           Right is what is within 0.1.
// copying   10 symbols, 200 steps of nothing, then a mark: the symbols again (Arjovsky et al., arXiv 1511.06464).
// mnist     the 784 pixels of a handwritten digit, one after the other; permuted: in one random order (Le et al., arXiv 1504.00941).
// text      the next character of Moby-Dick.
//
// Every network has two layers of a cell, of the size that brings it nearest to the number of weights. Every training is a
// process of its own with one thread, so that its memory can be told. It ends when it has used the processor time of its
// task, times --scale: other programs on the machine do not change that. What is done is kept in the results file, from
// which a run goes on: first all cells and tasks with seed 1, then with seed 2, and so on.
//
// --times measures instead how long a step takes, by the clock and by a few steps of each network, on a machine that should do
// nothing else. --draw only draws what the results file has. --table writes the tables into a document, each between its
// marks <!-- table NAME --> and <!-- end -->, or to a new file.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { optimizers } from 'seqloom'
import { build, networks, sized } from './cells/networks.mjs'
import { percent, tables, written } from './cells/table.mjs'
import { tasks } from './cells/tasks.mjs'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cells: { type: 'string' },
    tasks: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    weights: { type: 'string', default: '5000' },
    results: { type: 'string' },
    times: { type: 'boolean', default: false },
    draw: { type: 'boolean', default: false },
    table: { type: 'string' },
    one: { type: 'string' },
  },
})
const { quick } = options
const quickSteps = 10

/** A network that can be trained, and its task and batches. */
function prepared(name, what, seed, weights) {
  const task = tasks[what]()
  const m = build(task, name, sized(task, name, weights), seed)
  const { learningRate, loss } = task
  m.compile({ optimizer: optimizers.adam({ learningRate, globalClipNorm: 1 }), loss })
  return { task, m, batches: task.batches(seed) }
}

async function step(m, batches) {
  const { x, y } = batches.next().value
  await m.trainOnBatch(x, y)
}

/** Trains a network for the processor time of its task and says what came of it. */
async function train(name, what, seed, weights) {
  const { task, m, batches } = prepared(name, what, seed, weights)
  const budget = 1e6 * task.seconds * Number(options.scale)
  const before = process.cpuUsage()
  const used = () => {
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  let steps = 0
  const spent = () => (quick ? steps / quickSteps : used() / budget)
  let exploded = false
  try {
    for (let share = 0; share < 1; share = spent()) {
      // Half a cosine over the budget, whose steps nobody knows beforehand.
      m.learningRate = task.learningRate * (0.02 + 0.98 * Math.cos((Math.PI / 2) * share) ** 2)
      await step(m, batches)
      steps++
    }
  } catch (error) {
    // Gradients that explode end a training; what it has learned so far counts.
    if (error.code !== 'ERR_NUMERIC') throw error
    exploded = true
  }
  const seconds = used() / 1e6
  const { x, y } = task.held()
  const right = task.right(await m.predict(x, { batchSize: 50 }), y)
  const megabytes = process.resourceUsage().maxRSS / 1024
  return { right, seconds, steps, exploded, weights: m.countParams(), megabytes }
}

/** The milliseconds that a step of a network takes: the median of some; nothing where gradients explode. */
async function time(name, what, weights) {
  const { m, batches } = prepared(name, what, 1, weights)
  const taken = []
  for (let at = 0; at < quickSteps + 2; at++) {
    const started = performance.now()
    try {
      await step(m, batches)
    } catch (error) {
      if (error.code !== 'ERR_NUMERIC') throw error
      return {}
    }
    // The first ones also find memory.
    if (at > 1) taken.push(performance.now() - started)
  }
  return { milliseconds: taken.sort((a, b) => a - b)[quickSteps / 2] }
}

/** The result of a process of its own. */
function run(key) {
  const flags = ['--one', key, '--scale', options.scale, ...(quick ? ['--quick'] : [])]
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...flags], {
    encoding: 'utf8',
    env: { ...process.env, SEQLOOM_THREADS: '1' },
  })
  if (status !== 0) throw new Error(`${key}: ${stderr}`)
  return JSON.parse(stdout)
}

if (options.one) {
  const [name, what, seed, weights] = options.one.split(' ')
  const result = await (seed === 'time'
    ? time(name, what, Number(weights))
    : train(name, what, Number(seed), Number(weights)))
  console.log(JSON.stringify(result))
} else {
  const names = options.cells?.split(',') ?? Object.keys(networks)
  const kinds = options.tasks?.split(',') ?? Object.keys(tasks)
  const seeds = Array.from({ length: quick ? 1 : Number(options.seeds) }, (_, at) => at + 1)
  const weights = quick ? 1500 : Number(options.weights)
  const known = options.results && existsSync(options.results) ? JSON.parse(readFileSync(options.results, 'utf8')) : {}
  const rounds = options.draw ? [] : options.times ? ['time'] : seeds
  for (const seed of rounds) {
    for (const name of names) {
      for (const what of kinds) {
        const key = [name, what, seed, weights].join(' ')
        if (known[key] && !options.times) continue
        const result = run(key)
        known[key] = result
        if (options.results) {
          // A run that is stopped in between leaves what was there.
          writeFileSync(`${options.results}.new`, JSON.stringify(known, undefined, 1))
          renameSync(`${options.results}.new`, options.results)
        }
        const said = options.times
          ? `${result.milliseconds?.toFixed(1) ?? 'no'} ms a step`
          : `seed ${seed}  ${percent(result.right)} right  ${result.steps} steps, ${result.seconds.toFixed(1)} s`
        console.log(`${what.padEnd(9)} ${name.padEnd(14)} ${said}`)
      }
    }
  }
  const drawn = tables({
    kinds,
    names,
    seeds,
    result: (name, what, seed) => known[[name, what, seed, weights].join(' ')],
  })
  for (const [name, table] of drawn) console.log(`\n${name}\n\n${table}`)
  if (options.table) {
    const document = existsSync(options.table) ? readFileSync(options.table, 'utf8') : undefined
    writeFileSync(options.table, written(drawn, document))
  }
}
