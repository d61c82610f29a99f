import { interop, layers, loadModel, optimizers, type Sequential, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { normals } from '../helpers/normals.js'

const [rows, time, features] = [50, 10, 20]
const shape = [rows, time, features]
const filled = (value: number) => tensor(new Float32Array(rows * time * features).fill(value), shape)
const drawn = (count: number, seed: number) => {
  const normal = normals(seed)
  return Float32Array.from({ length: count }, normal)
}
const gauss = tensor(drawn(rows * time * features, 1), shape)
const sequence = { inputShape: [time, features] }

/** A model of one layer, whose loss is the mean square of what it gives less the target. */
function only(layer: unknown, seed = 1): Sequential {
  const m = sequential([layer as never], { seed })
  m.compile({ optimizer: 'sgd', loss: 'mse' })
  return m
}

const trained = async (m: Sequential, x: typeof gauss, target: typeof gauss) =>
  (await m.trainOnBatch(x, target))[0] as number

describe('noise in training', () => {
  it('is added with its standard deviation', async () => {
    const m = only(layers.gaussianNoise({ stddev: 0.5, ...sequence }))
    expect(await trained(m, filled(3), filled(3))).toBeCloseTo(0.25, 2)
    // The mean stays.
    expect(Math.sqrt(await trained(m, filled(3), filled(0)))).toBeCloseTo(Math.sqrt(9.25), 1)
    expect(await m.evaluate(filled(3), filled(3))).toEqual([0])
    expect(m.predictSync(gauss).data).toEqual(gauss.data)
    const large = only(layers.gaussianNoise({ stddev: 3, ...sequence }))
    expect((await trained(large, filled(1), filled(1))) / 9).toBeCloseTo(1, 1)
  })

  it('is multiplied with the standard deviation of a dropout', async () => {
    const m = only(layers.gaussianDropout({ rate: 0.2, ...sequence }))
    expect(await trained(m, filled(1), filled(1))).toBeCloseTo(0.25, 2)
    expect(await trained(m, filled(2), filled(2))).toBeCloseTo(1, 1)
    expect(m.predictSync(gauss).data).toEqual(gauss.data)
  })

  it('keeps mean and variance where alpha dropout makes elements saturated', async () => {
    const rate = 0.3
    const m = only(layers.alphaDropout({ rate, ...sequence }))
    expect(await trained(m, gauss, filled(0))).toBeCloseTo(1, 1)
    // As in Keras: a · x + b where an element is kept, a · saturation + b where not.
    const saturation = -1.0507009873554805 * 1.6732632423543772
    const a = ((1 - rate) * (1 + rate * saturation ** 2)) ** -0.5
    const b = -a * saturation * rate
    const expected = (1 - rate) * (2 * a + b) ** 2 + rate * (a * saturation + b) ** 2
    expect((await trained(m, filled(2), filled(0))) / expected).toBeCloseTo(1, 1)
    expect(m.predictSync(gauss).data).toEqual(gauss.data)
    expect(await m.evaluate(gauss, gauss)).toEqual([0])
  })

  it('drops whole features with spatialDropout1d, as dropout with a noiseShape does', async () => {
    const spatial = only(layers.spatialDropout1d({ rate: 0.4, ...sequence }))
    const dropout = only(layers.dropout({ rate: 0.4, noiseShape: [null, 1, null], ...sequence }))
    expect(await trained(spatial, gauss, filled(0))).toBe(await trained(dropout, gauss, filled(0)))
  })

  const makers = {
    gaussianNoise: (seed?: number) =>
      layers.gaussianNoise({ stddev: 0.5, ...sequence, ...(seed !== undefined && { seed }) }),
    gaussianDropout: (seed?: number) =>
      layers.gaussianDropout({ rate: 0.5, ...sequence, ...(seed !== undefined && { seed }) }),
    alphaDropout: (seed?: number) =>
      layers.alphaDropout({ rate: 0.5, ...sequence, ...(seed !== undefined && { seed }) }),
    spatialDropout1d: (seed?: number) =>
      layers.spatialDropout1d({ rate: 0.5, ...sequence, ...(seed !== undefined && { seed }) }),
  }
  it.each(Object.entries(makers))('is drawn anew at each step, and the same with one seed: %s', async (_, make) => {
    const losses = async (layer: unknown, seed: number) => {
      const m = only(layer, seed)
      return [await trained(m, gauss, filled(0)), await trained(m, gauss, filled(0))]
    }
    const [first, second] = await losses(make(), 1)
    expect(second).not.toBe(first)
    expect(await losses(make(), 1)).toEqual([first, second])
    expect(await losses(make(), 2)).not.toEqual([first, second])
    expect(await losses(make(5), 1)).toEqual(await losses(make(5), 2))
    expect(await losses(make(5), 1)).not.toEqual(await losses(make(6), 1))
  })

  it.each(Object.entries(makers))('is saved, and goes to Keras, TensorFlow.js and back: %s', async (_, make) => {
    const m = only(make(3))
    const again = await loadModel(await m.toBytes())
    const loss = await trained(m, gauss, filled(0))
    expect((await again.trainOnBatch(gauss, filled(0)))[0]).toBe(loss)
    const { className } = m.layers.at(-1) as (typeof m.layers)[number]
    const artifacts = await interop.toTfjs(m)
    const back = await interop.loadTfjs(artifacts)
    expect(back.layers.at(-1)?.className).toBe(className)
    expect({ ...back.layers.at(-1)?.getConfig(), seed: 3 }).toEqual(m.layers.at(-1)?.getConfig())
  })

  it('has a gradient', async () => {
    for (const layer of [
      layers.gaussianNoise({ stddev: 0.1 }),
      layers.gaussianDropout({ rate: 0.1 }),
      layers.alphaDropout({ rate: 0.1 }),
    ]) {
      const m = sequential([layers.dense({ units: 3, inputShape: [2] }), layer as never, layers.dense({ units: 1 })], {
        seed: 1,
      })
      m.compile({ optimizer: optimizers.adam({ learningRate: 0.03 }), loss: 'mse' })
      const x = tensor(drawn(200, 2), [100, 2])
      const y = Float32Array.from(
        { length: 100 },
        (_, row) => (x.data[2 * row] as number) - (x.data[2 * row + 1] as number),
      )
      const { history } = await m.fit(x, y, { epochs: 30, batchSize: 10 })
      expect(history.loss?.at(-1)).toBeLessThan(0.3 * (history.loss?.[0] as number))
    }
  })

  it('refuses rates that are none', async () => {
    await expectCoded(() => layers.gaussianNoise({ stddev: -1 }), 'ERR_OPTION', /stddev/)
    await expectCoded(() => layers.gaussianDropout({ rate: 1 }), 'ERR_OPTION', /rate/)
    await expectCoded(() => layers.alphaDropout({} as never), 'ERR_OPTION', /rate is missing/)
    await expectCoded(() => layers.spatialDropout1d({ rate: 0.5 }).computeOutputShape([null, 3]), 'ERR_SHAPE', /time/)
  })
})
