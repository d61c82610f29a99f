import { type Cell, cells, input, layers, loadModel, model, type TensorLike, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectClose, gradientBound, outputBound } from '../helpers/compare.js'
import { expectCoded } from '../helpers/errors.js'
import * as papers from '../helpers/recurrences.js'

/** A cell and its paper's recurrence. */
interface Case {
  readonly cell: () => Cell
  readonly paper: papers.Recurrence
  /** The features of the input; default 3. */
  readonly features?: number
  /** Further inputs, one step of a row at a time. */
  readonly more?: readonly ((row: number, step: number) => number[])[]
}

const deltas = (row: number, step: number) => [0.2 + ((row + 3 * step) % 5) / 2]
const present = (row: number, step: number) => [0, 1, 2].map((i) => ((row + step * (i + 2)) % 3 === 0 ? 0 : 1))

const cases: Record<string, Case> = {
  minGRU: { cell: () => cells.minGRU({ units: 4 }), paper: papers.minGRU() },
  'minGRU, positive': { cell: () => cells.minGRU({ units: 4, positive: true }), paper: papers.minGRU(true) },
  minLSTM: { cell: () => cells.minLSTM({ units: 4, forgetBias: 1 }), paper: papers.minLSTM },
  indRNN: { cell: () => cells.indRNN({ units: 4 }), paper: papers.indRNN() },
  'indRNN, bounded': { cell: () => cells.indRNN({ units: 4, steps: 20 }), paper: papers.indRNN(20) },
  sru: { cell: () => cells.sru({ units: 4, highwayBias: -1 }), paper: papers.sru(true, 'projection') },
  'sru, first version': {
    cell: () => cells.sru({ units: 3, stateGates: false, highway: 'identity', highwayBias: -1 }),
    paper: papers.sru(false, 'identity', -1),
  },
  qrnn: { cell: () => cells.qrnn({ units: 4 }), paper: papers.qrnn(2, 'fo') },
  'qrnn, wide': { cell: () => cells.qrnn({ units: 4, window: 4, pooling: 'ifo' }), paper: papers.qrnn(4, 'ifo') },
  'qrnn, narrow': { cell: () => cells.qrnn({ units: 4, window: 1, pooling: 'f' }), paper: papers.qrnn(1, 'f') },
  coRNN: {
    cell: () => cells.coRNN({ units: 4, timeStep: 0.2, frequency: 1.5, damping: 2 }),
    paper: papers.coRNN(0.2, 1.5, 2),
  },
  lru: { cell: () => cells.lru({ units: 4, stateSize: 5, minRadius: 0.5 }), paper: papers.lru },
  s4d: { cell: () => cells.s4d({ units: 4, stateSize: 8 }), paper: papers.s4d },
  's4d, inverse': { cell: () => cells.s4d({ units: 3, stateSize: 16, start: 'inv' }), paper: papers.s4d },
  s5: { cell: () => cells.s5({ units: 4, stateSize: 16, blocks: 2 }), paper: papers.s5 },
  mamba: { cell: () => cells.mamba({ units: 4, stateSize: 3 }), paper: papers.mamba },
  rwkv: { cell: () => cells.rwkv({ units: 4 }), paper: papers.rwkv },
  sLSTM: { cell: () => cells.sLSTM({ units: 4 }), paper: papers.sLSTM('sigmoid') },
  'sLSTM, heads': {
    cell: () => cells.sLSTM({ units: 4, heads: 2, forgetGate: 'exponential' }),
    paper: papers.sLSTM('exponential'),
  },
  mLSTM: { cell: () => cells.mLSTM({ units: 4 }), paper: papers.mLSTM(1, 'sigmoid') },
  'mLSTM, heads': {
    cell: () => cells.mLSTM({ units: 6, heads: 2, forgetGate: 'exponential' }),
    paper: papers.mLSTM(2, 'exponential'),
  },
  gatedDeltaNet: { cell: () => cells.gatedDeltaNet({ units: 4 }), paper: papers.gatedDeltaNet(1) },
  'gatedDeltaNet, heads': {
    cell: () => cells.gatedDeltaNet({ units: 6, heads: 2, keySize: 4 }),
    paper: papers.gatedDeltaNet(2),
  },
  cfc: { cell: () => cells.cfc({ units: 4, backboneUnits: 5 }), paper: papers.cfc(1), more: [deltas] },
  'cfc, deep': {
    cell: () => cells.cfc({ units: 4, backboneUnits: 5, backboneLayers: 3 }),
    paper: papers.cfc(3),
    more: [deltas],
  },
  gruD: { cell: () => cells.gruD({ units: 4 }), paper: papers.gruD, more: [present, deltas] },
}

