// Compares a Grid LSTM with a stacked LSTM that has as many weights: both read symbols, then write them from memory.
//
//   node examples/copying.mjs [length] [epochs] [seeds] [file.svg]
//
// The task is the memorization of Kalchbrenner, Danihelka and Graves (arXiv 1507.01526, section 4.3) with 8 kinds of
// symbols. The network reads `length` random symbols, then sees only a mark for as many steps, in which it must write
// the symbols in order. The symbols are independent, so the states have to carry every one of them.
import { writeFileSync } from 'node:fs'
import { cells, defineLayer, input, layers, model, optimizers, tensor } from 'seqloom'

const [length, epochs, seeds] = [20, 45, 3].map((standard, at) => Number(process.argv[2 + at] ?? standard))
const file = process.argv[5] ?? 'copying.svg'
const [kinds, batchSize, rows] = [8, 32, 3200]
const time = 2 * length
/** A training ends once this share of the symbols is right. */
const enough = 0.995

/**
 * A grid whose blocks share their weights, as in the paper, and a stack with as many weights. For the same weights the
 * grid has more memory cells and does more arithmetic: four blocks of 64 units against two layers of 72.
 */
const grid = { units: 64, depth: 4, tied: true }
const stack = { units: 72, depth: 2 }

/** Reproducible random symbols from 0 to 7. */
function symbols(seed) {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * kinds)
  }
}

/** Sequences `[count, 2 · length, 9]`, one-hot: symbols, then marks; and the symbols `[count, length]`. */
function examples(count, next) {
  const x = new Float32Array(count * time * (kinds + 1))
  const y = Int32Array.from({ length: count * length }, next)
  for (let row = 0; row < count; row++) {
    for (let step = 0; step < time; step++) {
      const symbol = step < length ? y[row * length + step] : kinds
      x[(row * time + step) * (kinds + 1) + symbol] = 1
    }
  }
  return { x: tensor(x, [count, time, kinds + 1]), y: tensor(y, [count, length]) }
}

const networks = {
  'Grid LSTM': (x) => layers.rnn({ cell: cells.gridLSTM(grid), returnSequences: true }).apply(x),
  'stacked LSTM': (x) => {
    let y = x
    for (let level = 0; level < stack.depth; level++) {
      y = layers.lstm({ units: stack.units, returnSequences: true }).apply(y)
    }
    return y
  },
}

/** The second half of the steps, in which the symbols are written. */
const writing = defineLayer({
  name: 'writing',
  inputs: { x: [time, 'size'] },
  call: ({ x }) => x.slice(length, time, 1),
})

/** The share of symbols that are right on held-out sequences, after every epoch of new ones. */
async function learn(name, seed) {
  const x = input({ shape: [time, kinds + 1] })
  const read = writing({}).apply(networks[name](x))
  const m = model({ inputs: x, outputs: layers.dense({ units: kinds, activation: 'softmax' }).apply(read), seed })
  m.compile({
    optimizer: optimizers.adam({ learningRate: 0.004, globalClipNorm: 1 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  })
  const held = examples(500, symbols(1000 + seed))
  const next = symbols(seed)
  const curve = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    const fresh = examples(rows, next)
    await m.fit(fresh.x, fresh.y, { batchSize, shuffle: false })
    const [, accuracy] = await m.evaluate(held.x, held.y, { batchSize: 100 })
    curve.push(accuracy)
    if (accuracy >= enough) break
  }
  const best = (100 * Math.max(...curve)).toFixed(1)
  const reached = curve.findIndex((accuracy) => accuracy >= 0.99)
  const when = reached < 0 ? 'never 99 %' : `99 % after ${(reached + 1) * rows} sequences`
  console.log(`${name.padEnd(12)} seed ${seed}  ${m.countParams()} weights  ${best} % of the symbols right, ${when}`)
  return curve
}

const curves = []
for (let seed = 1; seed <= seeds; seed++) {
  // Both at the same time, each on a thread.
  const names = Object.keys(networks)
  const found = await Promise.all(names.map((name) => learn(name, seed)))
  curves.push(...names.map((name, at) => ({ name, curve: found[at] })))
}

/** A line for every training: the share of symbols right by the sequences seen. */
function draw() {
  const [width, height, left, top] = [640, 320, 48, 20]
  const x = (epoch) => left + (epoch / epochs) * (width - left - 16)
  const y = (share) => top + (1 - share) * (height - top - 40)
  const colors = { 'Grid LSTM': '#1e8449', 'stacked LSTM': '#c0392b' }
  const rules = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<path d="M${left} ${y(share)}H${width - 16}" stroke="#ddd"/><text x="${left - 6}" y="${y(share) + 4}" text-anchor="end">${100 * share} %</text>`,
  )
  const lines = curves.map(({ name, curve }) => {
    const points = [1 / kinds, ...curve].map((share, epoch) => `${x(epoch).toFixed(1)},${y(share).toFixed(1)}`)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colors[name]}" stroke-width="1.5"/>`
  })
  const labels = Object.entries(colors).map(
    ([name, color], at) =>
      `<text x="${width - 24}" y="${height - 64 + 16 * at}" text-anchor="end" fill="${color}">${name}</text>`,
  )
  const axis = `<text x="${(width + left) / 2}" y="${height - 8}" text-anchor="middle">sequences seen, to ${epochs * rows}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">${rules.join('')}${lines.join('')}${labels.join('')}${axis}</svg>\n`
}

writeFileSync(file, draw())
console.log(`drawn in ${file}`)
