import { layers as native } from 'seqloom'
import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const numbers = (shape: number[], seed = 0): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.3 + seed)),
    shape as never,
  )

describe('layers have the defaults of TensorFlow.js', () => {
  it('gates are hard sigmoids and forget biases begin at zero', () => {
    const layer = tf.layers.lstm({ units: 2, inputShape: [3, 1] })
    tf.sequential({ layers: [layer] })
    const [kernel, recurrent, bias] = layer.getWeights() as [tf.Tensor, tf.Tensor, tf.Tensor]
    expect([kernel.shape, recurrent.shape, bias.shape]).toEqual([[1, 8], [2, 8], [8]])
    expect([...bias.dataSync()]).toEqual(Array(8).fill(0))
    layer.setWeights([tf.fill([1, 8], 10), tf.zeros([2, 8]), tf.zeros([8])])
    // All gates are open at 1, exactly, and the candidate is tanh(10): c grows by one a step.
    const output = tf.sequential({ layers: [layer] }).predict(tf.ones([1, 3, 1])) as tf.Tensor
    expect(output.dataSync()[0]).toBeCloseTo(Math.tanh(3), 5)
  })

  it('a GRU resets before its product, with one bias', () => {
    const layer = tf.layers.gru({ units: 3 })
    layer.apply(tf.input({ shape: [4, 2] }))
    expect(layer.getWeights().map(({ shape }) => shape)).toEqual([[2, 9], [3, 9], [9]])
    expect(() =>
      tf.sequential({ layers: [tf.layers.gru({ units: 3, resetAfter: true, inputShape: [4, 2] })] }),
    ).toThrow('reset_after')
  })

  it('names and weights are numbered as there', () => {
    const dense = tf.layers.dense({ units: 2 })
    expect(dense.name).toMatch(/^dense_Dense\d+$/)
    const video = tf.layers.convLstm2d({ filters: 1, kernelSize: 2 })
    expect(video.name).toMatch(/^conv_lst_m2d_ConvLSTM2D\d+$/)
    const named = tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 2, name: 'own' }), name: 'both' })
    named.apply(tf.input({ shape: [null, 3] }))
    expect(named.weights.map(({ name }) => name)).toEqual(
      ['forward', 'backward'].flatMap((side) =>
        ['kernel', 'recurrent_kernel', 'bias'].map((weight) => `both/${side}_own/${weight}`),
      ),
    )
    expect(named.outputShape).toEqual([null, 4])
    expect(named.countParams()).toBe(2 * (3 * 8 + 2 * 8 + 8))
  })
})