const [rows, steps] = [2, 7]
const wave = (i: number) => Math.sin(1.7 * i + 0.3) + 0.4 * Math.cos(0.9 * i * i)

/** A case with a model of its cell and values of all weights and inputs, none of which is zero. */
function prepare({ cell, paper, features = 3, more = [] }: Case, returnState = false) {
  const widths = [features, ...more.map((make) => make(0, 0).length)]
  const inputs = widths.map((width) => input({ shape: [null, width] }))
  const layer = layers.rnn({ cell: cell(), returnSequences: true, returnState, name: 'cell' } as never)
  // Where there are several inputs, the last one is the time between steps.
  const given = more.length > 0 ? { inputs: inputs.slice(0, -1), deltas: inputs.at(-1) as (typeof inputs)[0] } : inputs
  const m = model({ inputs, outputs: layer.apply(given) as never, seed: 5 })
  const weights = Object.values(m.namedWeights()).map(({ data, shape }, at) => ({
    data: Float32Array.from(data, (value, i) => value + 0.25 * wave(i + 7 * at)),
    shape: [...shape],
  }))
  m.setWeights(weights)
  const values = widths.map((_, which) =>
    Array.from({ length: rows }, (_, row) =>
      Array.from({ length: steps }, (_, step) =>
        which > 0
          ? (more[which - 1] as NonNullable<typeof more>[number])(row, step)
          : Array.from({ length: features }, (_, i) => Math.fround(wave(i + features * (step + steps * row)))),
      ),
    ),
  )
  const names = Object.keys(m.namedWeights()).map((name) => name.slice('cell/'.length))
  /** The paper's outputs for these weights and inputs. */
  const expected = (given: readonly papers.Numbers[] = weights, from = values): number[] =>
    Array.from({ length: rows }, (_, row) => {
      const find = (name: string) => given[names.indexOf(name)] as papers.Numbers
      const [x, ...others] = from.map((each) => each[row] as number[][])
      return paper(find, x as number[][], ...others).flat(2)
    }).flat()
  const data = values.map((each) => tensor(each.flat(2), [rows, steps, each[0]?.[0]?.length as number]))
  return { m, weights, values, names, expected, data }
}

const lone = Object.entries(cases).filter(([, each]) => !each.more)

describe('cells give what the equations of their papers give', () => {
  it.each(Object.entries(cases))('%s', async (_, each) => {
    const { m, weights, values, names, expected, data } = prepare(each)
    const truth = expected()
    const cotangent = truth.map((_, i) => Math.fround(wave(i + 100)))
    const shape = [rows, steps, truth.length / rows / steps]
    const found = await m.gradients(data as never, { cotangents: tensor(cotangent, shape) })
    expectClose(found.outputs[0], { data: truth, shape }, outputBound, 'outputs')
    const loss = (all: number[]) => all.reduce((sum, value, i) => sum + value * (cotangent[i] as number), 0)
    /** The derivative of the paper's outputs by one number. */
    const slope = (numbers: { [at: number]: number }, i: number, run: () => number[]) => {
      const [kept, h] = [numbers[i] as number, 1e-5]
      numbers[i] = kept + h
      const above = loss(run())
      numbers[i] = kept - h
      const below = loss(run())
      numbers[i] = kept
      return (above - below) / (2 * h)
    }
    const doubles = weights.map(({ data: numbers, shape: of }) => ({ data: Float64Array.from(numbers), shape: of }))
    for (const [index, weight] of doubles.entries()) {
      const slopes = Array.from(weight.data, (_, i) => slope(weight.data, i, () => expected(doubles)))
      const actual = found.weights[`cell/${names[index]}`]
      expectClose(actual, { data: slopes, shape: weight.shape }, gradientBound, `gradient of ${names[index]}`)
    }
    const x = values[0] as number[][][]
    const slopes = x.flatMap((row) =>
      row.flatMap((step) => step.map((_, i) => slope(step, i, () => expected(doubles)))),
    )
    expectClose(
      found.inputs[0] as TensorLike as never,
      { data: slopes, shape: [...(data[0] as { shape: number[] }).shape] },
      gradientBound,
      'input',
    )
  })
})

