import { describe, expect, it } from 'vitest'
import { cells, layers, type Model, sequential, tensor } from '../../dist/index.js'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const below = (x: number, factor: number) => (x > 0 ? x : factor * Math.expm1(x))
/** The standard normal distribution function, by Simpson's rule. */
function normal(x: number): number {
  const n = 2000
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)
  let sum = density(0) + density(x)
  for (let i = 1; i < n; i++) sum += (i % 2 === 1 ? 4 : 2) * density((x * i) / n)
  return 0.5 + (x / n / 3) * sum
}

/** Keras 3's, and the hard sigmoid of Keras 2. */
const functions = {
  linear: (x: number) => x,
  relu: (x: number) => Math.max(x, 0),
  sigmoid,
  tanh: Math.tanh,
  hardSigmoid: (x: number) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
  hardSigmoidKeras2: (x: number) => Math.min(Math.max(0.2 * x + 0.5, 0), 1),
  softsign: (x: number) => x / (1 + Math.abs(x)),
  softplus: (x: number) => Math.log1p(Math.exp(x)),
  elu: (x: number) => below(x, 1),
  selu: (x: number) => 1.0507009873554805 * below(x, 1.6732632423543772),
  gelu: (x: number) => x * normal(x),
  silu: (x: number) => x * sigmoid(x),
  swish: (x: number) => x * sigmoid(x),
  mish: (x: number) => x * Math.tanh(Math.log1p(Math.exp(x))),
  exponential: Math.exp,
  relu6: (x: number) => Math.min(Math.max(x, 0), 6),
  leakyRelu: (x: number) => (x > 0 ? x : 0.2 * x),
} as const
type Name = keyof typeof functions
const names = Object.keys(functions) as Name[]

const inputs = Float32Array.from({ length: 41 }, (_, at) => (at - 20) * 0.37)
const x = tensor(
  Float32Array.from({ length: 4 * 3 * 3 }, (_, at) => Math.sin(1 + at * 1.7)),
  [4, 3, 3],
)
const y = tensor(
  Float32Array.from({ length: 4 * 5 }, (_, at) => Math.cos(at)),
  [4, 5],
)

/** The same weights everywhere. */
function ready(m: Model): Model {
  m.setWeights(
    m.getWeights().map(({ data, shape }, at) =>
      tensor(
        data.map((_, i) => Math.sin(at + i * 1.3) / 8),
        shape,
      ),
    ),
  )
  m.compile({ optimizer: 'sgd', loss: 'mse' })
  return m
}

const values = (m: Model) => m.getWeights().flatMap(({ data }) => [...data])

describe.each(names)('activation %s', (activation) => {
  it('has the values of its formula, in dense and recurrent layers', async () => {
    const of = functions[activation]
    const rows = tensor(inputs, [inputs.length, 1])
    const steps = tensor(inputs, [inputs.length, 1, 1])
    const dense = sequential([layers.dense({ units: 1, activation, inputShape: [1] })])
    const recurrent = sequential([layers.simpleRNN({ units: 1, activation, inputShape: [null, 1] })])
    dense.setWeights([tensor([1], [1, 1]), tensor([0], [1])])
    recurrent.setWeights([tensor([1], [1, 1]), tensor([0], [1, 1]), tensor([0], [1])])
    for (const result of [await dense.predict(rows), await recurrent.predict(steps)]) {
      for (const [at, found] of (result as { data: Float32Array }).data.entries()) {
        const expected = of(inputs[at] as number)
        expect(Math.abs(found - expected)).toBeLessThan(2e-6 * Math.max(1, Math.abs(expected)))
      }
    }
    for (const m of [dense, recurrent]) m.dispose()
  })

  it('trains layers as it trains cells', async () => {
    const other = activation === 'sigmoid' ? 'hardSigmoid' : 'sigmoid'
    const both = [
      [layers.simpleRNN, cells.simpleRNN, { activation }],
      [layers.lstm, cells.lstm, { activation, recurrentActivation: other }],
      [layers.lstm, cells.lstm, { activation: 'tanh', recurrentActivation: activation }],
      [layers.gru, cells.gru, { activation, recurrentActivation: other }],
      [layers.gru, cells.gru, { activation, recurrentActivation: other, resetAfter: false }],
    ] as const
    for (const [layer, cell, options] of both) {
      const own = { units: 5, ...options }
      const fused = ready(sequential([(layer as typeof layers.lstm)({ ...own, inputShape: [null, 3] } as never)]))
      const traced = ready(sequential([layers.rnn({ cell: cell(own as never) as never, inputShape: [null, 3] })]))
      const [found, expected] = await Promise.all(
        [fused, traced].map(async (m) => (await m.predict(x)) as { data: Float32Array }),
      )
      for (const [at, value] of (expected?.data ?? []).entries()) {
        expect(Math.abs((found?.data[at] as number) - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)))
      }
      const [a, b] = await Promise.all([fused, traced].map(async (m) => (await m.gradients(x, y)).weights))
      const slopes = (of: typeof a) => Object.values(of ?? {}).flatMap(({ data }) => [...data])
      const scale = Math.max(1, ...slopes(b).map(Math.abs))
      for (const [at, value] of slopes(b).entries()) {
        expect(Math.abs((slopes(a)[at] as number) - value) / scale).toBeLessThan(1e-4)
      }
      expect(values(fused)).toEqual(values(traced))
      for (const m of [fused, traced]) m.dispose()
    }
  })
})
