// What TensorFlow.js computes, too, is in test/fixtures/tfjs-programs/compiled-again.mjs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from 'seqloom/tfjs'
import { afterAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { warnings } from '../helpers/warnings.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tfjs-optimizers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const x = tf.tensor3d(
  Array.from({ length: 24 }, (_, i) => Math.sin(i)),
  [4, 3, 2],
)
const y = tf.tensor2d([0.1, -0.3, 0.2, 0.5], [4, 1])

function compiled(optimizer: tf.Optimizer | string, loss: tf.ModelCompileArgs['loss'] = 'meanSquaredError') {
  const model = tf.sequential({
    layers: [
      tf.layers.gru({ units: 2, inputShape: [3, 2] }),
      tf.layers.dense({ units: 1, name: `out${Math.random()}` }),
    ],
  })
  model.compile({ optimizer, loss })
  return model
}

describe('a model that is saved with its optimizer', () => {
  it('goes on as if it had not been saved, with the groups that TensorFlow.js reads', async () => {
    const model = compiled(tf.train.adam(0.05))
    await model.fit(x, y, { epochs: 3, shuffle: false })
    const path = join(folder, 'adam')
    await model.save(`file://${path}`, { includeOptimizer: true })
    const again = await tf.loadLayersModel(`file://${path}/model.json`)
    for (const each of [model, again]) await each.fit(x, y, { epochs: 3, shuffle: false })
    expect((again.predict(x) as tf.Tensor).arraySync()).toEqual((model.predict(x) as tf.Tensor).arraySync())
    expect(again.optimizer.iterations).toBe(6)
    const { trainingConfig, weightsManifest } = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))
    expect(trainingConfig.loss).toBe('mean_squared_error')
    expect(trainingConfig.optimizer_config).toMatchObject({ class_name: 'Adam', config: { learningRate: 0.05 } })
    const kept = weightsManifest[0].weights.filter(({ group }: { group?: string }) => group === 'optimizer')
    expect(kept.map(({ name }: { name: string }) => name.replace(/^.*\//, ''))).toEqual([
      'iter',
      ...Array(5).fill('m'),
      ...Array(5).fill('v'),
    ])
  })

  it('is saved without it where a loss or a metric has no name, and says so', async () => {
    const model = compiled('sgd', (a, b) => a.sub(b).square().mean())
    const path = `file://${join(folder, 'own')}`
    const told = await warnings(() => model.save(path, { includeOptimizer: true }))
    expect(told.map(({ message }) => message)).toEqual([expect.stringMatching(/is a function.*not saved/)])
    expect((await tf.loadLayersModel(`${path}/model.json`)).optimizer).toBe(undefined)
  })

  it('loads without where it cannot be compiled as it was, and says so', async () => {
    let saved: tf.io.ModelArtifacts = {}
    await compiled('sgd').save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
      }),
    )
    for (const trainingConfig of [{}, { loss: 'of_mine', optimizer_config: { class_name: 'SGD', config: {} } }]) {
      let loaded: tf.LayersModel | undefined
      const told = await warnings(async () => {
        loaded = await tf.loadLayersModel(tf.io.fromMemory({ ...saved, trainingConfig }))
      })
      expect(told.map(({ message }) => message)).toEqual([expect.stringMatching(/compiled is left out/)])
      expect(loaded?.optimizer).toBe(undefined)
    }
  })
})

describe('what an optimizer keeps', () => {
  it('is checked when it is given', async () => {
    const model = compiled(tf.train.adam(0.1))
    const { optimizer } = model
    await model.fit(x, y, { epochs: 1 })
    const kept = await optimizer.getWeights()
    const bad: readonly (readonly [never, string | string[], RegExp])[] = [
      [[] as never, 'ERR_DATA', /number of steps first/],
      [kept.slice(1) as never, ['ERR_DATA', 'ERR_SHAPE'], /setWeights/],
      [kept.slice(0, -1) as never, 'ERR_SHAPE', /multiple of 2/],
      [kept.slice(0, 3) as never, 'ERR_SHAPE', /of 1 weights, but the model trains 5/],
      [[kept[0], ...kept.slice(1).reverse()] as never, 'ERR_SHAPE', /must have the shape/],
    ]
    for (const [given, code, message] of bad) {
      await expectCoded(() => optimizer.setWeights(given), code as never, message)
    }
    await expectCoded(() => tf.train.adamax(0.1).getWeights(), 'ERR_UNSUPPORTED', /adamax/)
  })

  it('begins anew with another optimizer', async () => {
    const model = compiled(tf.train.momentum(0.1, 0.9))
    await model.fit(x, y, { epochs: 2 })
    model.compile({ optimizer: tf.train.momentum(0.1, 0.9), loss: 'meanSquaredError' })
    expect(model.optimizer.iterations).toBe(0)
    expect((await model.optimizer.getWeights()).map(({ name }) => name)).toEqual(['iter'])
  })
})

describe('classes of optimizers', () => {
  it.each([
    [tf.train.sgd(0.1), new tf.SGDOptimizer(0.1)],
    [tf.train.momentum(0.1, 0.8, true), new tf.MomentumOptimizer(0.1, 0.8, true)],
    [tf.train.rmsprop(0.1, 0.8, 0.2), new tf.RMSPropOptimizer(0.1, 0.8, 0.2)],
    [tf.train.adam(0.1), new tf.AdamOptimizer(0.1, 0.9, 0.999)],
    [tf.train.adamax(0.1), new tf.AdamaxOptimizer(0.1, 0.9, 0.999)],
    [tf.train.adadelta(0.1), new tf.AdadeltaOptimizer(0.1, 0.95)],
    [tf.train.adagrad(0.1), new tf.AdagradOptimizer(0.1)],
  ])('are what tf.train makes: %#', (made, own) => {
    expect(own).toBeInstanceOf(tf.Optimizer)
    expect(made).toBeInstanceOf(own.constructor)
    expect(made.getClassName()).toBe(own.getClassName())
    expect(made.getConfig()).toEqual(own.getConfig())
  })

  it("may be extended by a rule of one's own, which minimize() uses and compile() refuses", () => {
    class Signs extends tf.Optimizer {
      override applyGradients(gradients: tf.NamedTensorMap): void {
        for (const { name, tensor } of Object.values(gradients) as unknown as { name: string; tensor: tf.Tensor }[]) {
          expect(name).toBe(weight.name)
          weight.assign(weight.sub(tensor.sign().mul(0.5)))
        }
      }
    }
    const weight = tf.variable(tf.tensor1d([2, -3]))
    const own = new Signs()
    own.minimize(() => weight.square().sum() as tf.Scalar)
    expect(weight.arraySync()).toEqual([1.5, -2.5])
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] })
    expect(() => model.compile({ optimizer: own, loss: 'meanSquaredError' })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringContaining('minimize()') }),
    )
  })
})