describe('cells of today', () => {
  it.each(Object.entries(cases))('%s: padding changes nothing', async (_, each) => {
    const { m, values } = prepare(each)
    const ragged = values.map((all) => [all[0] as number[][], (all[1] as number[][]).slice(0, 3)])
    const lone = (all: readonly unknown[]) => (all.length === 1 ? all[0] : all) as never
    const both = await m.predict(lone(ragged))
    const alone = await m.predict(lone(ragged.map((all) => [all[1]])))
    const width = both.shape[2] as number
    const first = Array.from(both.data).slice(steps * width)
    expectClose(
      { data: first.slice(0, 3 * width), shape: [3 * width] },
      { data: alone.data, shape: [3 * width] },
      1e-6,
      'row',
    )
    expect(first.slice(3 * width).every((value) => value === 0)).toBe(true)
  })

  it.each(lone)('%s: step by step, and with given states, as a whole', async (_, each) => {
    const { m, data, values } = prepare(each)
    const whole = await m.predict(data as never)
    const width = whole.shape[2] as number
    using session = m.session({ batchSize: rows })
    for (let step = 0; step < steps; step++) {
      const now = session.step((values[0] as number[][][]).map((row) => row[step]) as never) as { data: Float32Array }
      const expected = Array.from({ length: rows }, (_, row) =>
        Array.from(whole.data).slice((row * steps + step) * width, (row * steps + step + 1) * width),
      ).flat()
      expectClose(
        { data: now.data, shape: [rows * width] },
        { data: expected, shape: [rows * width] },
        1e-5,
        `step ${step}`,
      )
    }
    const cut = prepare(each, true)
    const half = (from: number, to: number) => (values[0] as number[][][]).map((row) => row.slice(from, to))
    const [, ...states] = (await cut.m.predict(half(0, 4) as never)) as never as TensorLike[]
    const x = input({ shape: [null, each.features ?? 3] })
    const given = states.map(({ shape }) => input({ shape: shape.slice(1) as number[] }))
    const layer = layers.rnn({ cell: each.cell(), returnSequences: true, name: 'cell' })
    const continued = model({ inputs: [x, ...given], outputs: layer.apply(x, { initialState: given }) as never })
    continued.setWeights(cut.weights)
    const rest = await continued.predict([half(4, steps), ...states] as never)
    const expected = Array.from({ length: rows }, (_, row) =>
      Array.from(whole.data).slice((row * steps + 4) * width, (row + 1) * steps * width),
    ).flat()
    expectClose(
      { data: rest.data, shape: [expected.length] },
      { data: expected, shape: [expected.length] },
      1e-5,
      'rest',
    )
  })

  it.each(Object.entries(cases))('%s: is saved as its operations', async (_, each) => {
    const { m, data } = prepare(each)
    const again = await loadModel(await m.toBytes())
    expect(Array.from((await again.predict(data as never)).data)).toEqual(
      Array.from((await m.predict(data as never)).data),
    )
    // First values are drawn anew from what is saved.
    const fresh = await loadModel(await m.toBytes())
    expect(JSON.stringify(fresh)).toBe(JSON.stringify(m))
  })

  it.each(lone)('%s: learns in stacks and in both directions', async (_, each) => {
    const features = each.features ?? 3
    const x = input({ shape: [null, features] })
    const stack = layers.stackedRNNCells({ cells: [each.cell(), each.cell()], connections: 'highway' })
    const both = layers.bidirectional({ layer: layers.rnn({ cell: stack as never }) }).apply(x)
    const m = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(both as never), seed: 1 })
    m.compile({ optimizer: { kind: 'adam', learningRate: 0.01 } as never, loss: 'mse' })
    const data = Array.from({ length: 32 }, (_, row) =>
      Array.from({ length: 6 }, (_, step) => Array.from({ length: features }, (_, i) => wave(row * 50 + step * 7 + i))),
    )
    const target = data.map((row) => [(row[0]?.[0] as number) + (row[4]?.[1] as number)])
    const { history } = await m.fit(data as never, target, { epochs: 40, batchSize: 8 })
    expect(history.loss?.at(-1)).toBeLessThan(0.5 * (history.loss?.[0] as number))
  })

  it('refuse options that do not fit, by name', async () => {
    await expectCoded(() => cells.minGRU({} as never), 'ERR_OPTION', /cells\.minGRU: units is missing/)
    await expectCoded(() => cells.qrnn({ units: 3, window: 0 }), 'ERR_OPTION', /window must be an integer from 1/)
    await expectCoded(
      () => cells.lru({ units: 3, minRadius: 0.9, maxRadius: 0.5 }),
      'ERR_OPTION',
      /minRadius 0\.9 is above/,
    )
    await expectCoded(() => cells.s4d({ units: 3, stateSize: 5 }), 'ERR_OPTION', /stateSize must be an even number/)
    await expectCoded(
      () => cells.s5({ units: 3, stateSize: 6, blocks: 2 }),
      'ERR_OPTION',
      /no multiple of 2 · blocks, 4/,
    )
    await expectCoded(() => cells.sLSTM({ units: 5, heads: 2 }), 'ERR_OPTION', /units 5 is no multiple of heads 2/)
    await expectCoded(() => cells.mamba({ units: 3, minStep: 1 }), 'ERR_OPTION', /minStep 1 is above maxStep 0\.1/)
    await expectCoded(
      () =>
        layers
          .rnn({ cell: cells.sru({ units: 4, highway: 'identity' }), inputShape: [null, 3] })
          .apply(input({ shape: [null, 3] })),
      'ERR_SHAPE',
      /sru/,
    )
  })
})

