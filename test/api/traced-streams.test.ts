import { defineCell, defineLayer, input, layers, model, type SymbolicValue, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

/** Repeatable values. */
const wave = (count: number, phase = 0) => Float32Array.from({ length: count }, (_, i) => Math.sin(1.3 * i + phase))

const plain = () =>
  defineCell({
    name: 'plain',
    states: { h: 3 },
    weights: { kernel: ['features', 3], recurrent: [3, 3] },
    step: ({ x, h }, w) => {
      const next = x
        .matmul(w.kernel)
        .add((h as SymbolicValue).matmul(w.recurrent))
        .tanh()
      return { h: next, output: next.mul(2) }
    },
  })

describe('a stateful traced cell', () => {
  const build = (stateful: boolean, returnSequences: boolean) =>
    sequential([layers.rnn({ cell: plain(), stateful, returnSequences, inputShape: [null, 2] } as never)], { seed: 4 })
  // Two rows of six steps; the same as two batches of three steps.
  const data = wave(2 * 6 * 2)
  const whole = tensor(data, [2, 6, 2])
  const part = (row: number, half: number) => [...data.subarray((row * 6 + half * 3) * 2, (row * 6 + half * 3 + 3) * 2)]
  const halves = tensor(Float32Array.from([...part(0, 0), ...part(1, 0), ...part(0, 1), ...part(1, 1)]), [4, 3, 2])

  it.each([true, false])('goes on where the batch before has ended, returnSequences %s', async (returnSequences) => {
    const once = await build(false, returnSequences).predict(whole)
    const parts = await build(true, returnSequences).predict(halves, { batchSize: 2 })
    const forgetful = await build(false, returnSequences).predict(halves, { batchSize: 2 })
    // The last three numbers of row 1 are the last step's.
    const last = ({ data }: { data: ArrayLike<number> }) => Array.from(data).slice(-3)
    for (const [i, value] of last(parts).entries()) expect(value).toBeCloseTo(last(once)[i] as number, 5)
    expect(last(forgetful)[0]).not.toBeCloseTo(last(once)[0] as number, 3)
  })

  it('learns in parts, and is saved with its option', async () => {
    const m = build(true, true)
    m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
    const { history } = await m.fit(halves, tensor(wave(4 * 3 * 3, 2), [4, 3, 3]), { batchSize: 2, epochs: 20 })
    expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
    expect(m.layers.at(-1)?.getConfig()).toMatchObject({ stateful: true })
    expect(build(false, true).layers.at(-1)?.getConfig()).not.toHaveProperty('stateful')
  })

  it('carries its states backwards, too, where it cannot stream', async () => {
    const build = (options: object) =>
      sequential([layers.rnn({ cell: plain(), inputShape: [null, 2], ...options } as never)], { seed: 4 })
    const [m, fused] = [build({ stateful: true, goBackwards: true }), build({ goBackwards: true })]
    const parts = await m.predict(halves, { batchSize: 2 })
    const alone = await fused.predict(halves, { batchSize: 2 })
    const rest = parts.data.length / 2
    expect([...parts.data.subarray(0, rest)]).toEqual([...alone.data.subarray(0, rest)])
    expect([...parts.data.subarray(rest)]).not.toEqual([...alone.data.subarray(rest)])
    expect(() => m.session({ batchSize: 2 })).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
  })
})

describe('sessions of traced layers', () => {
  it('look up rows of a table', async () => {
    const table = defineLayer({
      name: 'table',
      inputs: { x: ['time'] },
      weights: { rows: [7, 4] },
      call: ({ x }, w) => (w.rows as SymbolicValue).gather(x),
    })
    const tokens = input({ shape: [null], dtype: 'int32' })
    const m = model({
      inputs: tokens,
      outputs: layers.gru({ units: 3, returnSequences: true }).apply(table().apply(tokens)),
    })
    const given = [1, 5, 6, 0, 2]
    const expected = await m.predict(tensor(Int32Array.from(given), [1, 5]))
    using session = m.session()
    for (const [step, token] of given.entries()) {
      const { data } = session.step([token]) as { data: Float32Array }
      for (const [i, value] of Array.from(data).entries())
        expect(value).toBeCloseTo(expected.data[step * 3 + i] as number, 5)
    }
  })

  it('draw a class at every step', async () => {
    const draw = defineLayer({
      name: 'draw',
      inputs: { x: ['classes'] },
      call: ({ x }) => (x as SymbolicValue).mul(1e6).sample().expandDims(1),
    })
    const x = input({ shape: [null, 2] })
    const read = layers.lstm({ units: 4 }).apply(x)
    const m = model({ inputs: x, outputs: [read, draw().apply(read)] })
    using session = m.session()
    for (let step = 0; step < 4; step++) {
      const [logits, drawn] = session.step([[Math.sin(step), Math.cos(3 * step)]]) as unknown as {
        data: Float32Array
      }[]
      const values = Array.from(logits?.data as Float32Array)
      expect(drawn?.data[0]).toBe(values.indexOf(Math.max(...values)))
    }
  })
})

describe('a cell with two memories', () => {
  const attend = (query: SymbolicValue, memory: SymbolicValue) => {
    const scores = memory.add(query.expandDims(1)).tanh().sum({ axis: -1, keepDims: true })
    return scores.softmax({ axis: 1 }).mul(memory).sum({ axis: 1 })
  }
  const cell = defineCell({
    name: 'two',
    states: { h: 2 },
    constants: { first: ['firstRows', 2], second: ['secondRows', 2] },
    step: ({ x, h, first, second }) => {
      const query = h as SymbolicValue
      const next = attend(query, first as SymbolicValue)
        .add(attend(query, second as SymbolicValue))
        .add(x)
        .tanh()
      return { h: next }
    },
  })
  const build = () => {
    const [x, first, second] = [
      input({ shape: [null, 2], name: 'x' }),
      input({ shape: [null, 2], name: 'first' }),
      input({ shape: [null, 2], name: 'second' }),
    ]
    const rnn = layers.rnn({ cell, returnSequences: true })
    const outputs = rnn.apply(x, { constants: { first, second } })
    return model({ inputs: [x, first, second], outputs })
  }

  it('attends over memories of any lengths', async () => {
    const m = build()
    m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
    for (const [a, b] of [
      [3, 5],
      [4, 4],
      [1, 6],
    ] as const) {
      const x = tensor(wave(6), [1, 3, 2])
      const first = tensor(wave(a * 2, 1), [1, a, 2])
      const second = tensor(wave(b * 2, 2), [1, b, 2])
      // The two are treated alike, so they may change places.
      const results = [await m.predict([x, first, second]), await m.predict([x, second, first])]
      const [one, other] = results.map((result) => Array.from((result as { data: Float32Array }).data))
      for (const [i, value] of (one as number[]).entries()) {
        expect(Number.isFinite(value)).toBe(true)
        expect(value).toBeCloseTo((other as number[])[i] as number, 5)
      }
    }
  })

  it('streams with them', async () => {
    const m = build()
    const constants = { first: tensor(wave(4, 1), [1, 2, 2]), second: tensor(wave(10, 2), [1, 5, 2]) }
    const x = wave(6)
    const expected = (await m.predict([tensor(x, [1, 3, 2]), constants.first, constants.second])) as {
      data: Float32Array
    }
    using session = m.session({ constants })
    for (let step = 0; step < 3; step++) {
      const { data } = session.step([[x[2 * step] as number, x[2 * step + 1] as number]]) as { data: Float32Array }
      for (const [i, value] of Array.from(data).entries())
        expect(value).toBeCloseTo(expected.data[2 * step + i] as number, 5)
    }
    await expectCoded(() => m.session({ constants: { first: constants.first } }), 'ERR_OPTION', /second/)
  })
})