describe('layers are applied', () => {
  it('to tensors at once, with weights that stay', () => {
    const dense = tf.layers.dense({ units: 2, kernelInitializer: 'ones', biasInitializer: 'ones' })
    const x = tf.tensor2d([[1, 2, 3]])
    expect((dense.apply(x) as tf.Tensor).arraySync()).toEqual([[7, 7]])
    dense.setWeights([tf.zeros([3, 2]), tf.tensor1d([1, 2])])
    expect((dense.apply(x) as tf.Tensor).arraySync()).toEqual([[1, 2]])
  })

  it('to the last values of others, sharing weights', () => {
    const shared = tf.layers.dense({ units: 2, useBias: false })
    const [a, b] = [tf.input({ shape: [3] }), tf.input({ shape: [3] })]
    const model = tf.model({ inputs: [a, b], outputs: [shared.apply(a), shared.apply(b)] as tf.SymbolicTensor[] })
    const x = numbers([2, 3])
    const [first, second] = model.predict([x, x]) as [tf.Tensor, tf.Tensor]
    expect(first.arraySync()).toEqual(second.arraySync())
    expect(model.getWeights().length).toBe(1)
  })

  it('with the first weights that were given', () => {
    const table = numbers([5, 2])
    const model = tf.sequential({ layers: [tf.layers.embedding({ inputDim: 5, outputDim: 2, weights: [table] })] })
    const found = model.predict(tf.tensor2d([[4, 0]])) as tf.Tensor
    expect([...found.dataSync()]).toEqual([...table.dataSync()].slice(8).concat([...table.dataSync()].slice(0, 2)))
  })

  const outputOf = (layer: { apply(x: tf.Tensor | tf.Tensor[]): unknown }, ...x: tf.Tensor[]) =>
    (layer.apply(x.length === 1 ? (x[0] as tf.Tensor) : x) as tf.Tensor).arraySync()

  it('and merge, broadcasting', () => {
    const [a, b] = [tf.tensor2d([[1, 2]]), tf.tensor2d([[3]])]
    expect(outputOf(tf.layers.add(), a, b)).toEqual([[4, 5]])
    expect(outputOf(tf.layers.average(), a, a)).toEqual([[1, 2]])
    expect(outputOf(tf.layers.maximum(), a, b)).toEqual([[3, 3]])
    expect(outputOf(tf.layers.dot({ axes: 1 }), a, tf.tensor2d([[5, 7]]))).toEqual([[19]])
    const time = tf.tensor3d([[[1], [2]]])
    expect(outputOf(tf.layers.concatenate({ axis: 1 }), time, time)).toEqual([[[1], [2], [1], [2]]])
  })

  it('and reduce, permute, pool and convolve', () => {
    const x = tf.tensor3d([[[1], [2], [3], [4]]])
    expect(outputOf(tf.layers.globalAveragePooling1d(), x)).toEqual([[2.5]])
    expect(outputOf(tf.layers.globalMaxPool1d(), x)).toEqual([[4]])
    expect(outputOf(tf.layers.maxPooling1d({ poolSize: 2 }), x)).toEqual([[[2], [4]]])
    expect(outputOf(tf.layers.averagePooling1d({ poolSize: 3, strides: 1, padding: 'same' }), x)).toEqual([
      [[1.5], [2], [3], [3.5]],
    ])
    expect(outputOf(tf.layers.permute({ dims: [2, 1] }), x)).toEqual([[[1, 2, 3, 4]]])
    const conv = tf.layers.conv1d({ filters: 1, kernelSize: 2, kernelInitializer: 'ones', padding: 'causal' })
    expect(outputOf(conv, x)).toEqual([[[1], [3], [5], [7]]])
    const strided = tf.layers.conv1d({ filters: 1, kernelSize: 2, strides: 2, kernelInitializer: 'ones' })
    expect(outputOf(strided, x)).toEqual([[[3], [7]]])
  })

  it('by steps, whatever treats them alike', () => {
    const x = numbers([2, 3, 4, 5])
    const flat = tf.layers.timeDistributed({ layer: tf.layers.flatten() }).apply(tf.input({ shape: [3, 4, 5] }))
    expect((flat as tf.SymbolicTensor).shape).toEqual([null, 3, 20])
    const inner = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [5] })] })
    const steps = tf.layers.timeDistributed({ layer: inner }).apply(x.reshape([8, 3, 5])) as tf.Tensor
    expect(steps.shape).toEqual([8, 3, 2])
    const within = tf.layers.timeDistributed({ layer: tf.layers.lstm({ units: 2 }) })
    const each = within.apply(x) as tf.Tensor
    expect(each.shape).toEqual([2, 3, 2])
    const alone = tf.layers.lstm({ units: 2 })
    alone.apply(x.slice([0, 1], [2, 1]).squeeze([1]))
    alone.setWeights(within.getWeights())
    const second = alone.apply(x.slice([0, 1], [2, 1]).squeeze([1])) as tf.Tensor
    second.dataSync().forEach((value, at) => {
      expect(each.slice([0, 1], [2, 1]).dataSync()[at]).toBeCloseTo(value, 6)
    })
    expect(() =>
      tf.layers.timeDistributed({ layer: tf.layers.lstm({ units: 2 }) }).apply(tf.input({ shape: [null, 4, 5] })),
    ).toThrow('the number of steps must be known')
  })
})