it('gruD ignores what stands where a value is missing', async () => {
  const { m, data, values } = prepare(cases.gruD as Case)
  const holes = (values[0] as number[][][]).map((row, r) =>
    row.map((step, t) => step.map((value, i) => (values[1]?.[r]?.[t]?.[i] === 0 ? 1e30 : value))),
  )
  const expected = await m.predict(data as never)
  const found = await m.predict([tensor(holes.flat(2), [rows, steps, 3]), ...data.slice(1)] as never)
  expect(Array.from(found.data)).toEqual(Array.from(expected.data))
})

describe('extreme gates', () => {
  const run = (cell: Cell, scale: number) => {
    const x = input({ shape: [null, 2] })
    const m = model({ inputs: x, outputs: layers.rnn({ cell, returnSequences: true, name: 'cell' }).apply(x) as never })
    m.setWeights(
      Object.values(m.namedWeights()).map(({ data, shape }) =>
        tensor(
          Array.from(data, (v) => v * scale),
          [...shape],
        ),
      ),
    )
    return m.gradients(
      tensor(
        Array.from({ length: 80 }, (_, i) => 40 * wave(i)),
        [1, 40, 2],
      ),
      {
        cotangents: tensor(
          Array.from({ length: 160 }, (_, i) => wave(i)),
          [1, 40, 4],
        ),
      },
    )
  }
  it.each([
    ['sLSTM', () => cells.sLSTM({ units: 4 })],
    ['mLSTM', () => cells.mLSTM({ units: 4, heads: 2 })],
    ['rwkv', () => cells.rwkv({ units: 4 })],
  ] as const)('of %s overflow nowhere', async (_, make) => {
    for (const scale of [1, 5]) {
      const { outputs, weights } = await run(make(), scale)
      for (const { data } of [...outputs, ...Object.values(weights)]) {
        expect(Array.from(data as Float32Array).every(Number.isFinite)).toBe(true)
      }
    }
  })
})

