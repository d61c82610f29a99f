import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { input, interop, layers, loadModel, model, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

const features = 5
const scale = [0.5, -1, 2, 1.5, 3]
const epsilon = 0.1

/** Zhang and Sennrich's equation 4, in double precision. */
function expected(x: ArrayLike<number>): number[] {
  const rows = Array.from({ length: x.length / features }, (_, row) =>
    Array.from(x).slice(row * features, (row + 1) * features),
  )
  return rows.flatMap((row) => {
    const root = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / features + epsilon)
    return row.map((value, at) => (value / root) * (scale[at] as number))
  })
}

const made = (inputShape: readonly (number | null)[]) =>
  sequential([layers.rootMeanSquareNormalization({ epsilon, inputShape, weights: [scale] })])

describe('root mean square normalization', () => {
  it.each([[[features]], [[4, features]], [[null, features]], [[2, 3, features]]])(
    'divides by the root mean square of the last dimension: %j',
    async (shape) => {
      const dims = [6, ...shape.map((size) => size ?? 7)]
      const x = wave(dims.reduce((a, b) => a * b)).map((value, at) => value * (1 + (at % 9)))
      const y = await made(shape).predict(tensor(x, dims))
      expect(y.shape).toEqual(dims)
      expect(relativeError(y.data, expected(x))).toBeLessThan(1e-6)
    },
  )

  it('is right where squares are no float32', async () => {
    const x = wave(2 * features)
    const large = x.map((value) => value * 1e25)
    const m = sequential([layers.rootMeanSquareNormalization({ inputShape: [features] })])
    const [y, same] = [await m.predict(tensor(large, [2, features])), await m.predict(tensor(x, [2, features]))]
    expect(relativeError(y.data, same.data)).toBeLessThan(1e-4)
    expect(m.predictSync(tensor(new Float32Array(features), [1, features])).data).toEqual(new Float32Array(features))
  })

  it('has the gradient of its equation', async () => {
    const x = wave(3 * features).map((value) => value * 4)
    const cotangents = wave(3 * features, 0.7)
    const m = made([features])
    const { inputs, weights } = await m.gradients(tensor(x, [3, features]), {
      cotangents: tensor(cotangents, [3, features]),
    })
    const loss = (values: readonly number[]) =>
      expected(values).reduce((sum, value, at) => sum + value * (cotangents[at] as number), 0)
    const numeric = Array.from(x, (_, at) => {
      const moved = (by: number) => loss(Array.from(x, (value, index) => (index === at ? value + by : value)))
      return (moved(1e-5) - moved(-1e-5)) / 2e-5
    })
    expect(relativeError((Array.isArray(inputs) ? inputs[0] : inputs)?.data ?? [], numeric)).toBeLessThan(1e-5)
    const byScale = scale.map((factor, at) =>
      expected(x).reduce(
        (sum, value, i) => (i % features === at ? sum + (value / factor) * (cotangents[i] as number) : sum),
        0,
      ),
    )
    expect(relativeError(Object.values(weights)[0]?.data ?? [], byScale)).toBeLessThan(1e-5)
  })

  it('is saved, trains, streams and goes into timeDistributed', async () => {
    const x = input({ shape: [null, 3], name: 'x' })
    const h = layers.gru({ units: features, returnSequences: true }).apply(x)
    const normal = layers.rootMeanSquareNormalization({ name: 'normal' }).apply(h)
    const again = layers.timeDistributed({ layer: layers.rootMeanSquareNormalization() }).apply(normal)
    const m = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(again), seed: 3 })
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const data = tensor(wave(4 * 6 * 3), [4, 6, 3])
    await m.fit(data, tensor(wave(24), [4, 6, 1]), { epochs: 3 })
    expect(m.namedWeights()['normal/scale']?.data).not.toEqual(new Float32Array(features).fill(1))
    const loaded = await loadModel(await m.toBytes())
    const y = (await m.predict(data)).data
    expect((await loaded.predict(data)).data).toEqual(y)
    expect(loaded.getLayer('normal').className).toBe('RMSNormalization')
    const session = m.session({ batchSize: 1 })
    const steps = Array.from({ length: 6 }, (_, step) => session.step(data.data.slice(step * 3, step * 3 + 3)).data[0])
    expect(relativeError(steps as number[], y.slice(0, 6))).toBeLessThan(1e-5)
  })
})

