import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  cells,
  defineCell,
  input,
  layers,
  loadModel,
  model,
  optimizers,
  type Tensor,
  type TensorLike,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectClose, gradientBound, outputBound } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const [rows, time, features, units] = [5, 7, 3, 4]
const lengths = [7, 1, 4, 6, 2]
const holes = lengths.map((length, row) =>
  Array.from({ length: time }, (_, step) => step < length && (step === 0 || (step + row) % 3 !== 1)),
)
const data = wave(rows * time * features)

const sequences: Record<string, TensorLike> = {
  'of one length': tensor(data, [rows, time, features]),
  'with padding': tensor(data, [rows, time, features], { lengths }),
  'with holes': tensor(data, [rows, time, features], { mask: holes }),
}

type Recurrent = ReturnType<typeof layers.rnn>
type Options = Readonly<Record<string, unknown>>

/** A layer, fused and traced, with options of the cell and of the layer. */
type Pair = readonly [fused: (options: Options) => Recurrent, cell: (options: Options) => unknown, own: Options]

const pairs: Record<string, Pair> = {
  simpleRNN: [layers.simpleRNN as never, cells.simpleRNN as never, {}],
  'simpleRNN with relu': [layers.simpleRNN as never, cells.simpleRNN as never, { activation: 'relu' }],
  lstm: [layers.lstm as never, cells.lstm as never, {}],
  'lstm without bias': [
    layers.lstm as never,
    cells.lstm as never,
    { useBias: false, recurrentActivation: 'hardSigmoid' },
  ],
  gru: [layers.gru as never, cells.gru as never, {}],
  'gru that resets before': [layers.gru as never, cells.gru as never, { resetAfter: false }],
}

const directions: Record<string, Options> = {
  forward: {},
  backwards: { goBackwards: true },
  'repeating outputs': { zeroOutputForMask: false },
}

/** A model whose outputs are a layer's sequence, its last output and its last states, from given first states. */
function recurrent(make: (options: Options) => Recurrent, states: number, both: boolean) {
  const x = input({ shape: [null, features], name: 'x' })
  const initialState = Array.from({ length: both ? 2 * states : states }, (_, i) =>
    input({ shape: [units], name: `s${i}` }),
  )
  const wrap = (layer: Recurrent) => (both ? (layers.bidirectional({ layer }) as never as Recurrent) : layer)
  const all = wrap(make({ returnSequences: true, returnState: true, name: 'all' })).apply(x, { initialState })
  const last = wrap(make({ name: 'last' })).apply(x)
  return model({ inputs: [x, ...initialState], outputs: [...(all as readonly never[]), last as never], seed: 3 })
}

describe('a cell that is traced gives what the fused layer gives', () => {
  for (const [name, [fused, cell, own]] of Object.entries(pairs)) {
    const states = name.startsWith('lstm') ? 2 : 1
    for (const [direction, options] of Object.entries({ ...directions, 'both ways': {} })) {
      it(`${name}, ${direction}`, async () => {
        const both = direction === 'both ways'
        const expected = recurrent((more) => fused({ units, ...own, ...options, ...more }), states, both)
        const traced = recurrent(
          (more) => layers.rnn({ cell: cell({ units, ...own }) as never, ...options, ...more }) as never,
          states,
          both,
        )
        const weights = expected.getWeights().map(({ shape }, index) => {
          const size = shape.reduce((product, dim) => product * dim, 1)
          return tensor(
            wave(size, index).map((value) => 0.6 * value),
            shape,
          )
        })
        expected.setWeights(weights)
        traced.setWeights(weights)
        const initial = Array.from({ length: (both ? 2 : 1) * states }, (_, i) =>
          tensor(wave(rows * units, i + 5), [rows, units]),
        )
        for (const [what, x] of Object.entries(sequences)) {
          const inputs = [x, ...initial]
          const [a, b] = [await expected.predict(inputs), await traced.predict(inputs)]
          a.forEach((values, index) => {
            expectClose(b[index], values, outputBound, `output ${index}, ${what}`)
            expect(b[index]?.lengths).toEqual(values.lengths)
          })
          const cotangents = a.map(({ shape, data: { length } }, index) => tensor(wave(length, index + 2), shape))
          const [c, d] = [
            await expected.gradients(inputs, { cotangents }),
            await traced.gradients(inputs, { cotangents }),
          ]
          Object.values(c.weights).forEach((values, index) => {
            expectClose(Object.values(d.weights)[index], values, gradientBound, `weight ${index}, ${what}`)
          })
          c.inputs.forEach((values, index) => {
            expectClose(d.inputs[index], values as Tensor, gradientBound, `input ${index}, ${what}`)
          })
        }
      })
    }
  }
})

