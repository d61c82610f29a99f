import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { input, layers, type Model, model, optimizers, type SymbolicTensor, type Tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'

type Nested = readonly (number | Nested)[]
type Weight = readonly number[] | readonly (readonly number[])[]

/** What Keras 3 comes to: see test/fixtures/normalization/make.py. */
const cases: Readonly<
  Record<
    string,
    {
      x: Nested
      y: Nested
      initial: Weight[]
      before: Nested
      losses: number[]
      weights: Weight[]
      after: Nested
      evaluated: number
    }
  >
> = JSON.parse(await readFile(fileURLToPath(new URL('../fixtures/normalization/keras.json', import.meta.url)), 'utf8'))

const flat = (values: Nested | Weight): number[] => (values as unknown[]).flat(9) as number[]

const over =
  (shape: readonly (number | null)[], layersOf: (x: SymbolicTensor) => SymbolicTensor) => (): Model<Tensor> => {
    const x = input({ shape })
    return model({ inputs: x, outputs: layersOf(x) })
  }

const masked = (options: object) =>
  over([5, 3], (x) => {
    const y = layers.batchNormalization(options).apply(layers.masking().apply(x))
    return layers.dense({ units: 2 }).apply(layers.globalAveragePooling1d().apply(y))
  })

const flattened = (normal: { apply(x: SymbolicTensor): SymbolicTensor }, units = 6, shape = [4, 6]) =>
  over(shape, (x) => {
    const y = normal.apply(layers.dense({ units }).apply(x))
    return layers.dense({ units: 1 }).apply(layers.flatten().apply(y))
  })

const models: Readonly<Record<string, () => Model<Tensor>>> = {
  masked: masked({ momentum: 0.8 }),
  frozen: masked({ trainable: false }),
  alongTime: flattened(layers.batchNormalization({ axis: 1, momentum: 0.7, scale: false }), 3, [4, 2]),
  rows: over([4], (x) => {
    const normal = layers.batchNormalization({ momentum: 0.5, center: false, epsilon: 0.01, gammaRegularizer: 'l2' })
    return layers.dense({ units: 1 }).apply(normal.apply(layers.dense({ units: 3 }).apply(x)))
  }),
  twice: over([4], (x) => {
    const shared = layers.batchNormalization({ momentum: 0.6 })
    return layers.dense({ units: 1 }).apply(shared.apply(layers.dense({ units: 4 }).apply(shared.apply(x))))
  }),
  groups: flattened(layers.groupNormalization({ groups: 3 })),
  groupsOfSteps: flattened(layers.groupNormalization({ groups: 2, axis: 1 })),
  instance: flattened(layers.groupNormalization({ groups: -1 })),
  layerOverTime: flattened(layers.layerNormalization({ axis: 1 })),
  layerOverBoth: flattened(layers.layerNormalization({ axis: [1, 2] })),
  unit: flattened(layers.unitNormalization()),
  unitOverBoth: flattened(layers.unitNormalization({ axis: [1, 2] })),
}

describe('normalization layers', () => {
  it.each(Object.keys(cases))('give, learn and keep what those of Keras do: %s', async (name) => {
    const { x, y, initial, before, losses, weights, after, evaluated } = cases[name] as (typeof cases)[string]
    const m = (models[name] as () => Model<Tensor>)()
    m.setWeights(initial as never)
    const close = (ours: ArrayLike<number>, theirs: Nested | Weight, what: string) =>
      expect(relativeError(ours, flat(theirs)), what).toBeLessThan(2e-5)
    close((await m.predict(x as never)).data, before, 'predictions before')
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.05 }), loss: 'mse' })
    for (const [step, loss] of losses.entries()) {
      const [ours] = await m.trainOnBatch(x as never, y as never)
      expect(Math.abs((ours as number) - loss), `loss ${step}`).toBeLessThan(2e-5 * (1 + loss))
    }
    for (const [at, { data }] of m.getWeights().entries()) close(data, weights[at] as Weight, `weight ${at}`)
    close((await m.predict(x as never)).data, after, 'predictions after')
    const [loss] = await m.evaluate(x as never, y as never)
    expect(Math.abs((loss as number) - evaluated)).toBeLessThan(2e-5 * (1 + evaluated))
  })

  it('cover all that was recorded', () => {
    expect(Object.keys(models)).toEqual(Object.keys(cases))
  })
})
