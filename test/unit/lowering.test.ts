import { describe, expect, it } from 'vitest'
import * as layers from '../../src/layers/index.js'
import { input } from '../../src/layers/input.js'
import type { SymbolicTensor } from '../../src/layers/layer.js'
import { type CompileOptions, plan, trainSpec } from '../../src/model/compile.js'
import { modelGraph } from '../../src/model/lower.js'
import { connect } from '../../src/model/topology.js'

const graphOf = (inputs: SymbolicTensor[], outputs: SymbolicTensor[]) => modelGraph(connect(inputs, outputs))

/** The properties of nodes that say how they are connected. */
const wiring = (graph: ReturnType<typeof modelGraph>) =>
  graph.nodes.map(({ op, inputs, weights, outputs }) => ({ op, inputs, weights, outputs }))

describe('lowering', () => {
  it('gives the wire format of an LSTM classifier', () => {
    const x = input({ shape: [null] })
    const h = layers.lstm({ units: 3 }).apply(layers.embedding({ inputDim: 10, outputDim: 2 }).apply(x))
    const graph = graphOf([x], [layers.dense({ units: 4, activation: 'softmax' }).apply(h)])
    expect(graph).toEqual({
      version: 1,
      inputs: [{ name: 'input_layer', dtype: 'int32', shape: [null, null] }],
      weights: [
        {
          name: 'embedding/embeddings',
          shape: [10, 2],
          trainable: true,
          initializer: { kind: 'randomUniform', minval: -0.05, maxval: 0.05 },
        },
        { name: 'lstm/kernel', shape: [2, 12], trainable: true, initializer: { kind: 'glorotUniform' } },
        {
          name: 'lstm/recurrent_kernel',
          shape: [3, 12],
          trainable: true,
          initializer: { kind: 'orthogonal', gain: 1 },
        },
        { name: 'lstm/bias', shape: [12], trainable: true, initializer: { kind: 'lstmBias' } },
        { name: 'dense/kernel', shape: [3, 4], trainable: true, initializer: { kind: 'glorotUniform' } },
        { name: 'dense/bias', shape: [4], trainable: true, initializer: { kind: 'zeros' } },
      ],
      nodes: [
        {
          name: 'embedding',
          op: 'embedding',
          inputs: [0],
          weights: [0],
          outputs: [1],
          attributes: { maskZero: false },
        },
        {
          name: 'lstm',
          op: 'lstm',
          inputs: [1],
          weights: [1, 2, 3],
          outputs: [2, 3, 4],
          attributes: {
            units: 3,
            activation: 'tanh',
            recurrentActivation: 'sigmoid',
            order: 'forward',
            outputOrder: 'time',
            zeroOutputForMask: true,
          },
        },
        { name: 'dense', op: 'dense', inputs: [3], weights: [4, 5], outputs: [5], attributes: {} },
        {
          name: 'dense/activation',
          op: 'activation',
          inputs: [5],
          weights: [],
          outputs: [6],
          attributes: { kind: 'softmax' },
        },
      ],
      outputs: [6],
    })
  })

  it('runs both directions at each step’s own place, and merges them', () => {
    const x = input({ shape: [null, 5] })
    const both = layers.bidirectional({ layer: layers.gru({ units: 7, returnSequences: true, dropout: 0.1 }) })
    const y = both.apply(x)
    expect(y.shape).toEqual([null, null, 14])
    const { nodes, weights } = graphOf([x], [y])
    expect(nodes.map(({ name, op }) => [name, op])).toEqual([
      ['bidirectional/forward_gru/dropout', 'dropout'],
      ['bidirectional/forward_gru', 'gru'],
      ['bidirectional/backward_gru/dropout', 'dropout'],
      ['bidirectional/backward_gru', 'gru'],
      ['bidirectional/merge', 'concatenate'],
    ])
    expect(nodes[0]?.attributes).toEqual({ rate: 0.1, shareSteps: true })
    expect(nodes[1]?.attributes).toMatchObject({ order: 'forward', outputOrder: 'time', resetAfter: true })
    expect(nodes[3]?.attributes).toMatchObject({ order: 'backward', outputOrder: 'time' })
    expect(weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['bidirectional/forward_gru/kernel', [5, 21]],
      ['bidirectional/forward_gru/recurrent_kernel', [7, 21]],
      ['bidirectional/forward_gru/bias', [2, 21]],
      ['bidirectional/backward_gru/kernel', [5, 21]],
      ['bidirectional/backward_gru/recurrent_kernel', [7, 21]],
      ['bidirectional/backward_gru/bias', [2, 21]],
    ])
  })

  it('connects states of an encoder with a decoder', () => {
    const x = input({ shape: [null, 2], name: 'x' })
    const z = input({ shape: [null, 3], name: 'z' })
    const [, h, c] = layers.lstm({ units: 4, returnState: true }).apply(x)
    const y = layers.lstm({ units: 4, returnSequences: true }).apply(z, { initialState: [h, c] })
    const graph = graphOf([x, z], [y])
    expect(wiring(graph)).toEqual([
      { op: 'lstm', inputs: [0], weights: [0, 1, 2], outputs: [2, 3, 4] },
      { op: 'lstm', inputs: [1, 3, 4], weights: [3, 4, 5], outputs: [5, 6, 7] },
    ])
    expect(graph.weights.map(({ name }) => name).filter((name) => name.endsWith('/kernel'))).toEqual([
      'lstm/kernel',
      'lstm_1/kernel',
    ])
  })

  it('shares the weights of a layer that is applied twice', () => {
    const a = input({ shape: [3] })
    const b = input({ shape: [3] })
    const shared = layers.dense({ units: 2, name: 'shared' })
    const graph = graphOf([a, b], [layers.add().apply([shared.apply(a), shared.apply(b)])])
    expect(graph.weights).toHaveLength(2)
    expect(graph.nodes.map(({ name, weights }) => [name, weights])).toEqual([
      ['shared', [0, 1]],
      ['shared:1', [0, 1]],
      ['add', []],
    ])
    const c = input({ shape: [4] })
    expect(() => graphOf([a, c], [shared.apply(a), shared.apply(c)])).toThrow(/shared\/kernel/)
  })

  it('freezes what is not trainable, inside wrappers too', () => {
    const x = input({ shape: [null, 3] })
    const frozen = layers.bidirectional({ layer: layers.lstm({ units: 2 }), trainable: false })
    const graph = graphOf([x], [layers.dense({ units: 1 }).apply(frozen.apply(x))])
    expect(graph.weights.map(({ trainable }) => trainable)).toEqual([...Array(6).fill(false), true, true])
  })

  it('goes backwards as Keras does', () => {
    const x = input({ shape: [null, 3] })
    const y = layers.simpleRNN({ units: 2, goBackwards: true, returnSequences: true }).apply(x)
    expect(graphOf([x], [y]).nodes[0]?.attributes).toEqual({
      units: 2,
      activation: 'tanh',
      order: 'backward',
      outputOrder: 'processing',
      zeroOutputForMask: true,
    })
  })
})

