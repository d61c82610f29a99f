import { describe, expect, it } from 'vitest'
import * as seqloom from '../../src/index.js'
import { type Model, tensor } from '../../src/index.js'
import { Unmapped } from '../../src/interop/format.js'
import type { Dialect } from '../../src/interop/keras/classes.js'
import {
  type DescribedModel,
  type DescribedWeight,
  describeModel,
  readingValues,
} from '../../src/interop/keras/describe.js'
import { type Built, modelOf } from '../../src/interop/keras/graph.js'
import { kerasObject, type Origin } from '../../src/interop/keras/saved.js'
import { assign } from '../../src/interop/keras/weights.js'
import { kerasModels, sampleInputs, sampleWeights } from '../helpers/kerasModels.js'

const models = kerasModels(seqloom)

/** The model that a reader makes of a description. */
async function readBack(model: Model, dialect: Dialect): Promise<{ model: Model; description: DescribedModel }> {
  const description = describeModel(model, dialect, 'test')
  const values = new Map<DescribedWeight, Float32Array>()
  await readingValues(model, async (valuesOf) => {
    for (const weight of description.layers.flatMap(({ weights }) => weights)) values.set(weight, valuesOf(weight))
  })
  const origin: Origin = { where: 'test', dialect, problems: new Unmapped(), leftOut: [] }
  const built = modelOf(kerasObject('test', JSON.parse(JSON.stringify(description.config))), origin)
  origin.problems.check('test')
  const { layers } = description
  await assign(
    built as Built,
    ({ name }) =>
      layers
        .filter((layer) => layer.name === name)
        .flatMap(({ weights }) =>
          weights.map((weight) => ({ shape: weight.shape, floats: () => values.get(weight) as Float32Array })),
        ),
    origin,
    true,
  )
  origin.problems.check('test')
  return { model: (built as Built).model, description }
}

const outputsOf = async (model: Model): Promise<number[]> => {
  const result = await model.predict(sampleInputs(model, tensor))
  return [result].flat().flatMap(({ data }) => [...data])
}

async function isSame(made: () => Model, dialect: Dialect): Promise<void> {
  const model = made()
  sampleWeights(model, tensor)
  const { model: back, description } = await readBack(model, dialect)
  const [expected, found] = [await outputsOf(model), await outputsOf(back)]
  expect(found.length).toBe(expected.length)
  for (const [at, value] of found.entries()) expect(value).toBeCloseTo(expected[at] as number, 5)
  // What was read is described as it was.
  expect(describeModel(back, dialect, 'test').config).toEqual(description.config)
  const names = description.layers.flatMap(({ weights }) => weights.map(({ name }) => name))
  expect(new Set(names).size).toBe(model.getWeights().length)
  for (const each of [model, back]) each.dispose()
}

describe('describeModel', () => {
  const { anywhere, keras, keras3 } = models
  it.each(Object.keys({ ...anywhere, ...keras, ...keras3 }))('says to Keras 3 what %s is', async (name) => {
    await isSame({ ...anywhere, ...keras, ...keras3 }[name] as () => Model, 'keras3')
  })
  it.each(Object.keys({ ...anywhere, ...keras }))('says to Keras 2 what %s is', async (name) => {
    await isSame({ ...anywhere, ...keras }[name] as () => Model, 'keras2')
  })
  it.each(Object.keys(anywhere))('says to tfjs what %s is', async (name) => {
    await isSame(anywhere[name] as () => Model, 'tfjs')
  })
})
