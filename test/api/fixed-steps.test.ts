import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, defineCell, input, layers, loadModel, model, optimizers, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const [rows, steps, units, size] = [4, 5, 6, 3]

/** A decoder that reads its own last output, beside a vector that stays the same. */
const generator = () =>
  defineCell({
    name: 'generator',
    inputs: {},
    states: { h: units, last: size },
    constants: { code: [size] },
    weights: { read: [size, units], feed: [size, units], recurrent: [units, units], write: [units, size] },
    step({ h, last, code }, w) {
      const next = code.matmul(w.read).add(last.matmul(w.feed)).add(h.matmul(w.recurrent)).tanh()
      const output = next.matmul(w.write)
      return { h: next, last: output, output }
    },
  })

function build() {
  const code = input({ shape: [size] })
  const sequence = layers.rnn({ cell: generator(), steps, returnSequences: true, name: 'generator' }).apply([], {
    constants: { code },
  })
  return model({ inputs: code, outputs: sequence, seed: 2 })
}

const codes = tensor(wave(rows * size), [rows, size])

describe('a cell without inputs', () => {
  it('runs a fixed number of times and reads its own outputs', async () => {
    const m = build()
    const all = await m.predict(codes)
    expect(all.shape).toEqual([rows, steps, size])
    // The same loop in JavaScript.
    const w = m.namedWeights()
    const times = (x: number[], name: string, columns: number) =>
      Array.from({ length: columns }, (_, column) =>
        x.reduce((sum, value, k) => sum + value * (w[`generator/${name}`]?.data[k * columns + column] as number), 0),
      )
    const expected: number[] = []
    for (let row = 0; row < rows; row++) {
      const code = Array.from(codes.data.slice(row * size, (row + 1) * size)) as number[]
      let [h, last] = [Array(units).fill(0) as number[], Array(size).fill(0) as number[]]
      for (let step = 0; step < steps; step++) {
        const parts = [times(code, 'read', units), times(last, 'feed', units), times(h, 'recurrent', units)]
        h = h.map((_, i) => Math.tanh(parts.reduce((sum, part) => sum + (part[i] as number), 0)))
        last = times(h, 'write', size)
        expected.push(...last)
      }
    }
    expectClose(all, { data: expected, shape: [rows, steps, size] }, outputBound, 'outputs')
  })

  it('learns, and is saved', async () => {
    const m = build()
    m.compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: 'mse' })
    const targets = tensor(wave(rows * steps * size, 3), [rows, steps, size])
    const { history } = await m.fit(codes, targets, { epochs: 500 })
    expect(history.loss?.at(-1)).toBeLessThan(0.3 * (history.loss?.[0] as number))
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      await m.save(folder)
      expect((await (await loadModel(folder)).predict(codes)).data).toEqual((await m.predict(codes)).data)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('gives its last output and begins with states that are given', async () => {
    const [h, last, code] = [input({ shape: [units] }), input({ shape: [size] }), input({ shape: [size] })]
    const end = layers.rnn({ cell: generator(), steps: 1 }).apply([], { initialState: [h, last], constants: { code } })
    const m = model({ inputs: [h, last, code], outputs: end })
    const zeros = [
      tensor(new Float32Array(rows * units), [rows, units]),
      tensor(new Float32Array(rows * size), [rows, size]),
    ]
    expect((await m.predict([...zeros, codes])).shape).toEqual([rows, size])
    expect((await m.predict([...zeros, codes])).data).not.toEqual(
      (await m.predict([tensor(wave(rows * units), [rows, units]), zeros[1] as never, codes])).data,
    )
  })

  it('says what is missing', () => {
    const without = () => layers.rnn({ cell: generator() })
    expect(without).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/has no inputs.*steps/) }),
    )
    const needless = () => layers.rnn({ cell: cells.gru({ units }), steps: 3 })
    expect(needless).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/steps is for cells without inputs/),
      }),
    )
    const nothing = defineCell({ inputs: {}, states: { h: 2 }, step: ({ h }) => ({ h: h.add(1) }) })
    expect(() => layers.rnn({ cell: nothing, steps: 3 }).apply([])).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringMatching(/initial state or constants/) }),
    )
    const m = build()
    expect(() => m.session()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
  })
})
