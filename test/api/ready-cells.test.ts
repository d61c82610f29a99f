import {
  type Cell,
  cells,
  input,
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

/** Every cell that reads a sequence, of any size. */
const ready: Record<string, (units: number) => Cell> = {
  simpleRNN: (units) => cells.simpleRNN({ units }),
  lstm: (units) => cells.lstm({ units }),
  gru: (units) => cells.gru({ units }),
  peepholeLSTM: (units) => cells.peepholeLSTM({ units }),
  layerNormLSTM: (units) => cells.layerNormLSTM({ units }),
  projectedLSTM: (units) => cells.projectedLSTM({ units: units + 1, projection: units }),
  minGRU: (units) => cells.minGRU({ units }),
  'minGRU, positive': (units) => cells.minGRU({ units, positive: true }),
  minLSTM: (units) => cells.minLSTM({ units }),
  indRNN: (units) => cells.indRNN({ units, steps: 4000 }),
  sru: (units) => cells.sru({ units }),
  'sru without state gates': (units) => cells.sru({ units, stateGates: false }),
  qrnn: (units) => cells.qrnn({ units }),
  'qrnn, wide': (units) => cells.qrnn({ units, window: 4, pooling: 'ifo' }),
  lru: (units) => cells.lru({ units }),
  s4d: (units) => cells.s4d({ units, stateSize: 4 }),
  s5: (units) => cells.s5({ units, stateSize: 4 }),
  sLSTM: (units) => cells.sLSTM({ units }),
  mLSTM: (units) => cells.mLSTM({ units }),
  mamba: (units) => cells.mamba({ units, stateSize: 3 }),
  rwkv: (units) => cells.rwkv({ units }),
  gatedDeltaNet: (units) => cells.gatedDeltaNet({ units }),
  coRNN: (units) => cells.coRNN({ units }),
  cfc: (units) => cells.cfc({ units, backboneUnits: 5 }),
  gruD: (units) => cells.gruD({ units }),
  zoneout: (units) => cells.zoneout({ cell: cells.gru({ units }), rate: 0.3 }),
}

const wave = (i: number) => Math.sin(1.7 * i + 0.3) + 0.4 * Math.cos(0.9 * i * i)

/** What a cell reads: values, which of them are there, and times. */
const inputsOf = (cell: Cell, features: number) =>
  cell.inputs.map((name) => ({ name, width: name === 'deltas' ? 1 : features }))

/** Made-up values of an input. */
function made({ name, width }: { name: string; width: number }, rows: number, steps: number, seed = 0) {
  const value = (i: number) =>
    name === 'deltas' ? 0.25 * (1 + (i % 5)) : name === 'present' ? Number(i % 3 > 0) : 0.7 * wave(i + seed)
  const at = (row: number, step: number) => (step + 4001 * row) * width
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: steps }, (_, step) => Array.from({ length: width }, (_, i) => value(at(row, step) + i))),
  )
}

interface Shape {
  readonly features?: number
  readonly units?: number
  readonly layer?: (cell: Cell, options: object) => { apply(inputs: never): unknown }
  readonly options?: object
}

const plain = (cell: Cell, options: object) => layers.rnn({ cell, returnSequences: true, ...options } as never)

/** A model of a cell, and made-up data for it by the names of its inputs. */
function build(make: (units: number) => Cell, { features = 3, units = 4, layer = plain, options = {} }: Shape = {}) {
  const cell = make(units)
  const widths = inputsOf(cell, features)
  const read = widths.map(({ name, width }) => input({ shape: [null, width], name }))
  const others = read.filter((_, at) => cell.inputs[at] !== 'deltas')
  const deltas = read[cell.inputs.indexOf('deltas')]
  const given = deltas ? { inputs: others, deltas } : others
  const outputs = layer(cell, options).apply(given as never) as SymbolicTensor
  const m = model({ inputs: read, outputs, seed: 3 }) as unknown as Model<Tensor>
  const data = (rows: number, steps: number, seed = 0) =>
    Object.fromEntries(widths.map((each) => [each.name, made(each, rows, steps, seed)]))
  return { m, cell, data }
}

type Values = Readonly<Record<string, number[][][]>>

const cut = (data: Values, part: (row: number[][], at: number) => number[][]): Values =>
  Object.fromEntries(Object.entries(data).map(([name, rows]) => [name, rows.map(part)]))

const predict = async (m: Model<Tensor>, data: Values) => (await m.predict(data as never)).array() as number[][][]