describe('layers.normalization', () => {
  const data = [
    [
      [0, 7, 4],
      [2, 9, 6],
    ],
    [
      [0, 7, 4],
      [2, 9, 6],
    ],
  ]
  const one = tensor([1, 2, 3], [1, 1, 3])

  it('has mean 0 and variance 1 for what it was adapted to, before and after it is in a model', () => {
    const layer = layers.normalization({ inputShape: [null, 3] })
    layer.adapt(data)
    const m = sequential([layer])
    // The example of Keras's documentation.
    expect([...m.predictSync(one).data]).toEqual([0, -6, -2])
    expect(layer.getWeights().map((each) => [...each.data])).toEqual([[1, 8, 5], [1, 1, 1], [4]])
    layer.adapt(tensor([0, 0, 0, 4, 4, 4], [2, 1, 3]))
    expect([...m.predictSync(one).data]).toEqual([-0.5, 0, 0.5])
    expect(m.countParams()).toBe(7)
    expect(m.summary()).toContain('Trainable params: 0')
  })

  it('does the opposite with invert', () => {
    const layer = layers.normalization({ invert: true, inputShape: [3] })
    layer.adapt(tensor([0, 7, 4, 2, 9, 6], [2, 3]))
    expect([...sequential([layer]).predictSync(tensor([1, 2, 3], [1, 3])).data]).toEqual([2, 10, 8])
  })

  it('takes a mean and a variance, for everything or for each place', async () => {
    const scalar = sequential([layers.normalization({ mean: 3, variance: 4, inputShape: [3] })])
    expect([...scalar.predictSync(tensor([1, 3, 5], [1, 3])).data]).toEqual([-1, 0, 1])
    const each = sequential([layers.normalization({ mean: [1, 2, 3], variance: [1, 4, 0], inputShape: [null, 3] })])
    expect([...each.predictSync(tensor([2, 6, 3], [1, 1, 3])).data]).toEqual([1, 2, 0])
    await expectCoded(() => layers.normalization({ mean: 3 }), 'ERR_OPTION', /together/)
    await expectCoded(
      () => layers.normalization({ mean: [1, 2], variance: [1] }),
      'ERR_OPTION',
      /2 means and 1 variances/,
    )
    await expectCoded(() => layers.normalization({ mean: 1, variance: -1 }), 'ERR_OPTION', /variance/)
    const wrong = layers.normalization({ mean: [1, 2], variance: [1, 1], inputShape: [3] })
    await expectCoded(() => sequential([wrong]), 'ERR_SHAPE', /2 means were given for 3 places/)
    const given = layers.normalization({ mean: 1, variance: 1 })
    await expectCoded(() => given.adapt([[1]]), 'ERR_STATE', /given as options/)
  })

  it('leaves out what is padded or masked, and takes batches of an iterable', () => {
    const means = (adapted: unknown) => {
      const layer = layers.normalization({ inputShape: [null, 1] })
      layer.adapt(adapted as never)
      sequential([layer])
      const weights = sequential([layer]).getWeights()
      return weights.slice(0, 2).map((weight) => weight.data[0] as number)
    }
    const expected = [3, 3.5]
    const values = [1, 2, 3, 6]
    for (const given of [
      [[[1], [2], [3]], [[6]]],
      tensor([1, 2, 3, 6, 99, 99], [2, 3, 1], { lengths: [3, 1] }),
      tensor([1, 99, 2, 3, 99, 6], [2, 3, 1], {
        mask: [
          [true, false, true],
          [true, false, true],
        ],
      }),
      new Set(values.map((value) => [[[value]]])),
    ]) {
      expect(relativeError(means(given), expected), JSON.stringify(given)).toBeLessThan(1e-6)
    }
  })

  it.each([
    ['groupNormalization', { groups: 2 }],
    ['layerNormalization', {}],
    ['layerNormalization', { axis: [1, 2] }],
    ['batchNormalization', {}],
  ] as const)('%s %j works without offset, without factor and without both', (name, options) => {
    const make = (more: object) =>
      sequential([layers[name]({ inputShape: [2, 4], ...options, ...more } as never)]).predictSync([
        [
          [1, 2, 3, 4],
          [2, 3, 5, 9],
        ],
      ])
    const plain = make({})
    for (const more of [{ center: false }, { scale: false }, { center: false, scale: false }]) {
      expect([...make(more).data]).toEqual([...plain.data].map((value) => expect.closeTo(value, 5)))
    }
  })

  it('takes batches that come later, and nothing of them where one fails', async () => {
    const later = async function* (batches: readonly number[][]) {
      for (const batch of batches) {
        await null
        if (batch.length === 0) throw new Error('the line is dead')
        yield batch.map((value) => [value])
      }
    }
    const layer = layers.normalization({ inputShape: [1] })
    await layer.adapt(later([[1, 2], [3], [6]]))
    const m = sequential([layer])
    expect(m.predictSync([[3]]).data[0]).toBe(0)
    await expectCoded(() => layer.adapt(later([[100], []])), 'ERR_DATA', /the line is dead/)
    expect(m.predictSync([[3]]).data[0]).toBe(0)
    await expectCoded(() => layer.adapt(later([])), 'ERR_DATA', /no batches/)
  })

  it('keeps statistics of other dimensions, or of all', () => {
    const x = tensor([0, 2, 4, 6, 8, 10, 12, 14], [2, 2, 2])
    const weightsFor = (axis: number | number[] | null) => {
      const layer = layers.normalization({ axis, inputShape: [2, 2] } as never)
      layer.adapt(x)
      const m = sequential([layer])
      const y = m.predictSync(x).data
      return [layer.getWeights()[0]?.shape, [...(layer.getWeights()[0]?.data ?? [])], y[0]] as const
    }
    expect(weightsFor(1)).toEqual([[2], [5, 9], expect.closeTo(-5 / Math.sqrt(17), 5)])
    expect(weightsFor([1, 2])).toEqual([[2, 2], [4, 6, 8, 10], -1])
    expect(weightsFor(null)).toEqual([[1], [7], expect.closeTo(-7 / Math.sqrt(21), 5)])
  })

  it('is not trained, is saved, and goes to Keras and back', async () => {
    const build = (layer: ReturnType<typeof layers.normalization>) => {
      const m = sequential([layer, layers.gru({ units: 2 }), layers.dense({ units: 1 })], { seed: 1 })
      m.compile({ optimizer: 'adam', loss: 'mse' })
      return m
    }
    const adapted = layers.normalization({ inputShape: [null, 3] })
    adapted.adapt(data)
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-normalization-'))
    const m = build(adapted)
    const before = adapted.getWeights()
    await m.fit(data, [1, 2], { epochs: 2 })
    expect(adapted.getWeights()).toEqual(before)
    for (const options of [
      undefined,
      { mean: [1, 2, 3], variance: [4, 1, 4] },
      { mean: 2, variance: 4, invert: true },
    ]) {
      const layer = layers.normalization({ ...options, inputShape: [null, 3] })
      if (!options) layer.adapt(data)
      const built = build(layer)
      const y = built.predictSync(data).data
      expect(built.clone().predictSync(data).data).toEqual(y)
      expect((await loadModel(await built.toBytes())).predictSync(data).data).toEqual(y)
      for (const name of ['m.keras', 'm.h5']) {
        await interop.toKeras(built, join(folder, name))
        const back = await interop.loadKeras(join(folder, name))
        expect(back.predictSync(data).data).toEqual(y)
      }
    }
  })

  it('refuses data that do not fit', async () => {
    const layer = layers.normalization({ inputShape: [null, 3] })
    await expectCoded(() => layer.adapt([[[1, 2]]]), ['ERR_SHAPE', 'ERR_DATA'], /adapt/)
    await expectCoded(() => layer.adapt([]), 'ERR_DATA', /no rows/)
    await expectCoded(() => layer.adapt(new Set<number[][]>()), 'ERR_DATA', /no batches/)
    await expectCoded(() => layers.normalization().apply(input({ shape: [3, null] })), 'ERR_SHAPE', /must be known/)
  })
})

