import { describe, expect, it } from 'vitest'
import * as layers from '../../src/layers/index.js'
import { input } from '../../src/layers/input.js'
import { layerFromConfig } from '../../src/layers/registry.js'
import { layerConfig } from '../../src/layers/serialize.js'
import { configOf, rebuild } from '../../src/model/config.js'
import { modelGraph } from '../../src/model/lower.js'
import { connect } from '../../src/model/topology.js'

const sequence = () => input({ shape: [null, 5] })
const vector = () => input({ shape: [5] })
const coded = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

describe('shapes', () => {
  it('follow from the options', () => {
    const x = sequence()
    expect(layers.lstm({ units: 3 }).apply(x).shape).toEqual([null, 3])
    const [y, h, c] = layers.lstm({ units: 3, returnSequences: true, returnState: true }).apply(x)
    expect([y.shape, h.shape, c.shape]).toEqual([
      [null, null, 3],
      [null, 3],
      [null, 3],
    ])
    expect(layers.globalAveragePooling1d().apply(x).shape).toEqual([null, 5])
    expect(layers.lastStep().apply(x).shape).toEqual([null, 5])
    expect(layers.repeatVector({ n: 4 }).apply(vector()).shape).toEqual([null, 4, 5])
    expect(layers.concatenate().apply([vector(), vector()]).shape).toEqual([null, 10])
    expect(layers.flatten().apply(input({ shape: [2, 3] })).shape).toEqual([null, 6])
    expect(layers.reshape({ targetShape: [-1, 2] }).apply(input({ shape: [2, 3] })).shape).toEqual([null, 3, 2])
    const sum = layers.bidirectional({ layer: layers.gru({ units: 3, returnState: true }), mergeMode: 'sum' }).apply(x)
    expect(sum.map(({ shape }) => shape)).toEqual([
      [null, 3],
      [null, 3],
      [null, 3],
    ])
  })

  it.each([
    [
      'a vector for a recurrent layer',
      () => layers.lstm({ units: 3, name: 'reader' }).apply(vector()),
      /reader.*\[null, 5\]/,
    ],
    [
      'states of another size',
      () => layers.gru({ units: 3 }).apply(sequence(), { initialState: vector() }),
      /3\].*5\]/,
    ],
    [
      'two states for one',
      () => layers.gru({ units: 3 }).apply([sequence(), vector(), vector()]),
      /1 initial states, got 2/,
    ],
    [
      'sums of different shapes',
      () => layers.add().apply([vector(), input({ shape: [4] })]),
      /\[null, 5\] and \[null, 4\]/,
    ],
    ['a vector for lastStep', () => layers.lastStep().apply(vector()), /\[batch, time, features\].*\[null, 5\]/],
    ['one input for a sum', () => layers.add().apply(vector()), /two or more/],
    ['flattening a free dimension', () => layers.flatten().apply(sequence()), /known/],
    ['reshaping to another size', () => layers.reshape({ targetShape: [4] }).apply(vector()), /5 elements/],
    ['pooling a vector', () => layers.globalMaxPooling1d().apply(vector()), /time/],
    [
      'floats for an embedding',
      () => layers.embedding({ inputDim: 3, outputDim: 2 }).apply(layers.masking().apply(sequence())),
      /int32/,
    ],
  ])('refuse %s', (_, make, message) => {
    expect(make).toThrow(coded('ERR_SHAPE', message))
  })
})