describe('compiling', () => {
  const x = input({ shape: [null, 3], name: 'x' })
  const sequence = layers.gru({ units: 4, returnSequences: true, name: 'reader' }).apply(x)
  const steps = layers.timeDistributed({ layer: layers.dense({ units: 5 }), name: 'steps' }).apply(sequence)
  const value = layers.dense({ units: 1, name: 'value' }).apply(layers.globalMaxPooling1d().apply(sequence))
  const topology = connect([x], [steps, value])
  const options: CompileOptions = {
    optimizer: 'adam',
    loss: { steps: 'sparseCategoricalCrossentropy', value: 'mse' },
    metrics: { steps: ['accuracy'] },
    lossWeights: { value: 0.5 },
  }

  it('adds targets after the inputs, then losses and metrics', () => {
    const made = plan(topology, options)
    const { graph, losses, metrics } = trainSpec(topology, made, { weighted: [1], classWeights: [] })
    expect(graph.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['x', 'float32', [null, null, 3]],
      ['target steps', 'int32', [null, null]],
      ['target value', 'float32', [null, 1]],
      ['sampleWeight', 'float32', [null]],
    ])
    expect(losses).toEqual([
      { output: 2, weight: 1 },
      { output: 4, weight: 0.5 },
    ])
    expect(metrics).toEqual([
      { name: 'steps_loss', output: 2 },
      { name: 'value_loss', output: 4 },
      { name: 'steps_accuracy', output: 6 },
    ])
    expect(graph.outputs).toHaveLength(8)
    const loss = graph.nodes.find(({ name }) => name === 'value/loss')
    expect(loss?.inputs).toEqual([graph.outputs[1], 2, 3])
    expect(graph.nodes.at(-1)?.attributes).toEqual({ kind: 'sparseCategoricalAccuracy' })
  })

  it.each([
    [{ loss: ['mse'] }, /2 outputs/],
    [{ loss: { other: 'mse' } }, /other/],
    [{ metrics: ['sparseCategoricalAccuracy'] }, /does not fit/],
    [{ metrics: { steps: ['accuracy', 'accuracy'] } }, /taken/],
    [{ loss: { steps: 'mse2' } }, /mse2/],
  ])('refuses %j', (wrong, message) => {
    expect(() => plan(topology, { ...options, ...wrong } as CompileOptions)).toThrow(message)
  })

  it('leaves out outputs without a loss', () => {
    const made = plan(topology, { optimizer: 'sgd', loss: [null, 'mae'] })
    expect(made.targets.map(({ name }) => name)).toEqual(['value'])
    expect(made.metricNames).toEqual([])
  })
})
