import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  cells,
  defineCell,
  input,
  inspect,
  layers,
  loadModel,
  type Model,
  model,
  type SymbolicTensor,
  sequential,
  type Tensor,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

/** h' = exp(-delta)·h + x: what was seen fades with time. */
const fading = () =>
  defineCell({
    name: 'fading',
    inputs: { x: 2, deltas: 1 },
    states: { h: 2 },
    step: ({ x, deltas, h }) => ({ h: deltas.neg().exp().mul(h).add(x) }),
  })

type Row = readonly (readonly number[])[]

/** The same in JavaScript, over steps at these times. */
function faded(x: Row, times: readonly number[], first = 0): number[][] {
  let h = [0, 0]
  return x.map((row, step) => {
    const delta = step === 0 ? first : Math.abs((times[step] as number) - (times[step - 1] as number))
    h = h.map((value, unit) => Math.exp(-delta) * value + (row[unit] as number))
    return h
  })
}

/** Both directions by hand: the backward one is the forward one over the reversed row, and its outputs reversed. */
const bothWays = (x: Row, times: readonly number[], first = 0): number[][] => {
  const ahead = faded(x, times, first)
  const back = faded(x.toReversed(), times.toReversed()).toReversed()
  return ahead.map((row, step) => [...row, ...(back[step] as number[])])
}

const times = [
  [0, 2, 2.5, 3.25, 6],
  [0, 0.5, 4, 4.25, 4.5],
]
const deltasOf = (row: readonly number[]) => row.map((time, step) => time - (row[step - 1] ?? time))
const wave = (i: number) => Math.sin(1.7 * i + 0.3) + 0.4 * Math.cos(0.9 * i * i)
const x = times.map((row, at) => row.map((_, step) => [wave(10 * at + step), wave(37 * at + 3 * step + 1)]))
const deltas = times.map(deltasOf)

const both = (options: object = {}) =>
  layers.bidirectional({ layer: layers.rnn({ cell: fading(), returnSequences: true }), ...options })

/** A model of a bidirectional layer over `x` and `deltas`. */
function timed(
  layer: ReturnType<typeof layers.bidirectional>,
  shape: (number | null)[] = [null],
  options: object = {},
) {
  const values = input({ shape: [null, 2], name: 'x' })
  const since = input({ shape, name: 'deltas', ...options })
  const output = layer.apply({ inputs: values, deltas: since }) as SymbolicTensor
  return model({ inputs: [values, since], outputs: output })
}

function expectClose(got: unknown, expected: unknown, digits = 5) {
  const flat = (value: unknown) => [value].flat(4) as number[]
  expect(flat(got)).toHaveLength(flat(expected).length)
  for (const [index, value] of flat(got).entries()) expect(value).toBeCloseTo(flat(expected)[index] as number, digits)
}