function expectNear(got: unknown, right: unknown, bound = 2e-5, what = '') {
  const [found, wanted] = [got, right].map((all) => [all].flat(5) as number[]) as [number[], number[]]
  expect(found).toHaveLength(wanted.length)
  const scale = Math.max(1, ...wanted.map(Math.abs))
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - (wanted[i] as number))), 0)
  expect(worst, what).toBeLessThanOrEqual(bound * scale)
}

const bidirectional = (cell: Cell, options: object) => layers.bidirectional({ layer: plain(cell, options) as never })

describe.each(Object.entries(ready))('cells.%s', (name, make) => {
  it.each([
    [1, 1],
    [3, 1],
    [1, 17],
    [17, 3],
  ])('has the gradients of %i features and %i units that differences tell', async (features, units) => {
    // Differences across the kink of its rectifier say nothing.
    if (name === 'indRNN') return
    const { m, data } = build(make, { features, units })
    const weights = m.getWeights().map(({ data: values, shape }, at) => ({
      data: Float32Array.from(values, (value, i) => value + 0.1 * wave(i + 3 * at)),
      shape,
    }))
    m.setWeights(weights)
    const x = data(2, 3)
    const y = await m.predict(x as never)
    const cotangent = Float32Array.from(y.data, (_, i) => wave(i + 50))
    const found = await m.gradients(x as never, { cotangents: tensor(cotangent, [...y.shape]) })
    const slopes = Object.values(found.weights)
    const direction = weights.map((weight, at) => Float32Array.from(weight.data, (_, i) => wave(2 * i + at + 9)))
    const along = slopes.reduce(
      (sum, { data: slope }, at) =>
        sum + slope.reduce((part, value, i) => part + value * (direction[at]?.[i] as number), 0),
      0,
    )
    const step = 1e-3
    const loss = async (by: number) => {
      m.setWeights(
        weights.map(({ data: values, shape }, at) => ({
          data: Float32Array.from(values, (value, i) => value + by * (direction[at]?.[i] as number)),
          shape,
        })),
      )
      const out = await m.predict(x as never)
      return out.data.reduce((sum: number, value: number, i: number) => sum + value * (cotangent[i] as number), 0)
    }
    const numeric = ((await loss(step)) - (await loss(-step))) / (2 * step)
    const size = Math.max(1, ...slopes.map(({ data: slope }) => Math.hypot(...slope)))
    expect(Math.abs(along - numeric)).toBeLessThan(0.02 * size)
  })

  it('reads ragged rows, rows of one step and batches of one as it reads them alone', async () => {
    for (const layer of [plain, bidirectional]) {
      const { m, data } = build(make, { layer })
      const whole = data(3, 7)
      const ragged = cut(whole, (row, at) => row.slice(0, [7, 1, 4][at]))
      const together = await predict(m, ragged)
      for (const [row, steps] of [7, 1, 4].entries()) {
        const alone = await predict(
          m,
          Object.fromEntries(Object.entries(ragged).map(([key, all]) => [key, [all[row] as number[][]]])),
        )
        expectNear((together[row] as number[][]).slice(0, steps), alone, 1e-6, `row ${row}`)
      }
    }
  })

  it('leaves masked steps out, in both directions', async () => {
    const { cell, data } = build(make)
    if (cell.inputs.length > 1) return
    const masked = (inner: ReturnType<typeof bidirectional>, mask: boolean) =>
      sequential(
        [
          ...(mask
            ? [layers.masking({ maskValue: 9, inputShape: [null, 3] })]
            : [layers.activation({ activation: 'linear', inputShape: [null, 3] })]),
          inner as never,
        ],
        { seed: 3 },
      )
    const [holes, none] = [masked(bidirectional(make(4), {}), true), masked(bidirectional(make(4), {}), false)]
    none.setWeights(holes.getWeights())
    const [row] = data(1, 6)[cell.inputs[0] as string] as number[][][]
    const given = (row as number[][]).map((step, at) => (at === 1 || at === 4 ? [9, 9, 9] : step))
    const got = ((await holes.predict([given])) as Tensor).array() as number[][][]
    const right = (
      (await none.predict([given.filter((_, at) => at !== 1 && at !== 4)])) as Tensor
    ).array() as number[][][]
    expectNear(
      got[0]?.filter((_, at) => at !== 1 && at !== 4),
      right[0],
      1e-6,
    )
    expectNear([got[0]?.[1], got[0]?.[4]], Array(2 * (got[0]?.[1]?.length as number)).fill(0))
  })

  it('goes on step by step, from batch to batch and in stacks as over the whole', async () => {
    const shapes: Shape[] = [{}, { options: { stateful: true } }]
    if (inputsOf(make(4), 3).length === 1 || make(4).inputs.includes('deltas')) {
      if (!make(4).inputs.includes('present')) {
        shapes.push({
          layer: (cell, options) => plain(layers.stackedRNNCells({ cells: [cell, make(4)] }) as Cell, options),
        })
      }
    }
    for (const shape of shapes) {
      const { m, data } = build(make, shape)
      const x = data(2, 9)
      if ('stateful' in (shape.options ?? {})) {
        const eight = cut(x, (row) => row.slice(0, 8))
        const whole = await predict(build(make).m, eight)
        // The second batch goes on where the first one ended.
        const halves = Object.fromEntries(
          Object.entries(eight).map(([key, rows]) => [
            key,
            [...rows.map((row) => row.slice(0, 4)), ...rows.map((row) => row.slice(4))],
          ]),
        )
        const parts = ((await m.predict(halves as never, { batchSize: 2 })) as Tensor).array() as number[][][]
        expectNear(
          [0, 1].map((row) => [...(parts[row] as number[][]), ...(parts[row + 2] as number[][])]),
          whole,
          1e-5,
        )
        continue
      }
      const whole = await predict(m, x)
      using session = m.session({ batchSize: 2 })
      for (let step = 0; step < 9; step++) {
        const now = Object.fromEntries(Object.entries(x).map(([key, rows]) => [key, rows.map((row) => row[step])]))
        const given = Object.keys(now).length === 1 ? Object.values(now)[0] : now
        expectNear(
          (session.step(given as never) as Tensor).array(),
          whole.map((row) => row[step]),
          1e-5,
          `step ${step}`,
        )
      }
      const last = await predict(m, x)
      expectNear(last, whole, 0)
    }
  })

  it('stays finite over 4,000 steps, forwards and backwards, and gives the same step by step', async () => {
    const { m, data } = build(make)
    const x = data(1, 4000)
    const y = await m.predict(x as never)
    expect(y.data.every(Number.isFinite)).toBe(true)
    const cotangents = tensor(new Float32Array(y.data.length).fill(1e-3), [...y.shape])
    const { weights } = await m.gradients(x as never, { cotangents })
    expect(Object.values(weights).every(({ data: slope }) => slope.every(Number.isFinite))).toBe(true)
    const whole = y.array() as number[][][]
    using session = m.session({ batchSize: 1 })
    for (let step = 0; step < 4000; step++) {
      const now = Object.fromEntries(Object.entries(x).map(([key, rows]) => [key, rows.map((row) => row[step])]))
      const found = session.step((Object.keys(now).length === 1 ? Object.values(now)[0] : now) as never) as Tensor
      if (step % 800 === 799) expectNear(found.array(), [whole[0]?.[step]], 1e-3, `step ${step}`)
    }
  })

  it('trains, is saved and loaded, and has int8 weights', async () => {
    for (const layer of [plain, bidirectional]) {
      const { m, data } = build(make, { layer, units: 8, features: 8 })
      const x = data(6, 5)
      const [y] = Object.values(data(6, 5, 77)) as [number[][][]]
      const width = m.outputs[0]?.shape.at(-1) as number
      const targets = y.map((row) =>
        row.map((step) => Array.from({ length: width }, (_, i) => 0.3 * Math.tanh(step[i % step.length] as number))),
      )
      m.compile({ loss: 'meanSquaredError', optimizer: 'adam' })
      const { history } = await m.fit(x as never, targets as never, { epochs: 15, batchSize: 2 })
      expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
      const expected = await predict(m, x)
      const again = (await loadModel(await m.toBytes())) as Model<Tensor>
      expect(await predict(again, x)).toEqual(expected)
      const small = m.quantize() as Model<Tensor>
      expectNear(await predict(small, x), expected, 0.15)
      m.compile({ loss: 'meanSquaredError', optimizer: 'adam', precision: 'bfloat16' } as never)
      const rough = await m.fit(x as never, targets as never, { epochs: 2, batchSize: 2 })
      expect(
        rough.history.loss?.every((loss) => Number.isFinite(loss) && loss < 2 * (history.loss?.[0] as number)),
      ).toBe(true)
    }
  })

  it('writes tokens', async () => {
    const cell = make(6)
    if (cell.inputs.length > 1) return
    const writer = sequential(
      [
        layers.embedding({ inputDim: 7, outputDim: 4 }),
        plain(cell, {}) as never,
        layers.dense({ units: 7, activation: 'softmax' }),
      ],
      { seed: 1 },
    )
    const write = async () => {
      const tokens: number[] = []
      for await (const token of writer.generate(Int32Array.of(1, 2, 3), {
        maxTokens: 12,
        seed: 4,
      }) as AsyncIterable<number>)
        tokens.push(token)
      return tokens
    }
    const first = await write()
    expect(first).toHaveLength(12)
    expect(await write()).toEqual(first)
  })
})
