import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initializers, input, interop, layers, loadModel, model, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { relativeError } from '../helpers/compare.js'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'
import { readTorchFile, torchFile } from '../helpers/torchFile.js'

const alpha = [0.5, -1, 2]

/** He et al.'s equation 1, each slope for a feature. */
const expected = (x: ArrayLike<number>): number[] =>
  Array.from(x, (value, at) => (value > 0 ? value : value * (alpha[at % 3] as number)))

const made = (inputShape: readonly (number | null)[], sharedAxes: readonly number[] | null = null) =>
  sequential([
    layers.prelu({
      inputShape,
      sharedAxes,
      weights: [tensor(Float32Array.from(alpha), [...inputShape.slice(0, -1).map(() => 1), 3])],
    }),
  ])

describe('layers.prelu', () => {
  it.each([
    [[3], null],
    [[4, 3], [1]],
    [[null, 3], [1]],
    [
      [2, null, 3],
      [2, 1],
    ],
  ])('multiplies what is below 0 by a slope: %j, shared along %j', async (shape, shared) => {
    const dims = [5, ...shape.map((size) => size ?? 7)]
    const x = wave(dims.reduce((a, b) => a * b))
    const y = await made(shape, shared).predict(tensor(x, dims))
    expect(y.shape).toEqual(dims)
    expect(relativeError(y.data, expected(x))).toBeLessThan(1e-7)
  })

  it('has a slope for each place of an input, and one for all where all dimensions share it', () => {
    const shapes = (options: object) =>
      sequential([layers.prelu({ inputShape: [4, 3], ...options })])
        .getWeights()
        .map(({ shape, data }) => [shape, data[0]])
    expect(shapes({})).toEqual([[[4, 3], 0]])
    expect(shapes({ sharedAxes: 2, alphaInitializer: initializers.constant({ value: 0.25 }) })).toEqual([
      [[4, 1], 0.25],
    ])
    expect(shapes({ sharedAxes: [1, 2], alphaInitializer: 'ones' })).toEqual([[[1, 1], 1]])
  })

  it('has the gradient of its equation, of which the slope at 0 is 0', async () => {
    const x = wave(15)
    const cotangents = wave(15, 0.7)
    const m = made([3])
    const { inputs, weights } = await m.gradients(tensor(x, [5, 3]), { cotangents: tensor(cotangents, [5, 3]) })
    const byInput = Array.from(
      x,
      (value, at) => (cotangents[at] as number) * (value > 0 ? 1 : (alpha[at % 3] as number)),
    )
    expect(relativeError([inputs].flat()[0]?.data ?? [], byInput)).toBeLessThan(1e-6)
    const bySlope = alpha.map((_, of) =>
      Array.from(x).reduce(
        (sum, v, at) => (at % 3 === of ? sum + Math.min(v, 0) * (cotangents[at] as number) : sum),
        0,
      ),
    )
    expect(relativeError(Object.values(weights)[0]?.data ?? [], bySlope)).toBeLessThan(1e-6)
    const zeros = await m.gradients(tensor(new Float32Array(3), [1, 3]), {
      cotangents: tensor(new Float32Array(3).fill(1), [1, 3]),
    })
    expect([...([zeros.inputs].flat()[0]?.data ?? [])].map(Math.abs)).toEqual([0, 0, 0])
  })

  it('learns slopes, is saved, streams, and obeys rules', async () => {
    const x = input({ shape: [null, 3], name: 'x' })
    const first = layers.prelu({ sharedAxes: [1], alphaRegularizer: 'l2', alphaConstraint: 'nonNeg', name: 'slopes' })
    const h = layers.gru({ units: 4, returnSequences: true }).apply(first.apply(x))
    const m = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(h), seed: 3 })
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const data = tensor(wave(4 * 6 * 3), [4, 6, 3])
    await m.fit(data, tensor(wave(24), [4, 6, 1]), { epochs: 4 })
    const slopes = first.getWeights()[0]?.data ?? []
    expect(slopes.some((value: number) => value > 0)).toBe(true)
    expect(slopes.every((value: number) => value >= 0)).toBe(true)
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-'))
    await m.save(folder)
    const back = await loadModel(folder)
    const y = await m.predict(data)
    expect((await back.predict(data)).data).toEqual(y.data)
    const session = m.session({ batchSize: 4 })
    for (let step = 0; step < 6; step++) {
      const one = tensor(
        Float32Array.from(
          { length: 12 },
          (_, at) => data.data[Math.floor(at / 3) * 18 + step * 3 + (at % 3)] as number,
        ),
        [4, 3],
      )
      const { data: found } = session.step(one)
      for (let row = 0; row < 4; row++) expect(found[row]).toBeCloseTo(y.data[row * 6 + step] as number, 6)
    }
  })

  it('shares no more in timeDistributed than it says', async () => {
    const inner = layers.prelu({ weights: [alpha] })
    const m = sequential([layers.timeDistributed({ layer: inner, inputShape: [4, 3] })])
    const x = wave(24)
    expect(relativeError((await m.predict(tensor(x, [2, 4, 3]))).data, expected(x))).toBeLessThan(1e-7)
    const one = layers.prelu({ weights: [[0.5]], sharedAxes: [1] })
    const shared = sequential([layers.timeDistributed({ layer: one, inputShape: [4, 3] })])
    const y = await shared.predict(tensor(x, [2, 4, 3]))
    expect(
      relativeError(
        y.data,
        Array.from(x, (v) => (v > 0 ? v : v / 2)),
      ),
    ).toBeLessThan(1e-7)
  })

  it('says what is wrong', async () => {
    for (const sharedAxes of [0, -1, [1, 0], 'time', [1.5]]) {
      await expectCoded(() => layers.prelu({ sharedAxes: sharedAxes as never }), 'ERR_OPTION', /sharedAxes/)
    }
    await expectCoded(
      () => sequential([layers.prelu({ inputShape: [null, 3] })]),
      'ERR_SHAPE',
      /size of dimension 1 of \[null, null, 3\].*sharedAxes: \[1\]/,
    )
    await expectCoded(
      () => sequential([layers.prelu({ inputShape: [3], sharedAxes: 2 })]),
      'ERR_SHAPE',
      /no dimension 2/,
    )
  })
})

