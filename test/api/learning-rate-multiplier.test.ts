import { layers, loadModel, type Model, optimizers, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const x = Array.from({ length: 8 }, (_, row) =>
  Array.from({ length: 4 }, (_, t) => [Math.sin(row + t), Math.cos(row * t)]),
)
const y = x.map((row) => [(row[3] as number[])[0] as number])

/** A model whose layers have these factors. */
function made(first: number | undefined, second: number | undefined) {
  const rated = (value: number | undefined) => (value === undefined ? {} : { learningRateMultiplier: value })
  return sequential(
    [
      layers.bidirectional({ layer: layers.lstm({ units: 3 }), inputShape: [null, 2], ...rated(first) }),
      layers.dense({ units: 1, ...rated(second) }),
    ],
    { seed: 5 },
  )
}

const flat = (m: { getWeights(): readonly { data: ArrayLike<number> }[] }) =>
  m.getWeights().map(({ data }) => Array.from(data))

/** The weights after some steps. */
async function trained(m: Model, optimizer: unknown = optimizers.adam({ learningRate: 0.01 }), epochs = 3) {
  m.compile({ optimizer: optimizer as never, loss: 'meanSquaredError' })
  await m.fit(x, y, { epochs, batchSize: 4 })
  return flat(m)
}

describe('learningRateMultiplier', () => {
  it('makes a step of plain gradient descent so many times as long', async () => {
    const start = flat(made(1, 1))
    const [once, both] = [made(1, 1), made(0.25, 3)]
    for (const m of [once, both]) {
      m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' })
      await m.trainOnBatch(x, y)
    }
    const [plain, scaled] = [flat(once), flat(both)]
    for (const [at, values] of plain.entries()) {
      const factor = at < 6 ? 0.25 : 3
      for (const [i, value] of values.entries()) {
        const before = start[at]?.[i] as number
        expect(scaled[at]?.[i]).toBeCloseTo(before + factor * (value - before), 6)
      }
    }
  })

  it.each(['sgd', 'adam', 'adamw', 'nadam', 'rmsprop', 'adafactor', 'lamb', 'muon', 'lion'] as const)(
    '%s with one factor for all is one with that rate',
    async (name) => {
      const make = (learningRate: number) => (optimizers[name] as (options: object) => unknown)({ learningRate })
      const [half, whole] = [await trained(made(0.5, 0.5), make(0.02)), await trained(made(undefined, 1), make(0.01))]
      expect(half).toEqual(whole)
    },
  )

  it('leaves a layer as it is with 0, and counts twice within a layer that has one', async () => {
    const start = flat(made(1, 1))
    const still = await trained(made(0, 1))
    expect(still.slice(0, 6)).toEqual(start.slice(0, 6))
    expect(still.slice(6)).not.toEqual(start.slice(6))
    const inner = sequential(
      [
        layers.bidirectional({
          layer: layers.lstm({ units: 3, learningRateMultiplier: 0.5 }),
          inputShape: [null, 2],
          learningRateMultiplier: 0.5,
        }),
        layers.dense({ units: 1 }),
      ],
      { seed: 5 },
    )
    expect(await trained(inner)).toEqual(await trained(made(0.25, 1)))
  })

  it('is saved, cloned, read from the layer, and may change between two trainings', async () => {
    const m = made(0.1, 2)
    expect(m.getLayer('bidirectional').getConfig()).toMatchObject({ learningRateMultiplier: 0.1 })
    expect(made(undefined, 1).getLayer('dense').getConfig()).not.toHaveProperty('learningRateMultiplier')
    const expected = await trained(made(0.1, 2))
    for (const again of [m.clone(), await loadModel(await m.toBytes())])
      expect(await trained(again as Model)).toEqual(expected)
    const changed = made(1, 1)
    changed.getLayer('bidirectional').learningRateMultiplier = 0.1
    changed.getLayer('dense').learningRateMultiplier = 2
    expect(await trained(changed)).toEqual(expected)
  })

  it('refuses what is no factor, with the name of the weight', () => {
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '2', null]) {
      expect(() => layers.dense({ units: 1, learningRateMultiplier: wrong as never })).toThrow(
        coded('ERR_OPTION', /learningRateMultiplier/),
      )
    }
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '2']) {
      const m = made(1, 1)
      m.getLayer('dense').learningRateMultiplier = wrong as never
      expect(() => m.compile({ optimizer: 'adam', loss: 'meanSquaredError' })).toThrow(
        coded('ERR_OPTION', /learningRateMultiplier of 'dense\/kernel'/),
      )
    }
  })
})
