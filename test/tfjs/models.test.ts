import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interop } from 'seqloom'
import * as tf from 'seqloom/tfjs'
import { afterAll, describe, expect, it, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tfjs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const numbers = (shape: number[], seed = 0): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + seed)),
    shape as never,
  )

function small(): tf.Sequential {
  return tf.sequential({
    layers: [tf.layers.lstm({ units: 4, inputShape: [5, 3] }), tf.layers.dense({ units: 2, activation: 'softmax' })],
  })
}

const [x, y] = [
  numbers([12, 5, 3]),
  tf.oneHot(
    tf.tensor1d(
      Array.from({ length: 12 }, (_, i) => i % 2),
      'int32',
    ),
    2,
  ),
]

describe('a model', () => {
  it('prints its summary as there', () => {
    const model = tf.sequential({
      layers: [
        tf.layers.lstm({ units: 4, inputShape: [5, 3], name: 'first' }),
        tf.layers.dense({ units: 2, name: 'last' }),
      ],
    })
    const lines: string[] = []
    model.summary(undefined, undefined, (line) => lines.push(line))
    expect(lines).toEqual([
      '_'.repeat(90),
      'Layer (type)                Input Shape               Output shape              Param #   ',
      '='.repeat(90),
      'first (LSTM)                [[null,5,3]]              [null,4]                  128       ',
      '_'.repeat(90),
      'last (Dense)                [[null,4]]                [null,2]                  10        ',
      '='.repeat(90),
      'Total params: 138',
      'Trainable params: 138',
      'Non-trainable params: 0',
      '_'.repeat(90),
    ])
  })

  it('has layers by name and by index, and loses its last one', () => {
    const model = small()
    const [first, last] = model.layers as [tf.layers.Layer, tf.layers.Layer]
    expect(model.getLayer(0)).toBe(first)
    expect(model.getLayer(null, 1)).toBe(last)
    expect(model.getLayer(last.name)).toBe(last)
    expect(() => model.getLayer('none')).toThrow('No such layer: none')
    expect(model.inputs[0]?.shape).toEqual([null, 5, 3])
    expect(first.getClassName()).toBe('LSTM')
    model.pop()
    expect(model.outputShape).toEqual([null, 4])
    model.add(tf.layers.dense({ units: 7 }))
    expect((model.predict(x) as tf.Tensor).shape).toEqual([12, 7])
  })

  it('is a layer of another one', async () => {
    const inner = small()
    const outer = tf.sequential({ layers: [inner, tf.layers.dense({ units: 1 })] })
    expect(outer.layers[0]).toBe(inner)
    expect(outer.countParams()).toBe(inner.countParams() + 3)
    inner.trainable = false
    outer.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    const before = inner.getWeights().map((each) => [...each.dataSync()])
    await outer.fit(x, numbers([12, 1]), { epochs: 2 })
    expect(inner.getWeights().map((each) => [...each.dataSync()])).toEqual(before)
    expect(outer.trainableWeights.length).toBe(2)
  })

  it('predicts and evaluates at once', async () => {
    const model = small()
    expect(() => model.evaluate(x, y)).toThrow('compiled')
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['acc'] })
    const [loss, accuracy] = model.evaluate(x, y) as [tf.Scalar, tf.Scalar]
    expect([loss.shape, accuracy.shape]).toEqual([[], []])
    expect(await model.trainOnBatch(x, y)).toHaveLength(2)
    expect((model.predictOnBatch(x) as tf.Tensor).shape).toEqual([12, 2])
    expect(() => model.predict([[1, 2]] as never)).toThrow(/must be a tensor/)
  })

  it('has an optimizer once it is compiled, which may be exchanged', async () => {
    const model = small()
    expect(model.optimizer).toBeUndefined()
    expect(model.metricsNames).toBeUndefined()
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['mae'] })
    expect(model.optimizer.getClassName()).toBe('SGD')
    model.optimizer = tf.train.adam(0)
    expect(model.metricsNames).toEqual(['loss', 'mae'])
    const before = model.getWeights().map((each) => each.arraySync())
    await model.fit(x, y)
    expect(model.getWeights().map((each) => each.arraySync())).toEqual(before)
  })

  it('follows a learning rate that is changed', async () => {
    const model = small()
    const weights = () => model.getWeights().map((each) => [...each.dataSync()])
    const moves = async (): Promise<boolean> => {
      const before = weights().join()
      await model.trainOnBatch(x, y)
      return weights().join() !== before
    }
    const adam = tf.train.adam(0.1)
    model.compile({ optimizer: adam, loss: 'categoricalCrossentropy' })
    expect(model.optimizer).toBe(adam)
    expect(await moves()).toBe(true)
    adam.learningRate = 0
    expect(await moves()).toBe(false)
    // sgd of TensorFlow.js keeps its rate beside the property, and hears of changes by the method alone.
    const sgd = tf.train.sgd(0.1)
    model.compile({ optimizer: sgd, loss: 'categoricalCrossentropy' })
    sgd.learningRate = 0
    expect(await moves()).toBe(true)
    sgd.setLearningRate(0)
    expect(await moves()).toBe(false)
  })

  it('gives way to predictions, evaluations and weights while a training that is not awaited runs', async () => {
    const input = tf.input({ shape: [40, 8] })
    const hidden = tf.layers.lstm({ units: 96, name: 'hidden' }).apply(input) as tf.SymbolicTensor
    const outputs = tf.layers.dense({ units: 1 }).apply(hidden) as tf.SymbolicTensor
    const [model, encoder] = [tf.model({ inputs: input, outputs }), tf.model({ inputs: input, outputs: hidden })]
    const rows = tf.randomNormal([64, 40, 8], 0, 1, 'float32', 3)
    const targets = tf.randomNormal([64, 1], 0, 1, 'float32', 4)
    const runs: { losses: number[]; seen: number[] }[] = []
    const first = model.getWeights().map((each) => each.clone())
    for (const isUsed of [false, true]) {
      model.setWeights(first)
      model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' })
      const losses: number[] = []
      const seen: number[] = []
      const training = model.fit(rows, targets, {
        epochs: 3,
        batchSize: 32,
        shuffle: false,
        validationSplit: 0.5,
        callbacks: { onBatchEnd: (_batch, logs) => void losses.push(logs?.loss as number) },
      })
      const use = () => {
        const row = rows.slice([0, 0, 0], [1, 40, 8])
        for (const each of [model, encoder]) seen.push((each.predict(row) as tf.Tensor).dataSync()[0] as number)
        seen.push((model.evaluate(rows, targets) as tf.Scalar).dataSync()[0] as number, model.getWeights().length)
      }
      if (isUsed) {
        use()
        const timer = setInterval(use, 1)
        await training
        clearInterval(timer)
      }
      await training
      runs.push({ losses, seen })
    }
    expect(runs[1]?.losses).toEqual(runs[0]?.losses)
    expect(runs[1]?.seen.length).toBeGreaterThan(4)
    expect(runs[1]?.seen.every(Number.isFinite)).toBe(true)
  })

  it('takes losses as functions of tensors', async () => {
    const losses = []
    for (const loss of [
      'meanSquaredError',
      tf.losses.meanSquaredError,
      tf.metrics.meanSquaredError,
      (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.sub(yPred).square().mean(-1),
      (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.mean(tf.squaredDifference(yTrue, yPred)),
    ]) {
      const model = small()
      model.compile({ optimizer: 'sgd', loss: loss as never })
      model.setWeights(model.getWeights().map(({ shape }, i) => numbers([...shape], i)))
      losses.push((model.evaluate(x, y) as tf.Scalar).dataSync()[0] as number)
    }
    for (const loss of losses) expect(loss).toBeCloseTo(losses[0] as number, 6)
  })

  it.each([
    'meanAbsolutePercentageError',
    'meanSquaredLogarithmicError',
    'squaredHinge',
    'hinge',
    'categoricalHinge',
    'logcosh',
    'kullbackLeiblerDivergence',
    'poisson',
    'cosineProximity',
    'binaryCrossentropy',
  ])('trains with %s', async (loss) => {
    const model = small()
    model.compile({ optimizer: 'sgd', loss, metrics: [loss, 'mse'] })
    const { history } = await model.fit(x, y, { epochs: 2 })
    expect(history.loss?.every(Number.isFinite)).toBe(true)
    expect(history[loss]?.[0]).toBeCloseTo(history.loss?.[0] as number, 4)
  })

  it.each([
    [{ loss: 'nothing' }, /Unknown loss nothing/],
    [{ loss: 'softmaxCrossEntropy' }, /categoricalCrossentropy/],
    [{ optimizer: 'adamm' }, /Unknown Optimizer/],
    [{ metrics: ['nothing'] }, /Unknown metric nothing/],
    [{ loss: ['mse', 'mse'] }, /one entry per model output/],
    [{ loss: { other: 'mse' } }, /Unknown entry in loss/],
  ])('refuses to be compiled with %j', (options, message) => {
    expect(() => small().compile({ optimizer: 'sgd', loss: 'meanSquaredError', ...options } as never)).toThrow(message)
  })

  it('refuses what fit does not take', async () => {
    const model = small()
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    await expect(model.fit(x, numbers([3, 2]))).rejects.toThrow(/same number of samples/)
    await expect(model.fit(x, y, { sampleWeight: numbers([12]) })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    await expect(model.fit(x, y, { batchSize: 0 })).rejects.toThrow(/batchSize/)
    const running = model.fit(x, y, { epochs: 3 })
    await expect(model.fit(x, y)).rejects.toThrow(/another fit/)
    await running
    await expect(
      model.fit(x, y, { callbacks: null, verbose: 0, validationSplit: null } as never),
    ).resolves.toBeDefined()
  })
})

describe('callbacks', () => {
  it('come in every form, and are told of every batch', async () => {
    const model = small()
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
    const seen: string[] = []
    const history = await model.fit(x, y, {
      batchSize: 5,
      epochs: 2,
      validationSplit: 0.25,
      callbacks: [
        { onTrainBegin: () => void seen.push('begin'), onTrainEnd: () => void seen.push('end') },
        new tf.CustomCallback({
          onBatchEnd: async (batch, logs) => {
            seen.push(`batch ${batch} of ${logs?.size}`)
            expect((model.predict(x) as tf.Tensor).shape).toEqual([12, 2])
          },
          onEpochEnd: (epoch, logs) => {
            seen.push(`epoch ${epoch}`)
            expect(Object.keys(logs as object).toSorted()).toEqual(['acc', 'loss', 'val_acc', 'val_loss'])
          },
        }),
      ],
    })
    const epoch = (at: number) => ['batch 0 of 5', 'batch 1 of 4', `epoch ${at}`]
    expect(seen).toEqual(['begin', ...epoch(0), ...epoch(1), 'end'])
    expect(history.epoch).toEqual([0, 1])
    expect(model.history).toBe(history)
  })

  it('stop the training', async () => {
    const model = small()
    model.compile({ optimizer: tf.train.sgd(0), loss: 'categoricalCrossentropy' })
    const still = await model.fit(x, y, {
      epochs: 20,
      callbacks: tf.callbacks.earlyStopping({ monitor: 'loss', patience: 3 }),
    })
    expect(still.epoch.length).toBeLessThan(20)
    const history = await model.fit(x, y, {
      epochs: 9,
      callbacks: {
        onEpochEnd: (epoch) => {
          if (epoch === 1) model.stopTraining = true
        },
      },
    })
    expect(history.epoch).toEqual([0, 1])
  })

  it('report when asked', async () => {
    const model = small()
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' })
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    await model.fit(x, y, { epochs: 1 })
    expect(log).not.toHaveBeenCalled()
    await model.fit(x, y, { epochs: 1, verbose: 1 })
    expect(log.mock.calls[0]).toEqual(['Epoch 1 / 1'])
    log.mockRestore()
  })
})

describe('models are saved and loaded', () => {
  const path = join(folder, 'model')

  it('as files, as tfjs and interop.loadTfjs read them', async () => {
    const model = small()
    const { modelArtifactsInfo } = await model.save(`file://${path}`)
    expect(modelArtifactsInfo.modelTopologyType).toBe('JSON')
    expect(existsSync(join(path, 'weights.bin'))).toBe(true)
    const loaded = await tf.loadLayersModel(`file://${path}/model.json`)
    const expected = (model.predict(x) as tf.Tensor).arraySync()
    expect((loaded.predict(x) as tf.Tensor).arraySync()).toEqual(expected)
    expect(loaded.layers.map(({ name }) => name)).toEqual(model.layers.map(({ name }) => name))
    const native = await interop.loadTfjs(path)
    const { data } = await native.predict({ data: x.dataSync() as Float32Array, shape: [12, 5, 3] })
    data.forEach((value, at) => {
      expect(value).toBeCloseTo((expected as number[][]).flat()[at] as number, 5)
    })
  })

  it('from what the native side writes', async () => {
    const { sequential, layers } = await import('seqloom')
    const native = sequential([
      layers.bidirectional({ layer: layers.gru({ units: 3, resetAfter: false, inputShape: [null, 2] }) }),
      layers.dense({ units: 2 }),
    ])
    await interop.toTfjs(native, join(folder, 'native'))
    const loaded = await tf.loadLayersModel(`file://${join(folder, 'native')}/model.json`)
    const input = numbers([3, 4, 2])
    const found = (loaded.predict(input) as tf.Tensor).dataSync()
    const { data } = await native.predict({ data: input.dataSync() as Float32Array, shape: [3, 4, 2] })
    data.forEach((value, at) => {
      expect(found[at]).toBeCloseTo(value, 5)
    })
  })

  it('from a server', async () => {
    const server = createServer(({ url }, answer) => {
      const file = join(path, (url ?? '').split('?')[0] as string)
      if (existsSync(file)) answer.end(readFileSync(file))
      else answer.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const loaded = await tf.loadLayersModel(`${address}/model.json?key=1`)
    expect((loaded.predict(x) as tf.Tensor).shape).toEqual([12, 2])
    await expect(tf.loadLayersModel(`${address}/none.json`)).rejects.toMatchObject({ code: 'ERR_IO' })
    await new Promise((resolve) => server.close(resolve))
  })

  it('with connections, shared layers, models inside and layers of one’s own', async () => {
    class Double extends tf.layers.Layer {
      static override className = 'Double'

      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return (Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs).mul(2)
      }
    }
    tf.serialization.registerClass(Double as never)
    const [a, b] = [tf.input({ shape: [4, 2], name: 'a' }), tf.input({ shape: [3], name: 'b' })]
    const shared = tf.layers.gru({ units: 3, returnState: true })
    const [first, state] = shared.apply(a) as [tf.SymbolicTensor, tf.SymbolicTensor]
    const [second] = shared.apply(a, { initialState: [b] }) as tf.SymbolicTensor[]
    const inner = tf.sequential({ layers: [tf.layers.dense({ units: 2, activation: 'hardSigmoid', inputShape: [3] })] })
    const joined = tf.layers
      .concatenate()
      .apply([inner.apply(first), second, state, inner.apply(b)] as tf.SymbolicTensor[])
    const model = tf.model({ inputs: [a, b], outputs: new Double({}).apply(joined) as tf.SymbolicTensor })
    const inputs = [numbers([2, 4, 2]), numbers([2, 3], 1)]
    const expected = (model.predict(inputs) as tf.Tensor).arraySync()
    const weights = model.getWeights()
    const again = await tf.models.modelFromJSON(model.toJSON())
    again.setWeights(weights)
    expect((again.predict(inputs) as tf.Tensor).arraySync()).toEqual(expected)
    await model.save(`file://${join(folder, 'connected')}`)
    const loaded = await tf.loadLayersModel(`file://${join(folder, 'connected')}/model.json`)
    expect((loaded.predict(inputs) as tf.Tensor).arraySync()).toEqual(expected)
  })

  it('where a layers model is, whoever wrote it, and over nothing else', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
    const own = join(folder, 'again')
    await model.save(`file://${own}`)
    const text = await readFile(join(own, 'model.json'), 'utf8')
    // As another program writes it: with files of weights that are named otherwise.
    await rename(join(own, 'weights.bin'), join(own, 'group1-shard1of1.bin'))
    await writeFile(join(own, 'model.json'), text.replace('weights.bin', 'group1-shard1of1.bin'))
    await model.save(`file://${own}`)
    await expect(tf.loadLayersModel(`file://${own}/model.json`)).resolves.toBeInstanceOf(tf.LayersModel)
    const others = { 'model.json': '{"name":"shoes","format":"layers-model"}', 'weights.bin': 'weights of shoes' }
    for (const [name, contents] of Object.entries(others)) {
      const path = join(folder, `with-${name}`)
      await mkdir(path)
      await writeFile(join(path, name), contents)
      await expect(model.save(`file://${path}`)).rejects.toMatchObject({ code: 'ERR_IO' })
      expect(await readFile(join(path, name), 'utf8')).toBe(contents)
      expect(await readdir(path)).toEqual([name])
    }
  })

  it('and say what is wrong', async () => {
    await expect(tf.loadLayersModel(`file://${join(folder, 'none')}/model.json`)).rejects.toMatchObject({
      code: 'ERR_IO',
    })
    await expect(tf.loadLayersModel(path)).rejects.toThrow(`file://${path}`)
    await expect(tf.loadLayersModel('indexeddb://model')).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    await expect(
      tf.loadLayersModel(tf.io.fromMemory({ modelTopology: { class_name: 'None', config: {} } })),
    ).rejects.toThrow('Unknown layer: None')
    await expect(small().save(`localstorage://model`)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    const artifacts = { ...(await saved(small())), weightData: new ArrayBuffer(4) }
    await expect(tf.loadLayersModel(tf.io.fromMemory(artifacts))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})

async function saved(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let found: tf.io.ModelArtifacts = {}
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      found = artifacts
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
    }),
  )
  return found
}

describe('classWeight of several outputs', () => {
  it('is given in order or by name, and trains as it does for each alone', async () => {
    const made = () => {
      const input = tf.input({ shape: [2] })
      const dense = (name: string, units: number) =>
        tf.layers
          .dense({ units, activation: units > 1 ? 'softmax' : 'sigmoid', kernelInitializer: 'ones', name })
          .apply(input) as tf.SymbolicTensor
      const model = tf.model({ inputs: input, outputs: [dense('many', 3), dense('one', 1)] })
      model.compile({ optimizer: tf.train.sgd(0.1), loss: ['categoricalCrossentropy', 'binaryCrossentropy'] })
      return model
    }
    const x = tf.tensor2d([
      [1, 2],
      [3, -1],
    ])
    const y = [
      tf.tensor2d([
        [1, 0, 0],
        [0, 0, 1],
      ]),
      tf.tensor2d([[1], [0]]),
    ]
    const weights = async (classWeight: object) => {
      const model = made()
      await model.fit(x, y, { epochs: 2, shuffle: false, classWeight: classWeight as never })
      return model.getWeights().map((each) => [...each.dataSync()])
    }
    const [many, one] = [{ 0: 3 }, { 0: 5 }]
    const both = await weights({ many, one })
    expect(await weights([many, one])).toEqual(both)
    const [first, second] = [await weights({ many }), await weights([{}, one])]
    expect(both).toEqual([...first.slice(0, 2), ...second.slice(2)])
    expect(both).not.toEqual(first)
    await expect(weights({ 0: 3 })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/multiple \(2\) outputs/),
    })
  })
})