describe('nn.PReLU of PyTorch', () => {
  const of = (...shape: number[]) => ({ shape, data: wave(shape.reduce((a, b) => a * b, 1)) })

  it('comes into a model and goes out again without losing a bit', async () => {
    const m = sequential([
      layers.conv1d({ filters: 4, kernelSize: 2, inputShape: [6, 3], name: 'conv' }),
      layers.prelu({ sharedAxes: [1], name: 'act' }),
      layers.prelu({ sharedAxes: [1, 2], name: 'last' }),
    ])
    const file = { 'conv.weight': of(4, 3, 2), 'conv.bias': of(4), 'act.weight': of(4), 'last.weight': of(1) }
    const { mapping } = await interop.loadPyTorch(torchFile(file), { model: m })
    expect(mapping).toEqual({ conv: 'conv', act: 'act', last: 'last' })
    const path = join(await mkdtemp(join(tmpdir(), 'seqloom-')), 'back.safetensors')
    await interop.toPyTorch(m, path, { mapping })
    const back = readTorchFile(await readFile(path))
    for (const [name, { data, shape }] of Object.entries(file)) {
      expect(back[name]).toMatchObject({ shape })
      expect([...(back[name]?.data ?? [])]).toEqual([...data])
    }
  })

  it('is made where modules follow each other, as the activation of the module before it', async () => {
    const file = {
      '0.weight': of(4, 3),
      '0.bias': of(4),
      '1.weight': { shape: [1], data: [0.25] },
      '2.weight': of(2, 4),
      '2.bias': of(2),
    }
    const { model: m } = await interop.loadPyTorch(torchFile(file as never), { order: ['0', '1', '2'] })
    expect(m.layers.map(({ className }) => className)).toEqual(['InputLayer', 'Dense', 'PReLU', 'Dense'])
    const [a, b, slope, c, d] = Object.values(file).map(({ data }) => [...data]) as [
      number[],
      number[],
      number[],
      number[],
      number[],
    ]
    const x = [0.3, -0.7, 1.1]
    const row = (weight: number[], bias: number[], from: number[]) =>
      bias.map((start, at) =>
        from.reduce((sum, value, k) => sum + value * (weight[at * from.length + k] as number), start),
      )
    const h = row(a, b, x).map((value) => (value > 0 ? value : value * (slope[0] as number)))
    const y = await m.predict([x])
    for (const [at, value] of row(c as number[], d as number[], h).entries()) expect(y.data[at]).toBeCloseTo(value, 5)
  })

  it('has one slope for each channel at most', async () => {
    const m = sequential([layers.prelu({ inputShape: [4, 3] })])
    await expect(interop.toPyTorch(m, 'nowhere.safetensors')).rejects.toMatchObject(
      coded('ERR_UNSUPPORTED', /share \[4, 3\] along the other dimensions by sharedAxes/),
    )
  })
})
