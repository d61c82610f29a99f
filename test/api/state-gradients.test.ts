import {
  cells,
  type DataSet,
  defineCell,
  input,
  layers,
  model,
  type SymbolicTensor,
  sequential,
  type Tensor,
  type TensorLike,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectClose, gradientBound } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const [rows, time, features, units] = [4, 6, 3, 5]
const data = wave(rows * time * features, 0)
const sequences: Record<string, TensorLike> = {
  'of one length': tensor(data, [rows, time, features]),
  'with padding': tensor(data, [rows, time, features], { lengths: [6, 2, 4, 1] }),
  'with holes': tensor(data, [rows, time, features], {
    mask: Array.from({ length: rows }, (_, row) => Array.from({ length: time }, (_, step) => (row + step) % 3 > 0)),
  }),
}
const probe = tensor(new Float32Array(rows * time * units), [rows, time, units])

/** Cells with an input that is added to h as it leaves each step: its gradient is dL/dh. */
const probedCells = {
  simpleRNN: () =>
    defineCell({
      inputs: { x: 'features', probe: units },
      states: { h: units },
      weights: { kernel: ['features', units], recurrent_kernel: [units, units], bias: [units] },
      step: ({ x, probe, h }, w) => ({
        h: x.matmul(w.kernel).add(h.matmul(w.recurrent_kernel)).add(w.bias).tanh().add(probe),
      }),
    }),
  lstm: () =>
    defineCell({
      inputs: { x: 'features', probe: units },
      states: { h: units, c: units },
      weights: { kernel: ['features', 4 * units], recurrent_kernel: [units, 4 * units], bias: [4 * units] },
      step({ x, probe, h, c }, w) {
        const [i, f, g, o] = x.matmul(w.kernel).add(h.matmul(w.recurrent_kernel)).add(w.bias).split(4)
        const newC = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()))
        return { h: o.sigmoid().mul(newC.tanh()).add(probe), c: newC }
      },
    }),
  gru: () =>
    defineCell({
      inputs: { x: 'features', probe: units },
      states: { h: units },
      weights: { kernel: ['features', 3 * units], recurrent_kernel: [units, 3 * units], bias: [3 * units] },
      step({ x, probe, h }, w) {
        const [xz, xr, xn] = x.matmul(w.kernel).add(w.bias).split(3)
        const [hz, hr, hn] = h.matmul(w.recurrent_kernel).split(3)
        const z = xz.add(hz).sigmoid()
        const n = xn.add(xr.add(hr).sigmoid().mul(hn)).tanh()
        return { h: z.mul(h).add(n).sub(z.mul(n)).add(probe) }
      },
    }),
}

type Recurrent = ReturnType<typeof layers.rnn>