describe('getConfig of a model', () => {
  it('lists the layers by the names of TensorFlow.js, and rebuilds models within layers', async () => {
    const inner = tf.sequential({
      layers: [tf.layers.dense({ units: 3, inputShape: [4] }), tf.layers.dense({ units: 2 })],
    })
    const config = inner.getConfig()
    expect(config.layers.map(({ className, config: own }: tf.serialization.ConfigDict) => [className, own])).toEqual(
      inner.layers.map((layer) => ['Dense', expect.objectContaining({ name: layer.name })]),
    )
    const input = tf.input({ shape: [3, 4] })
    const model = tf.model({
      inputs: input,
      outputs: tf.layers.timeDistributed({ layer: inner }).apply(input) as never,
    })
    expect(model.getConfig()).toMatchObject({ layers: [{ className: 'InputLayer' }, { className: 'TimeDistributed' }] })
    const again = await tf.models.modelFromJSON(model.toJSON())
    again.setWeights(model.getWeights())
    const rows = numbers([2, 3, 4])
    expect((again.predict(rows) as tf.Tensor).arraySync()).toEqual((model.predict(rows) as tf.Tensor).arraySync())
  })
})

describe('class numbers', () => {
  it('are a column for metrics and losses that are functions, as there', async () => {
    const seen: (readonly (number | null)[])[] = []
    const own = (yTrue: tf.Tensor, yPred: tf.Tensor) => {
      seen.push(yTrue.shape)
      return tf.metrics.sparseCategoricalAccuracy(yTrue, yPred)
    }
    const model = small()
    model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: ['mse', own, 'acc'] })
    const [, mse, accuracy, named] = model.evaluate(x, tf.zeros([12, 1])) as tf.Scalar[]
    const expected = (model.predict(x) as tf.Tensor).square().mean().dataSync()[0] as number
    expect(mse?.dataSync()[0]).toBeCloseTo(expected, 5)
    expect(accuracy?.dataSync()).toEqual(named?.dataSync())
    expect(seen[0]?.length).toBe(2)
  })
})
