// A decoder with attention, written as a cell, learns to write sequences backwards; its alignments show where it looks.
//
//   node examples/reverse.mjs [epochs]
//
// The cell is the attention of Bahdanau, Cho and Bengio (arXiv 1409.0473) around a simple recurrence: each step scores
// the encoder's outputs by its state, reads their weighted sum, and continues from there.
import { defineCell, input, layers, model, optimizers, tensor } from 'seqloom'

const [symbols, length, units] = [10, 8, 48]
const epochs = Number(process.argv[2] ?? 8)

const decoder = defineCell({
  name: 'decoder',
  states: { h: units },
  constants: { memory: ['steps', 'size'] },
  outputs: ['output', 'alignment'],
  weights: {
    query: [units, units],
    key: ['size', units],
    v: [units, 1],
    kernel: ['features', units],
    context: ['size', units],
    recurrent: { shape: [units, units], initializer: 'orthogonal' },
    bias: [units],
  },
  step({ x, h, memory }, w) {
    const scores = memory.matmul(w.key).add(h.matmul(w.query).expandDims(1)).tanh().matmul(w.v).squeeze()
    const alignment = scores.softmax({ mask: memory.mask() })
    const context = alignment.expandDims(1).matmul(memory).squeeze(1)
    const next = x.matmul(w.kernel).add(context.matmul(w.context)).add(h.matmul(w.recurrent)).add(w.bias).tanh()
    return { h: next, output: next.concat(context), alignment }
  },
})

const source = input({ shape: [null], dtype: 'int32' })
const previous = input({ shape: [null], dtype: 'int32' })
const embed = (tokens) => layers.embedding({ inputDim: symbols + 1, outputDim: 16 }).apply(tokens)
const memory = layers.bidirectional({ layer: layers.gru({ units: 24, returnSequences: true }) }).apply(embed(source))
const [read, alignment] = layers
  .rnn({ cell: decoder, returnSequences: true })
  .apply(embed(previous), { constants: { memory } })
const words = layers.dense({ units: symbols + 1, activation: 'softmax' }).apply(read)
const m = model({ inputs: [source, previous], outputs: [words, alignment], seed: 1 })
m.compile({
  optimizer: optimizers.adam({ learningRate: 0.005, globalClipNorm: 1 }),
  loss: ['sparseCategoricalCrossentropy', null],
})

/** Reproducible sequences of symbols from 1; 0 starts a sequence. */
function examples(count, seed) {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 1 + Math.floor((state / 2 ** 32) * symbols)
  }
  const rows = Array.from({ length: count }, () => Array.from({ length }, next))
  const targets = rows.map((row) => row.toReversed())
  const fed = targets.map((row) => [0, ...row.slice(0, -1)])
  const whole = (values) => tensor(Int32Array.from(values.flat()), [count, length])
  return { x: [whole(rows), whole(fed)], y: whole(targets), rows, targets }
}

const training = examples(2000, 1)
await m.fit(training.x, training.y, {
  epochs,
  callbacks: [{ onEpochEnd: (epoch, { loss }) => console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(3)}`) }],
})

const held = examples(200, 99)
const [p, looked] = await m.predict(held.x)
const width = symbols + 1
const best = (row, step) => {
  const scores = Array.from(p.data.subarray((row * length + step) * width, (row * length + step + 1) * width))
  return scores.indexOf(Math.max(...scores))
}
let right = 0
held.targets.forEach((target, row) => {
  for (const [step, symbol] of target.entries()) right += Number(best(row, step) === symbol)
})
console.log(`${((100 * right) / (200 * length)).toFixed(1)} % of the symbols of new sequences are right`)

console.log(`\n${' '.repeat(6)}${held.rows[0].map((symbol) => String(symbol).padStart(3)).join('')}   read`)
for (let step = 0; step < length; step++) {
  const weights = looked.data.subarray(step * length, (step + 1) * length)
  console.log(
    `${String(best(0, step)).padStart(5)} ${Array.from(weights, (weight) => `  ${' ░▒▓█'[Math.round(weight * 4)]}`).join('')}`,
  )
}
console.log('written')