describe('gradients by the states at every step', () => {
  for (const [name, probed] of Object.entries(probedCells)) {
    const kind = name as keyof typeof probedCells
    for (const direction of [{}, { goBackwards: true }]) {
      const options = { returnSequences: true, returnState: true, ...direction } as const
      it(`${kind}, ${'goBackwards' in direction ? 'backwards' : 'forwards'}: fused, traced, and as a probe says`, async () => {
        const build = (layer: { apply(x: SymbolicTensor | SymbolicTensor[]): unknown }, probing = false) => {
          const inputs = [features, ...(probing ? [units] : [])].map((size) => input({ shape: [null, size] }))
          const outputs = layer.apply(inputs.length === 1 ? (inputs[0] as SymbolicTensor) : inputs)
          return model({ inputs, outputs: outputs as SymbolicTensor[], seed: 3 })
        }
        const make = layers[kind] as unknown as (options: object) => Recurrent
        const models = [
          build(make({ units, ...options, name: 'one' })),
          build(layers.rnn({ cell: cells[kind]({ units }) as never, ...options, name: 'one' })),
        ] as const
        const expectedOf = build(layers.rnn({ cell: probed() as never, ...options }), true)
        const weights = models[0].getWeights().map(({ shape }, index) => {
          return tensor(
            wave(
              shape.reduce((a, b) => a * b, 1),
              index,
            ).map((value) => 0.6 * value),
            shape,
          )
        })
        // The reset-after GRU of the layer has a second bias, which the probed cell lacks.
        if (kind === 'gru') weights[2]?.data.fill(0, 3 * units)
        for (const m of models) m.setWeights(weights)
        const own = weights.map(({ data, shape }, index) =>
          kind === 'gru' && index === 2 ? tensor(data.slice(0, 3 * units), [3 * units]) : { data, shape },
        )
        expectedOf.setWeights(own as never)
        for (const [what, sequence] of Object.entries(sequences)) {
          const states = kind === 'lstm' ? 2 : 1
          const cotangents = [
            tensor(wave(rows * time * units, 4), [rows, time, units]),
            ...Array.from({ length: states }, (_, i) => tensor(wave(rows * units, 5 + i), [rows, units])),
          ]
          const reference = await expectedOf.gradients([sequence, probe] as DataSet, { cotangents })
          for (const m of models) {
            const plain = await m.gradients(sequence, { cotangents })
            const all = await m.gradients(sequence, { cotangents }, { states: true })
            expect(plain.states).toBeUndefined()
            const found = all.states['one/h'] as Tensor
            expect(found.shape).toEqual([rows, time, units])
            expectClose(found, reference.inputs[1] as Tensor, gradientBound, `${what}: dL/dh`)
            for (const [weight, gradient] of Object.entries(plain.weights)) {
              expect(all.weights[weight], weight).toEqual(gradient)
            }
          }
        }
      })
    }
  }

  it('are there for tokens, for the loss, and where nothing learns', async () => {
    const make = (trainable: boolean) => {
      const m = sequential(
        [
          layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true, trainable }),
          layers.bidirectional({ layer: layers.lstm({ units }), trainable }),
          layers.dense({ units: 1, trainable: true }),
        ],
        { seed: 5 },
      )
      m.compile({ optimizer: 'sgd', loss: 'mse' })
      return m
    }
    const x = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: time }, (_, step) => 1 + ((row + step) % 3)),
    )
    const y = [1, 2, 3, 4]
    const [learns, frozen] = [
      await make(true).gradients(x, y, { states: true }),
      await make(false).gradients(x, y, { states: true }),
    ]
    expect(Object.keys(learns.states)).toEqual(['bidirectional/forward_lstm/h', 'bidirectional/backward_lstm/h'])
    expect(frozen.states).toEqual(learns.states)
    expect(learns.states['bidirectional/forward_lstm/h']?.data.some((value) => value !== 0)).toBe(true)
  })

  it('are those of every state of a traced cell', async () => {
    const x = input({ shape: [null, features] })
    const last = layers.rnn({ cell: cells.gridLSTM({ units: 2, depth: 3 }), name: 'grid' }).apply(x)
    const m = model({ inputs: x, outputs: last })
    const cotangents = tensor(wave(rows * 2, 1), [rows, 2])
    const { states } = await m.gradients(sequences['with padding'] as TensorLike, { cotangents }, { states: true })
    expect(Object.entries(states).map(([name, { shape, lengths }]) => [name, shape, [...(lengths ?? [])]])).toEqual([
      ['grid/h', [rows, time, 3, 2], [6, 2, 4, 1]],
      ['grid/m', [rows, time, 3, 2], [6, 2, 4, 1]],
    ])
  })

  it('are asked for by an option that is checked', async () => {
    const m = sequential([layers.gru({ units, inputShape: [null, features] })])
    const cotangents = tensor(wave(rows * units, 1), [rows, units])
    const wrong = m.gradients(sequences['of one length'] as TensorLike, { cotangents }, { state: true } as never)
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_OPTION', message: expect.stringMatching(/'state'/) })
  })
})