describe('first values', () => {
  const weightsOf = (cell: Cell, features = 8, seed = 1) => {
    const x = input({ shape: [null, features] })
    const m = model({ inputs: x, outputs: layers.rnn({ cell, name: 'cell' }).apply(x) as never, seed })
    return Object.fromEntries(
      Object.entries(m.namedWeights()).map(([name, { data }]) => [name.slice(5), Array.from(data)]),
    ) as Record<string, number[]>
  }

  it('of an LRU lie on its ring', () => {
    const { ring = [] } = weightsOf(
      cells.lru({ units: 4, stateSize: 4000, minRadius: 0.8, maxRadius: 0.95, maxPhase: 1 }),
    )
    const [nu, theta, gamma] = [0, 1, 2].map((row) => ring.slice(4000 * row, 4000 * (row + 1))) as [
      number[],
      number[],
      number[],
    ]
    const radii = nu.map((value) => Math.exp(-Math.exp(value)))
    expect(Math.min(...radii)).toBeGreaterThan(0.7999)
    expect(Math.max(...radii)).toBeLessThan(0.9501)
    // Uniform by area.
    const squares = radii.map((r) => r * r)
    expect(squares.reduce((a, b) => a + b) / 4000).toBeCloseTo((0.8 ** 2 + 0.95 ** 2) / 2, 2)
    const angles = theta.map(Math.exp)
    expect(Math.max(...angles)).toBeLessThan(1)
    expect(angles.reduce((a, b) => a + b) / 4000).toBeCloseTo(0.5, 1)
    for (let n = 0; n < 4000; n += 37)
      expect(Math.exp(gamma[n] as number)).toBeCloseTo(Math.sqrt(1 - (squares[n] as number)), 4)
  })

  it('of state spaces are their papers’', () => {
    const s4d = weightsOf(cells.s4d({ units: 2, stateSize: 8 }))
    expect(s4d.frequency?.map((value) => Math.round((value / Math.PI) * 1e4) / 1e4)).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
    // For N = 4, the skew-symmetric part has the characteristic polynomial λ⁴ + 21.5 λ² + 6.5625.
    const s5 = weightsOf(cells.s5({ units: 2, stateSize: 8, blocks: 2 }))
    const four = [-1, 1].map((sign) => Math.sqrt((21.5 + sign * Math.sqrt(21.5 ** 2 - 4 * 6.5625)) / 2))
    expect(s5.eigenvalue_im?.map((value) => Math.round(value * 1e4) / 1e4)).toEqual(
      [...four, ...four].map((value) => Math.round(value * 1e4) / 1e4),
    )
    expect(s5.eigenvalue_re).toEqual([-0.5, -0.5, -0.5, -0.5])
  })

  it('of Mamba, of gated DeltaNet and of xLSTM are their papers’', () => {
    const { log_decay = [], time_bias = [] } = weightsOf(cells.mamba({ units: 400, stateSize: 3 }))
    expect(log_decay.slice(0, 6).map((value) => Math.round(Math.exp(value) * 1e4) / 1e4)).toEqual([1, 2, 3, 1, 2, 3])
    const steps = time_bias.map((value) => Math.log10(Math.log1p(Math.exp(value))))
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(-3.0001)
    expect(Math.max(...steps)).toBeLessThanOrEqual(-0.9999)
    expect(steps.reduce((a, b) => a + b) / 400).toBeCloseTo(-2, 0)
    const delta = weightsOf(cells.gatedDeltaNet({ units: 200, heads: 200 }))
    expect(Math.max(...(delta.log_decay ?? []))).toBeLessThan(Math.log(16))
    expect((delta.log_decay ?? []).map(Math.exp).reduce((a, b) => a + b) / 200).toBeCloseTo(8, -0.5)
    expect(weightsOf(cells.mLSTM({ units: 4, heads: 4 })).forget_bias).toEqual([3, 4, 5, 6])
    expect(weightsOf(cells.minLSTM({ units: 2, forgetBias: 2 })).bias).toEqual([2, 2, 0, 0, 0, 0])
    expect(weightsOf(cells.rwkv({ units: 3 }), 4).mix_k).toEqual([0, 0.25, 0.5, 0.75])
  })

  it('follow the seed and are those of one weight in all of its models', () => {
    const make = (seed: number) => weightsOf(cells.mamba({ units: 4 }), 3, seed)
    expect(make(1)).toEqual(make(1))
    expect(make(1).time_bias).not.toEqual(make(2).time_bias)
    const x = input({ shape: [null, 2] })
    const y = layers.rnn({ cell: cells.mamba({ units: 4 }), name: 'cell' }).apply(x) as never
    const one = model({ inputs: x, outputs: y, seed: 3 })
    const before = one.namedWeights()
    const other = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(y), seed: 9 })
    expect(other.namedWeights()['cell/time_bias']).toEqual(before['cell/time_bias'])
    expect(one.clone().namedWeights()).toEqual(before)
  })
})