describe('batch normalization', () => {
  const made = () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 2, inputShape: [3], name: 'first' }),
        tf.layers.batchNormalization({ name: 'norm' }),
      ],
    })
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    return model
  }

  it('learns two of its weights, and moves the others', async () => {
    const model = made()
    const norm = model.getLayer('norm')
    const names = (all: tf.LayerVariable[]) => all.map(({ name }) => name)
    expect(names(norm.trainableWeights)).toEqual(['norm/gamma', 'norm/beta'])
    expect(names(norm.nonTrainableWeights)).toEqual(['norm/moving_mean', 'norm/moving_variance'])
    expect(names(model.weights).slice(-2)).toEqual(['norm/moving_mean', 'norm/moving_variance'])
    expect(model.getWeights(true).length).toBe(4)
    const lines: string[] = []
    model.summary(undefined, undefined, (line: string) => lines.push(line))
    expect(lines.join()).toContain('Trainable params: 12')
    expect(lines.join()).toContain('Non-trainable params: 4')
    const x = numbers([6, 3])
    const before = model.getLayer('first').apply(x) as tf.Tensor
    await model.fit(x, numbers([6, 2], 1), { batchSize: 6 })
    const [, , mean] = norm.getWeights() as [tf.Tensor, tf.Tensor, tf.Tensor]
    expect(mean.dataSync()[0]).toBeCloseTo((tf.mean(before, 0).dataSync()[0] as number) * 0.01, 5)
  })

  it('takes its weights in the order in which it gives them, and in files', async () => {
    const model = made()
    const given = model.getWeights().map(({ shape }, i) => numbers(shape, i).abs())
    model.setWeights(given)
    expect(
      model
        .getLayer('norm')
        .getWeights()
        .map((each) => [...each.dataSync()]),
    ).toEqual(given.slice(2).map((each) => [...each.dataSync()]))
    const x = numbers([2, 3])
    const expected = (model.predict(x) as tf.Tensor).arraySync()
    let saved: tf.io.ModelArtifacts | undefined
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
      }),
    )
    expect(saved?.weightSpecs?.map(({ name }) => name).slice(-2)).toEqual(['norm/moving_mean', 'norm/moving_variance'])
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts))
    expect((loaded.predict(x) as tf.Tensor).arraySync()).toEqual(expected)
  })
})

