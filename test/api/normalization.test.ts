import { input, layers, loadModel, model, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'
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
