import { cells, defineCell, input, layers, model, tensor } from 'seqloom'
import { expect, it } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const [rows, steps, units] = [2, 3, 2]
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

it('a block of three dimensions gives each its own LSTM over all incoming h', async () => {
  const cube = defineCell({
    name: 'cube',
    inputs: { x: [4, units] }, // h and m of the two sides that are no time
    states: { h: units, m: units },
    outputs: ['left', 'up'],
    weights: { kernels: [0, 1, 2].map(() => [3 * units, 4 * units]), biases: [0, 1, 2].map(() => [4 * units]) },
    step({ x, h, m }, w) {
      const [h1, m1, h2, m2] = x.unstack() as [typeof h, typeof h, typeof h, typeof h]
      const weights = w.kernels.map((kernel, at) => ({ kernel, bias: w.biases[at] as typeof kernel }))
      const [time, left, up] = cells.gridBlock(
        [
          { h, m },
          { h: h1, m: m1 },
          { h: h2, m: m2 },
        ],
        weights,
      )
      return { h: time.h, m: time.m, left: left.h, up: up.h }
    },
  })
  const x = input({ shape: [null, 4, units] })
  const m = model({ inputs: x, outputs: [...layers.rnn({ cell: cube, returnSequences: true }).apply(x)], seed: 1 })
  const data = wave(rows * steps * 4 * units)
  const outputs = await m.predict(tensor(data, [rows, steps, 4, units]))

  const weights = m.getWeights().map((weight) => weight.data as Float32Array)
  const expected: [number[], number[]] = [[], []]
  for (let row = 0; row < rows; row++) {
    let side = { h: [0, 0], m: [0, 0] }
    for (let step = 0; step < steps; step++) {
      const part = (at: number) => Array.from(data.slice(((row * steps + step) * 4 + at) * units).slice(0, units))
      const sides = [side, { h: part(0), m: part(1) }, { h: part(2), m: part(3) }]
      const all = sides.flatMap(({ h }) => h)
      const leaving = sides.map(({ m: memory }, dimension) => {
        const gate = (which: number, unit: number) => {
          const column = which * units + unit
          const products = all.map((h, k) => h * (weights[dimension]?.[k * 4 * units + column] as number))
          return products.reduce((a, b) => a + b, weights[3 + dimension]?.[column] as number)
        }
        const next = memory.map((old, i) => sigmoid(gate(1, i)) * old + sigmoid(gate(0, i)) * Math.tanh(gate(3, i)))
        return { h: next.map((value, i) => Math.tanh(sigmoid(gate(2, i)) * value)), m: next }
      })
      side = leaving[0] as typeof side
      expected[0].push(...(leaving[1] as typeof side).h)
      expected[1].push(...(leaving[2] as typeof side).h)
    }
  }
  expect(outputs).toHaveLength(2)
  expected.forEach((values, at) => {
    expectClose(outputs[at], { data: values, shape: [rows, steps, units] }, outputBound, `side ${at}`)
  })
})