describe('layers of one’s own', () => {
  class Antirectifier extends tf.layers.Layer {
    static override className = 'Antirectifier'

    override computeOutputShape(shape: tf.Shape): tf.Shape {
      return [...shape.slice(0, -1), 2 * (shape.at(-1) as number)]
    }

    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const [input] = Array.isArray(inputs) ? inputs : [inputs]
      return tf.tidy(() => {
        const centred = tf.sub(input as tf.Tensor, tf.mean(input as tf.Tensor, -1, true))
        return tf.concat([tf.relu(centred), tf.relu(tf.neg(centred))], -1)
      })
    }
  }

  class Scale extends tf.layers.Layer {
    static override className = 'Scale'
    factor: tf.LayerVariable | undefined

    override build(shape: tf.Shape): void {
      this.factor = this.addWeight('factor', [shape.at(-1) as number], 'float32', tf.initializers.ones())
      super.build(shape)
    }

    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const [input] = Array.isArray(inputs) ? inputs : [inputs]
      return (input as tf.Tensor).mul((this.factor as tf.LayerVariable).read())
    }
  }

  class Twice extends tf.layers.Layer {
    static override className = 'Twice'
    readonly inner = tf.layers.dense({ units: 3, kernelInitializer: 'ones' })

    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const once = this.inner.apply(Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs)
      return this.inner.apply(once) as tf.Tensor
    }
  }

  it('compute what call says', () => {
    const model = tf.sequential({
      layers: [tf.layers.inputLayer({ inputShape: [2] }), new Antirectifier({}), new Scale({ name: 'scale' })],
    })
    expect((model.predict(tf.tensor2d([[1, 3]])) as tf.Tensor).arraySync()).toEqual([[0, 1, 1, 0]])
    expect(model.weights.map(({ name, shape }) => [name, shape])).toEqual([['scale/factor', [4]]])
    model.setWeights([tf.tensor1d([1, 2, 3, 4])])
    expect((model.predict(tf.tensor2d([[1, 3]])) as tf.Tensor).arraySync()).toEqual([[0, 2, 3, 0]])
  })

  it('train their weights', async () => {
    const model = tf.sequential({ layers: [new Scale({ inputShape: [2], name: 'trained' })] })
    model.compile({ optimizer: tf.train.sgd(0.5), loss: 'meanSquaredError' })
    const x = tf.tensor2d([[1, 1]])
    await model.fit(x, tf.tensor2d([[2, 0]]), { epochs: 50 })
    const [factor] = model.getWeights() as [tf.Tensor]
    expect(factor.dataSync()[0]).toBeCloseTo(2, 3)
    expect(factor.dataSync()[1]).toBeCloseTo(0, 3)
  })

  it('apply other layers, whose weights become theirs', () => {
    const layer = new Twice({})
    const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [3] }), layer] })
    expect((model.predict(tf.ones([1, 3])) as tf.Tensor).arraySync()).toEqual([[9, 9, 9]])
    expect(model.getWeights().length).toBe(2)
  })

  it('apply layers to what they compute, and say where they cannot', () => {
    class Gate extends tf.layers.Layer {
      static override className = 'Gate'
      readonly inner = tf.layers.dense({ units: 2, kernelInitializer: 'ones', useBias: false })
      scale: tf.LayerVariable | undefined

      constructor(readonly isTwice: boolean) {
        super({ name: 'gate' })
      }

      override build(shape: tf.Shape): void {
        this.scale = this.addWeight('scale', [2], 'float32', 'ones')
        super.build(shape)
      }

      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        const [input] = Array.isArray(inputs) ? inputs : [inputs]
        const doubled = this.isTwice
          ? (input as tf.Tensor).mul((this.scale as tf.LayerVariable).read())
          : (input as tf.Tensor)
        const inner = this.inner.apply(doubled.mul(2)) as tf.Tensor
        return inner.mul((this.scale as tf.LayerVariable).read())
      }
    }
    const layer = new Gate(false)
    const model = tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [2] }), layer] })
    expect((model.predict(tf.tensor2d([[1, 2]])) as tf.Tensor).arraySync()).toEqual([[6, 6]])
    expect(layer.weights.map(({ name }) => name)).toEqual(['gate/scale', 'gate/kernel'])
    layer.setWeights([tf.tensor1d([1, 10]), tf.ones([2, 2])])
    expect((model.predict(tf.tensor2d([[1, 2]])) as tf.Tensor).arraySync()).toEqual([[6, 60]])
    expect(layer.inner.getWeights()[0]?.arraySync()).toEqual([
      [1, 1],
      [1, 1],
    ])
    expect(() => new Gate(true).apply(tf.input({ shape: [2] }))).toThrow(/both before and after a layer/)
    const dense = tf.layers.dense({ units: 1 })
    const scored = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] })
    expect(() => {
      scored.compile({ optimizer: 'sgd', loss: (_, yPred) => dense.apply(yPred) as tf.Tensor })
    }).toThrow(/applied to a value of a loss/)
  })

  it('say what cannot be recorded', () => {
    class Reads extends tf.layers.Layer {
      static override className = 'Reads'

      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        const [input] = Array.isArray(inputs) ? inputs : [inputs]
        return tf.scalar((input as tf.Tensor).dataSync()[0] as number)
      }
    }
    expect(() => new Reads({}).apply(tf.input({ shape: [2] }))).toThrow(/the function is recorded once/)
  })
})

describe('noise', () => {
  const makers = {
    gaussianNoise: () => tf.layers.gaussianNoise({ stddev: 0.5 }),
    gaussianDropout: () => tf.layers.gaussianDropout({ rate: 0.5 }),
    alphaDropout: () => tf.layers.alphaDropout({ rate: 0.5 }),
  }
  it.each(Object.entries(makers))('%s is that of the engine, which predictions leave out, or says so', (name, make) => {
    if (!(name in native)) {
      expect(make).toThrow(/dropout/)
      return
    }
    const rows = tf.tensor2d([[1, 2, 3]])
    expect((make().apply(rows) as tf.Tensor).arraySync()).toEqual(rows.arraySync())
  })
})

describe('what is not there', () => {
  it.each([
    ['convLstm2dCell', 'convLstm2d'],
    ['resizing', 'package for images'],
  ] as const)('%s says so', (name, instead) => {
    expect(() => (tf.layers[name] as (args: object) => unknown)({})).toThrow(instead)
  })

  it.each([
    [() => tf.layers.dense({} as never), /units/],
    [() => tf.layers.lstm({} as never), /units/],
    [() => tf.layers.dense({ units: 2, activation: 'relú' }), /unknown activation/],
    [() => tf.layers.rnn({} as never), /cell/],
    [() => tf.layers.bidirectional({ layer: tf.layers.dense({ units: 1 }) as never }), /recurrent layer/],
    [() => tf.sequential({ layers: [tf.layers.dense({ units: 2 })] }), /inputShape/],
    [() => tf.model({ inputs: tf.input({ shape: [2] }), outputs: [] }), /outputs/],
    [() => tf.layers.dense({ units: 1 }).apply(3 as never), /SymbolicTensors or all Tensors/],
  ])('bad options are named: %#', (run, message) => {
    expect(run).toThrow(message)
  })
})