describe('layers.bidirectional with times between steps', () => {
  const expected = x.map((row, at) => bothWays(row, times[at] as number[]))

  it('gives each direction the time since the step that it read before', async () => {
    expectClose((await timed(both()).predict({ x, deltas })).array(), expected)
    const columns = deltas.map((row) => row.map((delta) => [delta]))
    expectClose((await timed(both(), [null, 1]).predict({ x, deltas: columns })).array(), expected)
  })

  it('leaves the first delta of a row to the forward direction alone', async () => {
    const late = deltas.map(([, ...others]) => [7, ...others])
    const m = timed(both({ layer: layers.rnn({ cell: fading(), returnSequences: true }) }))
    expectClose((await m.predict({ x, deltas: late })).array(), expected)
    // A state from before the row fades by it.
    const values = input({ shape: [null, 2], name: 'x' })
    const since = input({ shape: [null], name: 'deltas' })
    const [h, g] = [input({ shape: [2], name: 'h' }), input({ shape: [2], name: 'g' })]
    const output = both().apply({ inputs: values, deltas: since }, { initialState: [h, g] }) as SymbolicTensor
    const started = model({ inputs: [values, since, h, g], outputs: output })
    const ones = [
      [1, 1],
      [1, 1],
    ]
    const got = (await started.predict({ x, deltas: late, h: ones, g: ones })).array() as number[][][]
    const first = x[0]?.[0] as number[]
    const last = x[0]?.[4] as number[]
    expectClose(got[0]?.[0]?.slice(0, 2), [Math.exp(-7) + (first[0] as number), Math.exp(-7) + (first[1] as number)])
    expectClose(got[0]?.[4]?.slice(2), [1 + (last[0] as number), 1 + (last[1] as number)])
  })

  it('counts from the last step of each row where rows have lengths', async () => {
    const lengths = [5, 3]
    const short = [expected[0], bothWays((x[1] as Row).slice(0, 3), (times[1] as number[]).slice(0, 3))]
    const given = { x: tensor(x.flat(2), [2, 5, 2], { lengths }), deltas: tensor(deltas.flat(), [2, 5], { lengths }) }
    expectClose((await timed(both()).predict(given)).array(), short)
    const ragged = { x: [x[0], x[1]?.slice(0, 3)], deltas: [deltas[0], deltas[1]?.slice(0, 3)] }
    expectClose((await timed(both()).predict(ragged as never)).array(), short)
    // Lengths of the sequence alone are enough.
    const half = { x: tensor(x.flat(2), [2, 5, 2], { lengths }), deltas: tensor(deltas.flat(), [2, 5]) }
    expectClose((await timed(both()).predict(half)).array(), short)
    // Batches of one row and rows of one step.
    expectClose((await timed(both()).predict({ x: [[[3, 4]]], deltas: [[9]] })).array(), [[[3, 4, 3, 4]]])
  })

  it('steps over masked steps in both directions', async () => {
    const [values, since] = [input({ shape: [null, 2], name: 'x' }), input({ shape: [null], name: 'deltas' })]
    const masked = layers.masking({ maskValue: -9 }).apply(values)
    const output = both().apply({ inputs: masked, deltas: since }) as SymbolicTensor
    const m = model({ inputs: [values, since], outputs: output })
    const holes = [1, 3]
    const row = (x[0] as Row).map((value, step) => (holes.includes(step) ? [-9, -9] : [...value]))
    const kept = [0, 2, 4]
    const at = kept.map((step) => times[0]?.[step] as number)
    // Deltas of the steps that count; those of masked steps are never looked at.
    const given = (times[0] as number[]).map((_, step) => {
      const place = kept.indexOf(step)
      return place < 0 ? 1e6 : place === 0 ? 0 : (at[place] as number) - (at[place - 1] as number)
    })
    const got = (await m.predict({ x: [row], deltas: [given] })).array() as number[][][]
    const right = bothWays(
      kept.map((step) => row[step] as number[]),
      at,
    )
    for (const [place, step] of kept.entries()) expectClose(got[0]?.[step], right[place])
    for (const step of holes) expectClose(got[0]?.[step], [0, 0, 0, 0])
  })

  it.each(['concat', 'sum', 'ave', 'mul', null] as const)('merges by %s, with last states', async (mergeMode) => {
    const values = input({ shape: [null, 2], name: 'x' })
    const since = input({ shape: [null], name: 'deltas' })
    const layer = layers.bidirectional({ layer: layers.rnn({ cell: fading(), returnState: true }), mergeMode } as never)
    const outputs = layer.apply({ inputs: values, deltas: since }) as readonly SymbolicTensor[]
    const got = (await model({ inputs: [values, since], outputs }).predict({ x, deltas })) as unknown as Tensor[]
    const ahead = expected.map((row) => row[4]?.slice(0, 2) as number[])
    const back = expected.map((row) => row[0]?.slice(2) as number[])
    const merged = {
      concat: (a: number, b: number) => [a, b],
      sum: (a: number, b: number) => a + b,
      ave: (a: number, b: number) => (a + b) / 2,
      mul: (a: number, b: number) => a * b,
    }
    if (mergeMode === null) {
      for (const [at, value] of [ahead, back, ahead, back].entries()) expectClose(got[at]?.array(), value)
      return
    }
    const combined = ahead.map((row, at) =>
      mergeMode === 'concat'
        ? [...row, ...(back[at] as number[])]
        : row.map((v, i) => merged[mergeMode](v, back[at]?.[i] as number)),
    )
    for (const [at, value] of [combined, ahead, back].entries()) expectClose(got[at]?.array(), value)
  })

  it('is saved, loaded, cloned and trained; gradients reach the deltas of both directions', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-both-'))
    try {
      const m = timed(both())
      await m.save(folder)
      for (const again of [await loadModel(folder), m.clone(), await loadModel(await m.toBytes())]) {
        expectClose(((await (again as Model).predict({ x, deltas })) as Tensor).array(), expected)
      }
      // Of the last step's backward output: nothing. Of the first step's: every delta but the first.
      const cotangents = [
        tensor(
          Float32Array.from({ length: 40 }, (_, i) => (i === 2 ? 1 : 0)),
          [2, 5, 4],
        ),
      ]
      const { inputs } = await m.gradients({ x, deltas }, { cotangents })
      const step = 1e-3
      const numeric = (deltas[0] as number[]).map((_, at) => {
        const moved = (by: number) => {
          const since = (deltas[0] as number[]).map((delta, i) => (i === at && i > 0 ? delta + by : delta))
          let sum = 0
          return bothWays(
            x[0] as Row,
            since.map((delta) => {
              sum += delta
              return sum
            }),
          )[0]?.[2] as number
        }
        return (moved(step) - moved(-step)) / (2 * step)
      })
      const since = (inputs[1] as Tensor).array() as number[][]
      expectClose(since[0], numeric, 4)

      const learner = (() => {
        const [values, since] = [input({ shape: [null, 2], name: 'x' }), input({ shape: [null], name: 'deltas' })]
        const read = layers
          .bidirectional({ layer: layers.rnn({ cell: cells.cfc({ units: 4, backboneUnits: 6 }) }) })
          .apply({ inputs: values, deltas: since }) as SymbolicTensor
        return model({ inputs: [values, since], outputs: layers.dense({ units: 1 }).apply(read), seed: 1 })
      })()
      learner.compile({ loss: 'meanSquaredError', optimizer: 'adam' })
      const { history } = await learner.fit({ x, deltas }, [[1], [-1]], { epochs: 30 })
      expect(history.loss?.at(-1)).toBeLessThan(0.5 * (history.loss?.[0] as number))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('reads several sequences besides, as the forward and a hand-reversed layer do', async () => {
    const names = ['x', 'present', 'deltas']
    const shapes = [[null, 2], [null, 2], [null]]
    const made = shapes.map((shape, at) => input({ shape, name: names[at] as string }))
    const [values, present, since] = made as [SymbolicTensor, SymbolicTensor, SymbolicTensor]
    const cell = () => cells.gruD({ units: 3 })
    const layer = layers.bidirectional({ layer: layers.rnn({ cell: cell(), returnSequences: true }) })
    const m = model({
      inputs: made,
      outputs: layer.apply({ inputs: [values, present], deltas: since }) as never,
      seed: 3,
    })
    const seen = x.map((row, at) => row.map((_, step) => [(step + at) % 2, (step + at) % 3 === 0 ? 0 : 1]))
    const got = (await m.predict({ x, present: seen, deltas })).array() as number[][][]
    const one = model({
      inputs: made,
      outputs: layers
        .rnn({ cell: cell(), returnSequences: true })
        .apply({ inputs: [values, present], deltas: since }) as never,
    })
    const weights = m.getWeights()
    one.setWeights(weights.slice(0, weights.length / 2))
    const ahead = ((await one.predict({ x, present: seen, deltas })) as Tensor).array() as number[][][]
    one.setWeights(weights.slice(weights.length / 2))
    const reversed = {
      x: x.map((row) => row.toReversed()),
      present: seen.map((row) => row.toReversed()),
      deltas: deltas.map(([, ...others]) => [0, ...others.toReversed()]),
    }
    const back = ((await one.predict(reversed)) as Tensor).array() as number[][][]
    expectClose(
      got,
      ahead.map((row, at) =>
        row.map((step, time) => [...step, ...((back[at] as number[][]).at(-1 - time) as number[])]),
      ),
    )
    const states = await inspect.states(m, { x, present: seen, deltas } as never)
    expect(states.map(({ layer: name }) => name)).toEqual(['bidirectional/forward', 'bidirectional/backward'])
    expectClose(
      states[1]?.values.h?.array(),
      back.map((row) => row.toReversed()),
    )
  })

  it('may have one direction alone that asks for times', async () => {
    const linear = {
      units: 2,
      kernelInitializer: 'identity',
      recurrentInitializer: 'zeros',
      activation: 'linear',
    } as const
    const plain = (goBackwards: boolean) => layers.simpleRNN({ ...linear, returnSequences: true, goBackwards })
    const rnn = (goBackwards: boolean) => layers.rnn({ cell: fading(), returnSequences: true, goBackwards })
    const back = timed(layers.bidirectional({ layer: plain(false), backwardLayer: rnn(true) } as never))
    const ahead = timed(layers.bidirectional({ layer: rnn(false), backwardLayer: plain(true) } as never))
    const mixed = (part: (step: number[], values: readonly number[]) => number[]) =>
      expected.map((row, at) => row.map((step, time) => part(step, x[at]?.[time] as number[])))
    expectClose(
      (await back.predict({ x, deltas })).array(),
      mixed((step, own) => [...own, ...step.slice(2)]),
    )
    expectClose(
      (await ahead.predict({ x, deltas })).array(),
      mixed((step, own) => [...step.slice(0, 2), ...own]),
    )
    const again = await loadModel(await back.toBytes())
    expectClose((await again.predict({ x, deltas })).array(), (await back.predict({ x, deltas })).array())
  })

  it('takes integers as times, and constants of its cells', async () => {
    const whole = timed(both(), [null], { dtype: 'int32' })
    const counted = deltas.map((row) => row.map(Math.ceil))
    const at = counted.map((row) => row.map((_, step) => row.slice(0, step + 1).reduce((sum, delta) => sum + delta, 0)))
    const right = x.map((row, index) => bothWays(row, at[index] as number[]))
    expectClose((await whole.predict({ x, deltas: counted })).array(), right)

    const cell = defineCell({
      name: 'shifted',
      inputs: { x: 2, deltas: 1 },
      states: { h: 2 },
      constants: { shift: 2 },
      step: ({ x: value, deltas: since, h, shift }) => ({ h: since.neg().exp().mul(h).add(value).add(shift) }),
    })
    const [values, since] = [input({ shape: [null, 2], name: 'x' }), input({ shape: [null], name: 'deltas' })]
    const shift = input({ shape: [2], name: 'shift' })
    const layer = layers.bidirectional({ layer: layers.rnn({ cell, returnSequences: true }) })
    const output = layer.apply({ inputs: values, deltas: since }, { constants: { shift } }) as SymbolicTensor
    const m = model({ inputs: [values, since, shift], outputs: output })
    const moved = x.map((row, index) =>
      bothWays(
        row.map(([a, b]) => [(a as number) + 1, (b as number) - 2]),
        times[index] as number[],
      ),
    )
    const shifts = [
      [1, -2],
      [1, -2],
    ]
    expectClose((await m.predict({ x, deltas, shift: shifts })).array(), moved)
    expectClose((await (await loadModel(await m.toBytes())).predict({ x, deltas, shift: shifts })).array(), moved)
    await expectCoded(
      () => layer.apply({ inputs: values, deltas: since }),
      'ERR_SHAPE',
      /2 sequences \(x, deltas\) and the constants shift/,
    )
  })

  it('refuses sessions, times that nobody asks for, and layers that read different things', async () => {
    const m = timed(both())
    await expectCoded(() => m.session({ batchSize: 1 }), 'ERR_UNSUPPORTED', /bidirectional|backward/i)
    const [values, since] = [input({ shape: [null, 2] }), input({ shape: [null] })]
    const lstm = layers.bidirectional({ layer: layers.lstm({ units: 2 }) })
    await expectCoded(
      () => lstm.apply({ inputs: values, deltas: since }),
      'ERR_OPTION',
      /bidirectional.*does not ask for times.*it reads x/,
    )
    await expectCoded(() => both().apply(values), 'ERR_SHAPE', /takes 2 sequences \(x, deltas\); got 1 values/)
    await expectCoded(() => both().apply({ inputs: values } as never), 'ERR_OPTION', /deltas/)
    await expectCoded(() => both().apply({ inputs: values, deltas: 3 } as never), 'ERR_OPTION', /deltas/)
    await expectCoded(() => both().apply({ inputs: values, deltas: values }), 'ERR_SHAPE', /fading/)
    await expectCoded(
      () => both().apply({ inputs: values, deltas: since }, { initialState: values }),
      'ERR_SHAPE',
      /takes 2 initial states/,
    )
    await expectCoded(() => sequential([both({ inputShape: [null, 2] })]), 'ERR_SHAPE', /deltas/)
    const two = layers.rnn({ cell: cells.gruD({ units: 2 }), goBackwards: true })
    await expectCoded(
      () => layers.bidirectional({ layer: layers.rnn({ cell: fading() }), backwardLayer: two }),
      'ERR_OPTION',
      /as many sequences besides deltas, not 1 and 2/,
    )
  })
})