describe('options', () => {
  const wrong = (make: (options: never) => unknown, options: object) => () => make(options as never)

  it.each([
    [wrong(layers.lstm, { unitz: 3 }), 'ERR_OPTION', /layers\.lstm: .*'unitz'.*units/],
    [wrong(layers.lstm, {}), 'ERR_OPTION', /units is missing/],
    [wrong(layers.lstm, { units: 3, recurrentDropout: 1.1 }), 'ERR_OPTION', /recurrentDropout/],
    [wrong(layers.lstm, { units: 3, kernelRegularizer: 'l3' }), 'ERR_OPTION', /kernelRegularizer/],
    [wrong(layers.gru, { units: 3, activation: 'softmax' }), 'ERR_UNSUPPORTED', /softmax/],
    [wrong(layers.gru, { units: 3, activation: 'nothing' }), 'ERR_OPTION', /nothing/],
    [wrong(layers.dense, { units: 3, kernelInitializer: 'magic' }), 'ERR_OPTION', /kernelInitializer/],
    [
      wrong(layers.timeDistributed, { layer: layers.lstm({ units: 2, returnState: true }) }),
      'ERR_UNSUPPORTED',
      /outputs/,
    ],
    [wrong(layers.bidirectional, { layer: layers.dense({ units: 2 }) }), 'ERR_OPTION', /layers\.lstm/],
    [
      wrong(layers.bidirectional, { layer: layers.lstm({ units: 2, goBackwards: true }) }),
      'ERR_UNSUPPORTED',
      /goBackwards/,
    ],
    [wrong(layers.dropout, { rate: 1 }), 'ERR_OPTION', /rate/],
    [wrong(layers.layerNormalization, { axis: 0 }), 'ERR_OPTION', /axis must be an integer that is not 0/],
    [wrong(layers.rootMeanSquareNormalization, { axis: 1 }), 'ERR_UNSUPPORTED', /axis/],
    [wrong(layers.rootMeanSquareNormalization, { epsilon: 0 }), 'ERR_OPTION', /epsilon/],
    [wrong(layers.dense, { units: 2, name: 'a/b' }), 'ERR_OPTION', /name/],
    [wrong(layers.dense, { units: 2, __proto__: null, constructor: 1 }), 'ERR_OPTION', /constructor/],
  ])('are checked at run time: %#', (make, code, message) => {
    expect(make).toThrow(coded(code, message))
  })

  it('that ask for nothing are accepted', () => {
    const options = { units: 3, recurrentDropout: 0, stateful: false, kernelRegularizer: null } as const
    expect(layers.lstm(options as { units: number }).apply(sequence())).toMatchObject({ shape: [null, 3] })
  })
})

describe('configurations', () => {
  it.each([
    layers.embedding({ inputDim: 9, outputDim: 2, maskZero: true }),
    layers.simpleRNN({ units: 2, activation: 'relu', useBias: false }),
    layers.lstm({ units: 2, unitForgetBias: false, kernelInitializer: 'heNormal', dropout: 0.5 }),
    layers.gru({ units: 2, resetAfter: false, goBackwards: true }),
    layers.bidirectional({
      layer: layers.lstm({ units: 2, name: 'ahead' }),
      backwardLayer: layers.gru({ units: 2, goBackwards: true }),
      mergeMode: 'ave',
    }),
    layers.timeDistributed({ layer: layers.dense({ units: 3, activation: 'relu' }) }),
    layers.dropout({ rate: 0.5, noiseShape: [null, 1, null] }),
    layers.layerNormalization({ epsilon: 1e-5, center: false }),
    layers.rootMeanSquareNormalization({ epsilon: 1e-5 }),
    layers.masking({ maskValue: -1 }),
    layers.concatenate({ axis: 1 }),
    layers.maximum({ name: 'largest', trainable: false }),
    layers.reshape({ targetShape: [-1, 2] }),
    layers.repeatVector({ n: 3 }),
  ])('rebuild the layer: %#', (layer) => {
    const saved = layerConfig(layer)
    const again = layerFromConfig(JSON.parse(JSON.stringify(saved)))
    expect(layerConfig(again)).toEqual(saved)
  })

  it('rebuild the model', () => {
    const x = input({ shape: [null], name: 'x' })
    const embedded = layers.embedding({ inputDim: 9, outputDim: 5 }).apply(x)
    const [, h, c] = layers.lstm({ units: 5, returnState: true }).apply(embedded)
    const shared = layers.dense({ units: 5 })
    const y = layers.lstm({ units: 5 }).apply(shared.apply(shared.apply(embedded)), { initialState: [h, c] })
    const topology = connect([x], [y, h])
    const saved = configOf('Functional', 'm', 3, topology, true)
    const again = rebuild(JSON.parse(JSON.stringify(saved)))
    expect(modelGraph(again.topology)).toEqual(modelGraph(topology))
    expect(configOf('Functional', 'm', 3, again.topology, true)).toEqual(saved)
  })

  it.each(['Mystery', 'constructor', '__proto__', '', 7])('refuse the class %s', (className) => {
    expect(() => layerFromConfig({ className, config: {} })).toThrow(coded('ERR_FORMAT', /unknown layer class/))
  })
})