describe('cells and states', () => {
  it('say what a step takes', async () => {
    const cell = tf.layers.lstmCell({ units: 3 })
    cell.build([null, 2])
    await expectCoded(() => cell.call([tf.ones([1, 2]), tf.ones([1, 3])]), 'ERR_SHAPE', /an input .* and 2 states/)
    await expectCoded(
      () => tf.sequential({ layers: [tf.layers.gruCell({ units: 3, inputShape: [4, 2] })] }),
      'ERR_SHAPE',
      /tf\.layers\.rnn\({ cell }\)/,
    )
  })

  it('are checked when they are given, and refused for training and directions', async () => {
    const layer = tf.layers.lstm({ units: 3, stateful: true, batchInputShape: [2, 4, 1] })
    const model = tf.sequential({ layers: [layer] })
    for (const states of [[tf.ones([2, 3])], [tf.ones([2, 3]), tf.ones([2, 4])], [tf.ones([2, 3]), 3 as never]]) {
      await expectCoded(() => layer.resetStates(states), 'ERR_SHAPE', /expects 2 state\(s\)/)
    }
    layer.resetStates([tf.ones([2, 3]), tf.ones([2, 3])])
    expect(layer.states.map((state) => state?.dataSync()[0])).toEqual([1, 1])
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    await expectCoded(() => model.trainOnBatch(tf.ones([2, 4, 1]), tf.ones([2, 3])), 'ERR_UNSUPPORTED', /initialState/)
    model.resetStates()
    expect(await model.trainOnBatch(tf.ones([2, 4, 1]), tf.ones([2, 3]))).toBeGreaterThan(0)
    const both = tf.layers.bidirectional({ layer: tf.layers.gru({ units: 2, stateful: true }) })
    await expectCoded(() => both.resetStates(tf.ones([2, 2])), 'ERR_UNSUPPORTED', /initialState/)
  })
})

describe('getConfig of a layer', () => {
  const scaling = (scale: number, mode: string, distribution: string) => ({
    className: 'VarianceScaling',
    config: { scale, mode, distribution, seed: null },
  })
  const zeros = { className: 'Zeros', config: {} }

  // As TensorFlow.js 4.22 answers.
  it.each([
    ['dense', tf.layers.dense({ units: 2 }), { kernel: scaling(1, 'fanAvg', 'normal'), bias: zeros }],
    [
      'separableConv2d',
      tf.layers.separableConv2d({ filters: 2, kernelSize: 2 }),
      {
        depthwise: scaling(1, 'fanAvg', 'uniform'),
        pointwise: scaling(1, 'fanAvg', 'uniform'),
        bias: zeros,
      },
    ],
    [
      'gru',
      tf.layers.gru({ units: 2, kernelInitializer: 'heNormal' }),
      {
        kernel: scaling(2, 'fanIn', 'normal'),
        recurrent: { className: 'Orthogonal', config: { gain: 1 } },
        bias: zeros,
      },
    ],
    [
      'embedding',
      tf.layers.embedding({ inputDim: 3, outputDim: 2 }),
      {
        embeddings: { className: 'RandomUniform', config: { minval: -0.05, maxval: 0.05 } },
      },
    ],
  ] as const)('names the initializers and rules of weights that were not given: %s', (_, layer, weights) => {
    const expected = Object.entries(weights).flatMap(([role, initializer]) => [
      [`${role}Initializer`, initializer],
      [`${role}Regularizer`, null],
      [`${role}Constraint`, null],
    ])
    expect(layer.getConfig()).toMatchObject(Object.fromEntries(expected))
  })

  it('keeps what was given, and makes the same layer again', () => {
    const layer = tf.layers.dense({ units: 2, kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }), inputShape: [3] })
    const config = layer.getConfig()
    expect(config.kernelRegularizer).toMatchObject({ className: 'L1L2', config: { l2: 0.1 } })
    expect(tf.layers.dense(config as never).getConfig()).toEqual(config)
  })
})
