import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, defineCell, input, layers, loadModel, model, type SymbolicTensor, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'

/** h' = exp(-delta)·h + x: what was seen fades with time. */
const fading = (order: 'x first' | 'deltas first' = 'x first') =>
  defineCell({
    name: 'fading',
    inputs: order === 'x first' ? { x: 2, deltas: 1 } : { deltas: 1, x: 2 },
    states: { h: 2 },
    step: ({ x, deltas, h }) => ({ h: deltas.neg().exp().mul(h).add(x) }),
  })

/** The same, in JavaScript. */
function faded(x: readonly (readonly number[])[], deltas: readonly number[]): number[][] {
  let h = [0, 0]
  return x.map((row, step) => {
    h = h.map((value, unit) => Math.exp(-(deltas[step] as number)) * value + (row[unit] as number))
    return h
  })
}

const x = [
  [
    [1, 2],
    [0.5, -1],
    [0.25, 3],
  ],
  [
    [-1, 1],
    [2, 2],
    [0.1, 0.2],
  ],
]
const deltas = [
  [0, 1, 0.5],
  [0, 2, 0.25],
]

/** A model of the layer over `x` and `deltas`. */
function timed(layer: ReturnType<typeof layers.rnn>, shape: (number | null)[] = [null]) {
  const values = input({ shape: [null, 2], name: 'x' })
  const times = input({ shape, name: 'deltas' })
  const output = layer.apply({ inputs: values, deltas: times }) as SymbolicTensor
  return model({ inputs: [values, times], outputs: output })
}

const expectClose = (got: unknown, expected: unknown) => {
  const flat = (value: unknown) => [value].flat(4) as number[]
  expect(flat(got)).toHaveLength(flat(expected).length)
  for (const [index, value] of flat(got).entries()) expect(value).toBeCloseTo(flat(expected)[index] as number, 5)
}

describe('layers.rnn with times between steps', () => {
  const expected = x.map((rows, index) => faded(rows, deltas[index] as number[]))

  it.each(['x first', 'deltas first'] as const)('gives the cell the delta of the step (%s)', async (order) => {
    const m = timed(layers.rnn({ cell: fading(order), returnSequences: true }))
    expectClose((await m.predict({ x, deltas })).array(), expected)
    const columns = timed(layers.rnn({ cell: fading(order), returnSequences: true }), [null, 1])
    const column = deltas.map((row) => row.map((delta) => [delta]))
    expectClose((await columns.predict({ x, deltas: column })).array(), expected)
  })

  it('leaves masked steps out, whatever times they have', async () => {
    const m = timed(layers.rnn({ cell: fading(), returnSequences: true }))
    const lengths = [3, 2]
    const padded = { x: tensor(x.flat(2), [2, 3, 2], { lengths }), deltas: tensor(deltas.flat(), [2, 3], { lengths }) }
    const shorter = [expected[0], (expected[1] as number[][]).slice(0, 2)]
    expectClose((await m.predict(padded)).array(), shorter)
  })

  it('takes the time until the step that was read before where steps are read from the end', async () => {
    const m = timed(layers.rnn({ cell: fading(), returnSequences: true, goBackwards: true }))
    const backwards = x.map((rows, index) => {
      const [, ...since] = deltas[index] as number[]
      return faded(rows.toReversed(), [0, ...since.toReversed()])
    })
    expectClose((await m.predict({ x, deltas })).array(), backwards)
    // The second row has two steps; the first one that is read has none before it.
    const lengths = [3, 2]
    const ragged = tensor(x.flat(2), [2, 3, 2], { lengths })
    const [first, second] = (await m.predict({ x: ragged, deltas })).array() as number[][][]
    expectClose(first, backwards[0])
    const [a, b] = x[1] as number[][]
    expectClose(second, faded([b as number[], a as number[]], [0, deltas[1]?.[1] as number]))
  })

  it('takes values and deltas step by step in sessions', async () => {
    const m = timed(layers.rnn({ cell: fading(), returnSequences: true }))
    const session = m.session({ batchSize: 2 })
    for (let step = 0; step < 3; step++) {
      const now = { x: x.map((rows) => rows[step] as number[]), deltas: deltas.map((row) => row[step] as number) }
      const output = step === 1 ? session.step([now.x, now.deltas] as never) : session.step(now)
      expectClose(
        output.array(),
        expected.map((rows) => rows[step]),
      )
    }
    expect(() => session.step({ x: [[1, 2]] })).toThrow(/expected a step of x and deltas.*object of x/s)
    expect(() => session.step([[1, 2]])).toThrow(/expected a step of x and deltas/)
    expect(() => session.step({ x: [[1, 2]], deltas: [0] })).toThrow(/expected 2 rows/)
    const one = m.session()
    expectClose(one.step({ x: [1, 2], deltas: 0 }).array(), [[1, 2]])
    expectClose(
      one
        .clone()
        .step({ x: [0, 0], deltas: 1 })
        .array(),
      [[Math.exp(-1), 2 * Math.exp(-1)]],
    )
  })

  it('is saved and trained like any other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-times-'))
    try {
      const m = timed(layers.rnn({ cell: fading(), returnSequences: true }))
      await m.save(folder)
      expectClose((await (await loadModel(folder)).predict({ x, deltas })).array(), expected)
      // d h₂ / d delta₂ = -exp(-delta₂)·h₁
      const cotangents = [tensor([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [2, 3, 2])]
      const { inputs } = await m.gradients({ x, deltas }, { cotangents })
      expectClose(inputs[1]?.array(), [
        [0, -Math.exp(-1), 0],
        [0, 0, 0],
      ])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('shares the deltas among stacked cells', async () => {
    const plain = cells.simpleRNN({
      units: 2,
      kernelInitializer: 'identity',
      recurrentInitializer: 'zeros',
      activation: 'linear',
    })
    const m = timed(layers.rnn({ cell: [fading(), plain, fading()], returnSequences: true }))
    const twice = expected.map((rows, index) => faded(rows, deltas[index] as number[]))
    expectClose((await m.predict({ x, deltas })).array(), twice)
  })

  it('refuses what asks for no times, and times for what asks for none', () => {
    const values = input({ shape: [null, 2] })
    const times = input({ shape: [null] })
    const gru = layers.rnn({ cell: cells.gru({ units: 2 }) })
    expect(() => gru.apply({ inputs: values, deltas: times })).toThrow(/cell 'gru' does not ask for times.*it reads x/)
    const layer = layers.rnn({ cell: fading() })
    expect(() => layer.apply(values)).toThrow(/2 sequences \(x, deltas\).*got 1 values/)
    expect(() => layer.apply({ inputs: values } as never)).toThrow(/deltas/)
    expect(() => layer.apply({ inputs: values, deltas: values })).toThrow(/fading/)
    expect(() => sequential([layers.rnn({ cell: fading(), inputShape: [null, 2] })])).toThrow(/deltas/)
  })
})