describe('layers.groupNormalization', () => {
  it('leaves out masked steps, however far a row is padded', async () => {
    const m = sequential([layers.groupNormalization({ groups: 2, inputShape: [null, 4] })])
    const values = wave(2 * 3 * 4).map((value) => value * 3 + 1)
    const plain = m.predictSync(tensor(values, [2, 3, 4])).data
    const padded = new Float32Array(2 * 5 * 4).fill(1e6)
    for (const row of [0, 1]) padded.set(values.subarray(row * 12, row * 12 + 12), row * 20)
    const y = m.predictSync(tensor(padded, [2, 5, 4], { lengths: [3, 3] })).data
    for (const row of [0, 1]) {
      expect(relativeError(y.subarray(row * 20, row * 20 + 12), plain.subarray(row * 12, row * 12 + 12))).toBeLessThan(
        1e-6,
      )
    }
    for (const channels of [0, 2]) {
      const group = [...plain.subarray(0, 12)].filter((_, at) => Math.floor((at % 4) / 2) === channels / 2)
      expect(Math.abs(group.reduce((sum, value) => sum + value) / 6)).toBeLessThan(1e-5)
      expect(group.reduce((sum, value) => sum + value * value, 0) / 6).toBeCloseTo(1, 2)
    }
  })

  it('is right where squares are no float32', () => {
    const x = wave(12)
    for (const make of [
      () => layers.groupNormalization({ groups: 2, inputShape: [3, 4] }),
      () => layers.layerNormalization({ axis: [1, 2], inputShape: [3, 4] }),
      () => layers.unitNormalization({ axis: [1, 2], inputShape: [3, 4] }),
    ]) {
      const m = sequential([make() as never])
      const [small, large] = [1e3, 1e25].map((by) =>
        m.predictSync(
          tensor(
            x.map((value) => value * by),
            [1, 3, 4],
          ),
        ),
      )
      expect(
        relativeError((large as { data: Float32Array }).data, (small as { data: Float32Array }).data),
      ).toBeLessThan(1e-4)
    }
  })

  it('refuses groups that do not divide the channels, and streams', async () => {
    await expectCoded(
      () => sequential([layers.groupNormalization({ groups: 3, inputShape: [4] })]),
      'ERR_SHAPE',
      /4 channels do not divide into 3 groups/,
    )
    const m = sequential([layers.groupNormalization({ groups: 2, inputShape: [null, 4] })])
    await expectCoded(() => m.session({ batchSize: 1 }), 'ERR_UNSUPPORTED')
  })
})