/** A cell with most operations, whose output is no state. */
const varied = () =>
  defineCell({
    name: 'varied',
    states: { h: units, count: 1 },
    constants: { memory: ['steps', 'size'] },
    weights: {
      kernel: ['features', units],
      key: ['size', units],
      table: [5, units],
      gamma: { shape: [units], initializer: 'ones' },
    },
    step({ x, h, count, memory }, w) {
      const scores = h.expandDims(1).matmul(memory.matmul(w.key), { transposeB: true }).squeeze(1)
      const context = scores.softmax({ mask: memory.mask() }).expandDims(1).matmul(memory.matmul(w.key)).squeeze(1)
      const row = w.table.gather(count.maximum(0).minimum(4).squeeze())
      const sum = x.matmul(w.kernel).add(context).add(row).layerNorm().mul(w.gamma)
      const [a, b] = sum.split(2)
      const next = a
        .greater(0)
        .where(a.sigmoid(), b.tanh())
        .concat(b.relu().dropout(0.3, { perStep: true }))
      return { h: next.add(h.mul(0.5)), count: count.add(1), output: next.square().sum({ keepDims: true }) }
    },
  })

function variedModel() {
  const x = input({ shape: [null, features], name: 'x' })
  const memory = input({ shape: [null, 6], name: 'memory' })
  const last = layers.rnn({ cell: varied() }).apply(x, { constants: { memory } })
  const m = model({ inputs: [x, memory], outputs: layers.dense({ units: 1 }).apply(last), seed: 4 })
  m.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse' })
  return m
}

const memoryData = wave(rows * 4 * 6, 3)
const memory = tensor(memoryData, [rows, 4, 6], { lengths: [4, 2, 3, 1, 4] })
const inputs = [sequences['with padding'] as TensorLike, memory]
const targets = tensor(wave(rows, 4), [rows, 1])

describe('a cell of one’s own', () => {
  it('learns', async () => {
    const m = variedModel()
    const { history } = await m.fit(inputs, targets, { epochs: 60, batchSize: rows })
    expect(history.loss?.at(-1)).toBeLessThan(0.5 * (history.loss?.[0] as number))
  })

  it('is saved as its operations, and goes on from there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const m = variedModel()
      await m.fit(inputs, targets, { epochs: 2 })
      await m.save(folder)
      expect(readFileSync(join(folder, 'model.json'), 'utf8')).not.toContain('=>')
      const again = await loadModel(folder)
      expect(again.toJSON()).toEqual(m.toJSON())
      expect((await again.predict(inputs)).data).toEqual((await m.predict(inputs)).data)
      const [one, two] = [await m.fit(inputs, targets), await again.fit(inputs, targets)]
      expect(two.history).toEqual(one.history)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('does not look at padding, of its sequence or of its constants', async () => {
    const m = variedModel()
    const cut = [tensor(data.slice(0, 2 * features), [1, 2, features]), tensor(memoryData.slice(0, 2 * 6), [1, 2, 6])]
    const long = [
      tensor(data.map((value, i) => (i < 2 * features ? value : 9)).slice(0, time * features), [1, time, features], {
        lengths: [2],
      }),
      tensor(memoryData.map((value, i) => (i < 2 * 6 ? value : 9)).slice(0, 4 * 6), [1, 4, 6], { lengths: [2] }),
    ]
    expectClose(await m.predict(long), await m.predict(cut), 1e-6, 'output')
  })

  it('streams as it predicts', async () => {
    const cell = () => cells.peepholeLSTM({ units })
    const x = input({ shape: [null, features] })
    const m = model({
      inputs: x,
      outputs: layers.rnn({ cell: [cell(), cells.gru({ units: 2 })] as never }).apply(x) as never,
      seed: 2,
    })
    const session = m.session({ batchSize: rows })
    let output: Tensor | undefined
    for (let at = 0; at < time; at++) {
      const step = Array.from({ length: rows }, (_, row) =>
        Array.from(data.slice((row * time + at) * features, (row * time + at + 1) * features)),
      )
      output = session.step(step)
    }
    expectClose(output, (await m.predict(sequences['of one length'] as TensorLike)) as never, outputBound, 'last step')
  })
})
