import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  cells,
  defineCell,
  defineLayer,
  input,
  interop,
  layers,
  losses,
  type Model,
  model,
  ops,
  type SymbolicValue,
  sequential,
  tasks,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { wave } from '../helpers/models.js'
import { expectResult, expectSame, madeUp, OnnxFile } from '../helpers/onnx.js'

const random = { biasInitializer: 'randomNormal' } as const
const steps = (features = 3) => input({ shape: [null, features] })
const functional = (inputs: unknown, outputs: unknown): Model => model({ inputs, outputs, seed: 3 } as never) as never
const stack = (...all: unknown[]): Model => sequential(all as never, { seed: 2 }) as never
const sequence = { inputShape: [null, 3] } as const

/** Models with each layer, by its factory. */
const byLayer: Record<string, () => Model[]> = {
  activation: () =>
    (
      [
        ...['linear', 'relu', 'sigmoid', 'tanh', 'hardSigmoid', 'softsign', 'softplus', 'elu', 'selu', 'gelu', 'silu'],
        ...['exponential', 'softmax', 'logSoftmax', 'hardSigmoidKeras2', 'swish', 'mish', 'relu6', 'leakyRelu'],
      ] as const
    ).map((kind) => stack(layers.activation({ activation: kind as 'tanh', ...sequence }))),
  dense: () => [
    stack(layers.dense({ units: 4, activation: 'tanh', inputShape: [3] })),
    stack(layers.dense({ units: 4, useBias: false, ...sequence })),
  ],
  dropout: () => [stack(layers.dropout({ rate: 0.5, ...sequence }))],
  embedding: () => [
    stack(layers.embedding({ inputDim: 5, outputDim: 3 })),
    stack(layers.embedding({ inputDim: 5, outputDim: 3, maskZero: true }), layers.lastStep()),
  ],
  simpleRNN: () => recurrent(layers.simpleRNN),
  lstm: () => recurrent(layers.lstm),
  gru: () => [
    ...recurrent(layers.gru),
    stack(layers.gru({ units: 4, resetAfter: false, ...sequence, ...random })),
    stack(layers.gru({ units: 4, recurrentActivation: 'hardSigmoid', ...sequence, ...random })),
    stack(
      layers.gru({ units: 4, activation: 'elu', recurrentActivation: 'hardSigmoidKeras2', ...sequence, ...random }),
    ),
  ],
  rnn: () => [stack(layers.rnn({ cell: cells.lstm({ units: 4 }), returnSequences: true, ...sequence }))],
  bidirectional: () =>
    (['concat', 'sum', 'ave', 'mul'] as const).map((mergeMode) =>
      stack(layers.bidirectional({ layer: layers.lstm({ units: 4, returnSequences: true }), mergeMode, ...sequence })),
    ),
  timeDistributed: () => [stack(layers.timeDistributed({ layer: layers.dense({ units: 2 }), ...sequence }))],
  lastStep: () => [stack(layers.lastStep(sequence))],
  masking: () => [stack(layers.masking({ ...sequence }), layers.lstm({ units: 3, returnSequences: true }))],
  globalAveragePooling1d: () => [stack(layers.globalAveragePooling1d(sequence))],
  globalMaxPooling1d: () => [stack(layers.globalMaxPooling1d(sequence))],
  layerNormalization: () => [
    stack(layers.layerNormalization(sequence)),
    stack(layers.layerNormalization({ center: false, ...sequence })),
    stack(layers.layerNormalization({ scale: false, ...sequence })),
    stack(layers.layerNormalization({ axis: [1, 2], inputShape: [4, 3], gammaInitializer: 'randomNormal' })),
  ],
  batchNormalization: () => [
    stack(layers.batchNormalization({ ...sequence, movingMeanInitializer: 'randomNormal' })),
    stack(layers.batchNormalization({ center: false, inputShape: [3], betaInitializer: 'randomNormal' })),
    stack(layers.batchNormalization({ axis: 1, scale: false, inputShape: [4, 3], epsilon: 0.5 })),
    stack(layers.batchNormalization({ axis: 2, inputShape: [4, 2, 3], gammaInitializer: 'randomNormal' })),
  ],
  groupNormalization: () => [
    stack(layers.groupNormalization({ groups: 3, ...sequence, gammaInitializer: 'randomNormal' })),
    stack(layers.groupNormalization({ groups: 2, axis: 1, inputShape: [4, 3], betaInitializer: 'randomNormal' })),
  ],
  normalization: () => [
    stack(layers.normalization({ mean: [1, 2, 3], variance: [1, 4, 9], ...sequence })),
    stack(layers.normalization({ axis: null, mean: 2, variance: 4, invert: true, ...sequence })),
  ],
  prelu: () => [
    stack(layers.prelu({ sharedAxes: [1], ...sequence, alphaInitializer: 'randomNormal' })),
    stack(layers.prelu({ inputShape: [4, 3], alphaInitializer: 'randomNormal' })),
  ],
  unitNormalization: () => [stack(layers.unitNormalization(sequence))],
  alphaDropout: () => [stack(layers.alphaDropout({ rate: 0.3, ...sequence }))],
  gaussianDropout: () => [stack(layers.gaussianDropout({ rate: 0.3, ...sequence }))],
  gaussianNoise: () => [stack(layers.gaussianNoise({ stddev: 0.3, ...sequence }))],
  spatialDropout1d: () => [stack(layers.spatialDropout1d({ rate: 0.3, ...sequence }))],
  rootMeanSquareNormalization: () => [stack(layers.rootMeanSquareNormalization(sequence))],
  flatten: () => [stack(layers.flatten({ inputShape: [4, 3] }))],
  reshape: () => [stack(layers.reshape({ targetShape: [2, -1], inputShape: [4, 3] } as never))],
  repeatVector: () => [stack(layers.repeatVector({ n: 5, inputShape: [3] }))],
  concatenate: () => [merging((all) => layers.concatenate().apply(all as never))],
  add: () => [merging((all) => layers.add().apply(all as never))],
  average: () => [merging((all) => layers.average().apply(all as never))],
  maximum: () => [merging((all) => layers.maximum().apply(all as never))],
  minimum: () => [merging((all) => layers.minimum().apply(all as never))],
  multiply: () => [merging((all) => layers.multiply().apply(all as never))],
  subtract: () => [merging((all) => layers.subtract().apply(all as never), 2)],
  attention: () => [
    merging((all) => layers.attention({ useScale: true }).apply(all as never), 2),
    merging((all) => layers.attention({ scoreMode: 'concat' }).apply(all as never), 3),
  ],
  additiveAttention: () => [merging((all) => layers.additiveAttention().apply(all as never), 2)],
  multiHeadAttention: () => [
    merging((all) => layers.multiHeadAttention({ numHeads: 2, keyDim: 3 }).apply(all as never), 2),
  ],
  doublyStochasticPenalty: () => [stack(layers.doublyStochasticPenalty(sequence as never))],
  conv1d: () =>
    [
      { padding: 'same', activation: 'relu' },
      { padding: 'causal', dilationRate: 2 },
      { strides: 2 },
      { filters: 6, groups: 3, padding: 'same' },
    ].map((options) =>
      stack(layers.conv1d({ filters: 4, kernelSize: 2, ...sequence, ...random, ...options } as never)),
    ),
  depthwiseConv1d: () =>
    [1, 2].map((depthMultiplier) =>
      stack(layers.depthwiseConv1d({ kernelSize: 3, depthMultiplier, padding: 'same', ...sequence, ...random })),
    ),
  separableConv1d: () => [
    stack(layers.separableConv1d({ filters: 4, kernelSize: 2, padding: 'causal', ...sequence, ...random })),
  ],
  depthwiseConv2d: () =>
    [1, 2].map((depthMultiplier) =>
      stack(
        layers.depthwiseConv2d({
          kernelSize: [2, 3],
          depthMultiplier,
          padding: 'same',
          inputShape: [5, 6, 2],
          ...random,
        }),
      ),
    ),
  separableConv2d: () => [
    stack(layers.separableConv2d({ filters: 4, kernelSize: 2, strides: 2, inputShape: [5, 6, 2], ...random })),
  ],
  conv1dTranspose: () =>
    [
      { padding: 'same', strides: 2 },
      { padding: 'valid', strides: 3 },
      { padding: 'same', strides: 1 },
      // More is cut off than there is.
      { padding: 'same', kernelSize: 4, dilationRate: 5 },
      { filters: 1, strides: 4, inputShape: [1, 3] },
    ].map((options) =>
      stack(layers.conv1dTranspose({ filters: 4, kernelSize: 3, ...sequence, ...random, ...options } as never)),
    ),
  maxPooling1d: () => [
    stack(layers.maxPooling1d(sequence)),
    stack(layers.maxPooling1d({ poolSize: 3, strides: 1, padding: 'same', ...sequence })),
  ],
  averagePooling1d: () => [
    stack(layers.averagePooling1d(sequence)),
    stack(layers.averagePooling1d({ poolSize: 3, strides: 1, padding: 'same', ...sequence })),
  ],
  cropping1d: () => [stack(layers.cropping1d({ cropping: [1, 0], ...sequence }))],
  zeroPadding1d: () => [stack(layers.zeroPadding1d({ padding: [2, 1], ...sequence }))],
  upSampling1d: () => [stack(layers.upSampling1d(sequence))],
  cropping2d: () => [stack(layers.cropping2d({ cropping: [1, [0, 2]], inputShape: [5, 6, 2] }))],
  zeroPadding2d: () => [stack(layers.zeroPadding2d({ padding: [1, [0, 2]], inputShape: [5, 6, 2] }))],
  upSampling2d: () => [
    stack(layers.upSampling2d({ size: [2, 3], inputShape: [3, 2, 2] })),
    stack(layers.upSampling2d({ interpolation: 'bilinear', inputShape: [3, 2, 2] })),
  ],
  permute: () => [stack(layers.permute({ dims: [2, 1], inputShape: [4, 3] }))],
  dot: () => [merging((all) => layers.dot({ axes: 2, normalize: true }).apply(all as never), 2)],
  lambda: () => [stack(layers.lambda({ function: (x) => x.mul(0.5).add(1), ...sequence }))],
  conv2d: () => [
    stack(layers.conv2d({ filters: 4, kernelSize: [2, 3], padding: 'same', inputShape: [5, 6, 2], ...random })),
    stack(layers.conv2d({ filters: 4, kernelSize: 2, groups: 2, strides: 2, inputShape: [5, 6, 2], ...random })),
  ],
  conv3d: () => [
    stack(layers.conv3d({ filters: 3, kernelSize: [2, 3, 2], padding: 'same', inputShape: [4, 5, 3, 2], ...random })),
  ],
  conv2dTranspose: () =>
    [
      { padding: 'same', strides: [2, 1] },
      { padding: 'valid', strides: [2, 1] },
      // One channel.
      { filters: 1, padding: 'same' },
    ].map((options) =>
      stack(
        layers.conv2dTranspose({
          filters: 4,
          kernelSize: [2, 3],
          inputShape: [3, 4, 2],
          ...random,
          ...options,
        } as never),
      ),
    ),
  conv3dTranspose: () => [
    stack(
      layers.conv3dTranspose({ filters: 2, kernelSize: 2, strides: [2, 1, 1], inputShape: [2, 3, 2, 2], ...random }),
    ),
  ],
  maxPooling2d: () => [stack(layers.maxPooling2d({ inputShape: [5, 6, 2] }))],
  averagePooling2d: () => [stack(layers.averagePooling2d({ padding: 'same', strides: 1, inputShape: [5, 6, 2] }))],
  maxPooling3d: () => [stack(layers.maxPooling3d({ inputShape: [4, 5, 6, 2] }))],
  averagePooling3d: () => [stack(layers.averagePooling3d({ padding: 'same', strides: 1, inputShape: [3, 4, 5, 2] }))],
  globalAveragePooling2d: () => [stack(layers.globalAveragePooling2d({ inputShape: [5, 6, 2] }))],
  globalMaxPooling2d: () => [stack(layers.globalMaxPooling2d({ inputShape: [5, 6, 2] }))],
  globalAveragePooling3d: () => [stack(layers.globalAveragePooling3d({ inputShape: [2, 3, 4, 2] }))],
  globalMaxPooling3d: () => [stack(layers.globalMaxPooling3d({ keepdims: true, inputShape: [2, 3, 4, 2] }))],
  convLstm1d: () => [
    stack(layers.convLstm1d({ filters: 2, kernelSize: 3, returnSequences: true, inputShape: [null, 5, 2], ...random })),
  ],
  convLstm2d: () => [
    stack(layers.convLstm2d({ filters: 2, kernelSize: 2, padding: 'same', inputShape: [null, 4, 3, 2], ...random })),
  ],
}

function recurrent(make: (options: never) => unknown): Model[] {
  return [
    {},
    { returnSequences: true },
    { goBackwards: true, returnSequences: true },
    { useBias: false },
    { activation: 'softsign' },
    { activation: 'hardSigmoid' },
    { activation: 'linear' },
    { activation: 'relu' },
    { activation: 'elu' },
    { activation: 'leakyRelu' },
    { activation: 'mish' },
  ].map((options) => stack(make({ units: 4, ...sequence, ...random, ...options } as never)))
}

function merging(apply: (all: unknown[]) => unknown, count = 3): Model {
  const inputs = Array.from({ length: count }, () => steps())
  return functional(inputs, apply(inputs))
}

/** Models with each ready-made cell, by its factory. */
const byCell: Record<string, () => Model[]> = {
  simpleRNN: () => [celled(cells.simpleRNN({ units: 4 }))],
  lstm: () => [celled(cells.lstm({ units: 4 }))],
  gru: () => [celled(cells.gru({ units: 4 })), celled(cells.gru({ units: 4, resetAfter: false }))],
  peepholeLSTM: () => [celled(cells.peepholeLSTM({ units: 4 }))],
  layerNormLSTM: () => [celled(cells.layerNormLSTM({ units: 4 }))],
  projectedLSTM: () => [celled(cells.projectedLSTM({ units: 4, projection: 3 } as never))],
  gridLSTM: () => [celled(cells.gridLSTM({ units: 4, depth: 2 } as never))],
  gridBlock: () => [celled(block())],
  bahdanau: () => [reading(cells.bahdanau({ units: 4 }))],
  luong: () => [reading(cells.luong({ units: 4 })), reading(cells.luong({ units: 3, score: 'dot' } as never))],
  showAttendTell: () => [reading(cells.showAttendTell({ units: 4 }), 'annotations')],
  minGRU: () => [celled(cells.minGRU({ units: 4 })), celled(cells.minGRU({ units: 4, positive: true }))],
  minLSTM: () => [celled(cells.minLSTM({ units: 4 }))],
  indRNN: () => [celled(cells.indRNN({ units: 4, steps: 9 }))],
  sru: () => [celled(cells.sru({ units: 4 })), celled(cells.sru({ units: 3, highway: 'identity' }))],
  qrnn: () => [celled(cells.qrnn({ units: 4, window: 3, pooling: 'ifo' }))],
  lru: () => [celled(cells.lru({ units: 4 }))],
  sLSTM: () => [celled(cells.sLSTM({ units: 4, heads: 2 }))],
  mLSTM: () => [celled(cells.mLSTM({ units: 4, heads: 2 }))],
  s4d: () => [celled(cells.s4d({ units: 4, stateSize: 6 }))],
  s5: () => [celled(cells.s5({ units: 4, stateSize: 6 }))],
  mamba: () => [celled(cells.mamba({ units: 4 }))],
  rwkv: () => [celled(cells.rwkv({ units: 4 }))],
  gatedDeltaNet: () => [celled(cells.gatedDeltaNet({ units: 4, heads: 2 }))],
  coRNN: () => [celled(cells.coRNN({ units: 4 }))],
  cfc: () => [timed(cells.cfc({ units: 4, backboneUnits: 6 }), 3, 1)],
  gruD: () => [timed(cells.gruD({ units: 4 }), 3, 3, 1)],
  zoneout: () => [celled(cells.zoneout({ cell: cells.gru({ units: 4 }), rate: 0.2 }))],
}

/** A cell of two sides that are no time. */
const block = () =>
  defineCell({
    name: 'block',
    inputs: { x: [3] },
    states: { h: 3, m: 3 },
    outputs: ['up'],
    weights: { kernels: [0, 1].map(() => [6, 12]), biases: [0, 1].map(() => [12]) },
    step({ x, h, m }, w) {
      const weights = w.kernels.map((kernel, at) => ({ kernel, bias: w.biases[at] as typeof kernel }))
      const [time, up] = cells.gridBlock(
        [
          { h, m },
          { h: x, m: x },
        ],
        weights,
      ) as never as [{ h: typeof h; m: typeof h }, { h: typeof h }]
      return { h: time.h, m: time.m, up: up.h }
    },
  })

/** A cell, once with all outputs and once with the last, and its states. */
function celled(cell: unknown): Model {
  const x = steps()
  const all = layers.rnn({ cell: cell as never, returnSequences: true }).apply(x) as never
  const last = layers.rnn({ cell: cell as never, returnState: true, goBackwards: true }).apply(x) as never
  return functional(x, [all, last].flat())
}

/** A cell that reads several values of these widths at each step. */
function timed(cell: unknown, ...widths: number[]): Model {
  const inputs = widths.map((width) => input({ shape: [null, width] }))
  return functional(inputs, layers.rnn({ cell: cell as never, returnSequences: true }).apply(inputs))
}

/** A cell that reads a memory. */
function reading(cell: unknown, constant = 'memory'): Model {
  const [x, memory] = [steps(), steps()]
  const read = layers
    .rnn({ cell: cell as never, returnSequences: true })
    .apply(x, { constants: { [constant]: memory } })
  return functional([x, memory], read)
}

const padded = { lengths: [6, 2, 4] }

/** Asserts that a session and its file give the same for three steps of made-up values. */
async function expectSteps(m: Model, step: string | undefined): Promise<void> {
  const options = { stateful: true, ...(step === undefined ? {} : { step }) } as const
  const file = await OnnxFile.open(await interop.toOnnx(m, undefined, options))
  const inputs = madeUp(m, { rows: 2, time: 3, tokens: 3 })
  const names = m.inputs.map(({ call }) => call.layer.name)
  const moving = step === undefined ? 0 : names.indexOf(step)
  const fixed = inputs.flatMap((each, index) => (index === moving ? [] : [[names[index] as string, each] as const]))
  let kept: Record<string, never> = {}
  if (fixed.length > 0) {
    const before = await OnnxFile.open(await interop.toOnnx(m, undefined, { ...options, stateful: 'start' }))
    kept = (await before.run(Object.fromEntries(fixed))) as never
  }
  for (const name of file.inputs.slice(1)) {
    const size = file.sizeOf(name)
    kept[name] ??= { data: new Float32Array(2 * size), shape: [2, size] } as never
  }
  const constants = Object.fromEntries(fixed.map(([name, { data, shape }]) => [name, tensor(data, shape)]))
  const session = m.session({ batchSize: 2, constants } as never)
  const { data, shape } = inputs[moving] as (typeof inputs)[number]
  const rest = shape.slice(2)
  const size = rest.reduce((product, each) => product * each, 1)
  for (let at = 0; at < 3; at++) {
    const rows = [0, 1].map((row) => data.slice((row * 3 + at) * size, (row * 3 + at + 1) * size))
    const values =
      data instanceof Int32Array
        ? Int32Array.from(rows.flatMap((row) => [...row]))
        : Float32Array.from(rows.flatMap((row) => [...row]))
    const results = await file.run({ ...kept, [file.inputs[0] as string]: { data: values, shape: [2, 1, ...rest] } })
    const expected = [session.step(values)].flat() as { data: Float32Array; shape: readonly number[] }[]
    expected.forEach((value, index) => {
      const result = results[file.outputs[index] as string]?.data as Float32Array
      expectResult({ data: result, shape: value.shape }, value, `step ${at}`)
    })
    for (const name of file.inputs) if (results[`${name}_next`]) kept[name] = results[`${name}_next`] as never
  }
}

describe('toOnnx', () => {
  it('is tried with every layer and every cell', () => {
    const cellFactories = ['gruCell', 'lstmCell', 'simpleRNNCell', 'stackedRNNCells']
    // What runs before the graph is not in its file.
    const encoders = [
      'hashing',
      'discretization',
      'categoryEncoding',
      'stringLookup',
      'integerLookup',
      'textVectorization',
      'hashedCrossing',
    ]
    expect(Object.keys(byLayer).sort()).toEqual(
      Object.keys(layers)
        // What ONNX has no operations for: see crf.test.ts and transducer.test.ts.
        .filter((name) => ![...cellFactories, ...encoders, 'crf', 'transducerJoint'].includes(name))
        .sort(),
    )
    expect(Object.keys(byCell).sort()).toEqual(Object.keys(cells).sort())
  })

  for (const [name, make] of Object.entries(byLayer)) {
    it(`layers.${name}: another runtime computes the same, with and without padding`, async () => {
      for (const m of make()) {
        await expectSame(m)
        if (madeUp(m).some(({ isSequence }) => isSequence)) await expectSame(m, padded)
      }
    })
  }

  for (const [name, make] of Object.entries(byCell)) {
    it(`cells.${name}: another runtime computes the same, with and without padding`, async () => {
      for (const m of make()) {
        await expectSame(m)
        await expectSame(m, padded)
      }
    })
  }

  it('writes every operation of traced layers and cells', async () => {
    const traced = defineLayer({
      name: 'many',
      inputs: { x: ['time', 'size'] },
      weights: { table: [7, 2], w: ['size', 'size'] },
      call({ x }, { table, w }) {
        const found = table.gather(x.argmax({ axis: 2 }))
        const numbers = [
          x.neg().abs().add(0.1).sqrt().log(),
          x.square().exp().div(x.abs().add(1)),
          x.max({ axis: 1, keepDims: true }).sub(x.mean({ axis: 1, keepDims: true })),
          x
            .sum({ axis: 1, keepDims: true })
            .add(x.sum({ axis: 2, keepDims: true }))
            .add(x.cumulativeSum({ axis: 1 })),
          x.cumulativeSum({ axis: 2, reverse: true }).maximum(0.2).minimum(0.9),
          x.greater(0.1).where(x.softmax({ axis: 1 }), x.notEqual(0).add(x.lessEqual(0))),
          x.matmul(w, { transposeB: true }).layerNorm({ axis: 2 }),
          x.matmul(x, { transposeB: true }).sigmoid().matmul(x),
          x.transpose([0, 2, 1]).transpose([0, 2, 1]).softplus().softsign().hardSigmoid(),
        ]
        return [numbers.reduce((sum, each) => sum.add(each)), found]
      },
    })
    const x = steps(4)
    await expectSame(functional(x, traced().apply(x)))
    await expectSame(functional(x, traced().apply(x)), padded)
  })

  it('keeps steps that masks leave out, also between others, and repeats outputs where it was asked for', async () => {
    for (const zeroOutputForMask of [true, false]) {
      for (const goBackwards of [true, false]) {
        const words = input({ shape: [null], dtype: 'int32' })
        const x = layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true }).apply(words)
        const options = { returnSequences: true, zeroOutputForMask, goBackwards, returnState: true } as const
        const outputs = [
          layers.lstm({ units: 3, ...options }).apply(x),
          layers.gru({ units: 3, ...options }).apply(x),
          layers.rnn({ cell: cells.lstm({ units: 3 }), ...options }).apply(x),
        ]
        await expectSame(functional(words, outputs.flat()), { time: 9, tokens: 3 })
        await expectSame(functional(words, outputs.flat()), { time: 9, tokens: 3, lengths: [9, 2, 5] })
      }
    }
    const both = layers.bidirectional({
      layer: layers.lstm({ units: 3, returnSequences: true, zeroOutputForMask: false }),
    })
    const read = layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true })
    await expectSame(stack(read, both, layers.globalMaxPooling1d()), { time: 9, tokens: 3 })
  })

  it('joins sequences along the time, each with its own steps', async () => {
    const join = defineLayer({
      inputs: { a: ['first', 'features'], b: ['second', 'features'] },
      call: ({ a, b }) => ops.concat([a, b.softsign()], 1),
    })
    const words = input({ shape: [null], dtype: 'int32' })
    const x = layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true }).apply(words)
    for (const pair of [
      [x, layers.simpleRNN({ units: 3, returnSequences: true, goBackwards: true }).apply(x)],
      [steps(), steps()],
    ]) {
      const joined = join().apply(pair as never)
      const inputs = pair[0] === x ? words : pair
      await expectSame(functional(inputs, [joined, layers.gru({ units: 3 }).apply(joined)]), { time: 5, tokens: 3 })
    }
  })

  it('takes rows that are masked as a whole', async () => {
    const read = layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true })
    for (const layer of [layers.lstm({ units: 3 }), layers.globalMaxPooling1d(), layers.lastStep()]) {
      const m = stack(read, layer)
      const data = Int32Array.of(0, 0, 0, 1, 0, 2)
      const file = await OnnxFile.open(await interop.toOnnx(m))
      const results = await file.run({ [file.inputs[0] as string]: { data, shape: [2, 3] } })
      const expected = (await m.predict(tensor(data, [2, 3]))) as never
      expectResult(results[file.outputs[0] as string], expected, 'a masked row')
    }
  })

  it('takes initial states, cells without inputs, and several inputs and outputs by their names', async () => {
    const [x, h] = [input({ shape: [null, 3], name: 'sounds' }), input({ shape: [4], name: 'before' })]
    const [y, last] = layers.gru({ units: 4, returnState: true, name: 'reader' }).apply(x, { initialState: [h] })
    const m = functional([x, h], [layers.dense({ units: 2, name: 'head' }).apply(y as never), last])
    const file = await expectSame(m)
    expect(file.inputs).toEqual(['sounds', 'before'])
    expect(file.outputs).toEqual(['head', 'reader'])
    const counter = defineCell({
      name: 'counter',
      inputs: {},
      states: { h: 4 },
      outputs: ['y'],
      weights: { w: [4, 4] },
      step: ({ h }, { w }) => {
        const next = h.matmul(w).tanh()
        return { h: next, y: next.mul(2) }
      },
    })
    const start = input({ shape: [4] })
    const run = layers.rnn({ cell: counter as never, steps: 5, returnSequences: true })
    await expectSame(functional(start, run.apply([] as never, { initialState: [start] } as never)))
  })

  it.each([13, 14, 15, 16, 17, 18, 19, 20, 21])('writes operators of version %i', async (opset) => {
    const words = layers.embedding({ inputDim: 4, outputDim: 3, maskZero: true })
    const reader = layers.bidirectional({ layer: layers.gru({ units: 3, returnSequences: true }) })
    const cell = layers.rnn({ cell: cells.layerNormLSTM({ units: 3 }), returnSequences: true })
    await expectSame(stack(words, reader, cell, layers.layerNormalization(), layers.globalAveragePooling1d()), {
      opset,
    })
  })
})

describe('toOnnx, stateful', () => {
  const states = (file: OnnxFile) => file.inputs.filter((name) => file.outputs.includes(`${name}_next`))

  it('gives step by step what a session gives, with states as inputs and outputs', async () => {
    const m = stack(
      layers.embedding({ inputDim: 5, outputDim: 3 }),
      layers.lstm({ units: 4, returnSequences: true, name: 'first' }),
      layers.gru({ units: 3, returnSequences: true, name: 'second' }),
      layers.rnn({ cell: cells.peepholeLSTM({ units: 3 }), name: 'third' }),
      layers.dense({ units: 2, activation: 'softmax', name: 'head' }),
    )
    const file = await OnnxFile.open(await interop.toOnnx(m, undefined, { stateful: true }))
    expect(file.inputs.slice(1)).toEqual(['first_h', 'first_c', 'second_h', 'third_h', 'third_c'])
    expect(file.outputs.slice(0, 3)).toEqual(['head', 'first_h_next', 'first_c_next'])
    const session = m.session({ batchSize: 2 })
    const sizes: Record<string, number> = { first_h: 4, first_c: 4, second_h: 3, third_h: 3, third_c: 3 }
    let kept = Object.fromEntries(
      Object.entries(sizes).map(([name, size]) => [name, { data: new Float32Array(2 * size), shape: [2, size] }]),
    )
    for (const tokens of [
      [1, 4],
      [2, 0],
      [3, 3],
    ]) {
      const step = { data: Int32Array.from(tokens), shape: [2, 1] }
      const results = await file.run({ [file.inputs[0] as string]: step, ...kept })
      expectResult(results.head, session.step(tokens) as never, 'a step')
      kept = Object.fromEntries(states(file).map((name) => [name, results[`${name}_next`] as never]))
    }
  })

  it('writes a decoder in two parts: what comes before the first step, and the step', async () => {
    const [source, target] = [
      input({ shape: [null], dtype: 'int32', name: 'source' }),
      input({ shape: [null], dtype: 'int32', name: 'target' }),
    ]
    const words = layers.embedding({ inputDim: 6, outputDim: 3 })
    const encoder = layers.bidirectional({ layer: layers.gru({ units: 2, returnSequences: true }), name: 'encoder' })
    const memory = encoder.apply(words.apply(source)) as never
    const first = layers.dense({ units: 4, activation: 'tanh', name: 'bridge' }).apply(layers.lastStep().apply(memory))
    const decoder = layers.rnn({ cell: cells.bahdanau({ units: 4 }), returnSequences: true, name: 'decoder' })
    const [read] = decoder.apply(words.apply(target), {
      initialState: [first],
      constants: { memory },
    } as never) as never as [never]
    const m = functional([source, target], layers.dense({ units: 6, name: 'head' }).apply(read))
    const before = await OnnxFile.open(await interop.toOnnx(m, undefined, { stateful: 'start', step: 'target' }))
    const file = await OnnxFile.open(await interop.toOnnx(m, undefined, { stateful: true, step: 'target' }))
    expect(before.inputs).toEqual(['source'])
    expect([...file.inputs].sort()).toEqual([...before.outputs, 'target'].sort())
    const given = { data: Int32Array.of(1, 2, 3, 4, 5, 0), shape: [2, 3] }
    const session = m.session({ constants: { source: tensor(given.data, given.shape) } })
    let kept = await before.run({ source: given })
    for (const tokens of [
      [1, 4],
      [2, 0],
      [3, 3],
    ]) {
      const results = await file.run({ ...kept, target: { data: Int32Array.from(tokens), shape: [2, 1] } })
      const [value] = [session.step(tokens)].flat() as never as [Float32Array & { data: Float32Array; shape: number[] }]
      expectResult({ ...results.head, shape: [2, 6] } as never, { data: value.data, shape: [2, 6] }, 'a step')
      for (const name of states(file)) kept = { ...kept, [name]: results[`${name}_next`] as never }
    }
  })

  it('takes several steps at a time', async () => {
    const m = stack(layers.gru({ units: 3, returnSequences: true, ...sequence, name: 'reader' }))
    const file = await OnnxFile.open(await interop.toOnnx(m, undefined, { stateful: true }))
    const [{ data, shape }] = madeUp(m, { rows: 1, time: 5 }) as [ReturnType<typeof madeUp>[number]]
    const [name] = file.inputs as [string]
    const zeros = { data: new Float32Array(3), shape: [1, 3] }
    const first = await file.run({ [name]: { data: data.slice(0, 6), shape: [1, 2, 3] }, reader_h: zeros })
    const rest = { [name]: { data: data.slice(6), shape: [1, 3, 3] }, reader_h: first.reader_h_next as never }
    const second = await file.run(rest)
    const both = [first, second].flatMap(({ reader }) => Array.from(reader?.data ?? []))
    expectResult({ data: both, shape: [1, 5, 3] }, (await m.predict(tensor(data, shape))) as never, 'steps')
  })

  it('refuses what cannot go step by step', async () => {
    const both = stack(layers.bidirectional({ layer: layers.lstm({ units: 2 }), ...sequence }))
    await expect(interop.toOnnx(both, undefined, { stateful: true })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    const one = stack(layers.lstm({ units: 2, ...sequence }))
    await expect(interop.toOnnx(one, undefined, { stateful: 'start' })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(interop.toOnnx(one, undefined, { step: 'x' })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(
      interop.toOnnx(
        merging((all) => layers.add().apply(all as never), 2),
        undefined,
        { stateful: true },
      ),
    ).rejects.toThrow(/step must say/)
  })
})

describe('toOnnx with the loss', () => {
  const head = (units: number, activation?: string) =>
    layers.dense({ units, ...(activation ? { activation } : {}) } as never)
  const cases = {
    classes: [head(3, 'softmax'), 'sparseCategoricalCrossentropy', 'labels'],
    logits: [head(3), losses.sparseCategoricalCrossentropy({ fromLogits: true }), 'labels'],
    distributions: [head(3, 'softmax'), losses.categoricalCrossentropy({ labelSmoothing: 0.1 }), 3],
    binary: [head(2, 'sigmoid'), losses.binaryCrossentropy({ labelSmoothing: 0.2 }), 2],
    'binary logits': [head(2), losses.binaryCrossentropy({ fromLogits: true }), 2],
    squares: [head(2), 'meanSquaredError', 2],
    distances: [head(2), 'meanAbsoluteError', 2],
    huber: [head(2), losses.huber({ delta: 0.3 }), 2],
    traced: [
      head(2),
      (yTrue: SymbolicValue, yPred: SymbolicValue) =>
        yPred.sub(yTrue).square().mul(yTrue.abs().add(1)).mean({ axis: -1 }),
      2,
    ],
  } as const
  for (const [name, [last, loss, width]] of Object.entries(cases)) {
    for (const returnSequences of [false, true]) {
      it(`${name}, ${returnSequences ? 'of every step' : 'of the last step'}: another runtime finds what evaluate finds`, async () => {
        const m = stack(layers.gru({ units: 4, returnSequences, ...sequence, name: 'reader' }), last)
        m.compile({ optimizer: 'sgd', loss: loss as never })
        const [x] = madeUp(m) as [ReturnType<typeof madeUp>[number]]
        const positions = returnSequences ? [3, 6] : [3]
        const count = positions.reduce((product, size) => product * size)
        const labels = Int32Array.from({ length: count }, (_, at) => at % 3)
        const shape = width === 'labels' ? positions : [...positions, width]
        const y = width === 'labels' ? labels : wave(count * width, 5).map((value) => (value + 1) / 2)
        const bytes = await interop.toOnnx(m, undefined, { loss: true, lengths: returnSequences })
        // One number for all rows is no output of a model of ours.
        const file = await OnnxFile.open(bytes, { readsBack: false })
        expect(file.outputs.at(-1)).toBe('loss')
        const lengths = returnSequences ? { lengths: padded.lengths } : {}
        const feeds: Record<string, { data: Float32Array | Int32Array; shape: readonly number[] }> = {}
        for (const input of file.inputs) {
          if (input.endsWith('_lengths')) feeds[input] = { data: Int32Array.from(padded.lengths), shape: [3] }
          else feeds[input] = input.startsWith('target_') ? { data: y, shape } : x
        }
        const results = await file.run(feeds)
        const expected = await m.evaluate(tensor(x.data, x.shape, lengths), tensor(y, shape, lengths))
        const [value] = [expected].flat() as number[]
        expect(results.loss?.data[0]).toBeCloseTo(value as number, 5)
      })
    }
  }

  it('needs a compiled model', async () => {
    const m = stack(layers.gru({ units: 4, ...sequence }))
    await expect(interop.toOnnx(m, undefined, { loss: true })).rejects.toMatchObject({ code: 'ERR_STATE' })
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    const both = interop.toOnnx(m, undefined, { loss: true, stateful: true })
    await expect(both).rejects.toMatchObject({ code: 'ERR_OPTION' })
  })
})

describe('toOnnx of the tasks', () => {
  const quick = { epochs: 1, batchSize: 4 } as const
  const size = { units: 5, embedding: 4, seed: 1 } as const
  const texts = ['the quick brown fox', 'a lazy dog sleeps', 'foxes and dogs', 'the dog and the fox run']
  const ragged = { lengths: [6, 2, 4], tokens: 4 }
  const image = (phase: number) => ({
    data: Uint8Array.from(wave(8 * 8 * 3, phase), (x) => 127 * (x + 1)),
    width: 8,
    height: 8,
  })

  const trained: Record<string, () => Promise<{ model: unknown }>> = {
    async TextClassifier() {
      const task = new tasks.TextClassifier({ ...size, bidirectional: true })
      await task.train(
        texts.map((text, row) => ({ text, label: row % 2 ? 'a' : 'b' })),
        quick,
      )
      return task
    },
    async LanguageEncoder() {
      const task = new tasks.LanguageEncoder({ ...size, bidirectional: true })
      await task.train(texts, quick)
      return task
    },
    async SequenceTagger() {
      const task = new tasks.SequenceTagger(size)
      await task.train(
        texts.map((text) => ({ tokens: text.split(' '), tags: text.split(' ').map((word) => word[0] as string) })),
        quick,
      )
      return task
    },
    async TextGenerator() {
      const task = new tasks.TextGenerator({ ...size, layers: 2 })
      await task.train(texts.join('. ').repeat(9), { ...quick, time: 8 })
      return task
    },
    async Translator() {
      const task = new tasks.Translator({ ...size, units: 6 })
      await task.train(
        texts.map((source) => ({ source, target: source.split(' ').toReversed().join(' ') })),
        quick,
      )
      return task
    },
    async Forecaster() {
      const task = new tasks.Forecaster({ variables: ['here', 'there'], horizon: 2, window: 12, units: 5, seed: 1 })
      await task.train(
        Array.from({ length: 80 }, (_, t) => [Math.sin(t / 3), Math.cos(t / 4)]),
        quick,
      )
      return task
    },
    async Captioner() {
      const task = new tasks.Captioner({ ...size, units: 6, patchSize: 4, annotationSize: 4 })
      await task.train(
        texts.map((caption, row) => ({ image: image(row), caption })),
        quick,
      )
      return task
    },
    async Transcriber() {
      const task = new tasks.Transcriber({ units: 5, layers: 1, seed: 1 })
      await task.train(
        texts.map((text, row) => ({
          frames: Array.from({ length: 40 }, (_, t) => [Math.sin((row + 1) * t), Math.cos(t)]),
          text,
        })),
        quick,
      )
      return task
    },
    async QuestionAnswerer() {
      const task = new tasks.QuestionAnswerer({ ...size, hops: 2 })
      await task.train(
        texts.map((story) => ({ story, question: 'who is it?', answer: story.split(' ')[1] as string })),
        quick,
      )
      return task
    },
  }

  /** The input that comes step by step, for those whose network can. */
  const streams: Record<string, string | undefined> = {
    TextGenerator: undefined,
    Forecaster: undefined,
    Translator: 'previous',
    Captioner: 'previous',
  }

  it('is tried with every task', () => {
    expect(Object.keys(trained).sort()).toEqual(Object.keys(tasks).sort())
  })

  for (const [name, train] of Object.entries(trained)) {
    it(`${name}: another runtime computes the same`, async () => {
      const { model: network } = (await train()) as { model: Model }
      await expectSame(network)
      await expectSame(network, ragged)
      if (name in streams) await expectSteps(network, streams[name])
    })
  }
})

describe('toOnnx, bad input', () => {
  it('names everything that cannot be written', async () => {
    const drawn = defineLayer({ name: 'drawn', inputs: { x: ['size'] }, call: ({ x }) => x.sample() })
    const x = input({ shape: [3] })
    const m = functional(x, [drawn().apply(x), drawn().apply(x)])
    await expect(interop.toOnnx(m)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/random numbers[\s\S]*random numbers/),
    })
  })

  it('refuses other versions, options and files, and leaves an old file alone', async () => {
    const m = stack(layers.dense({ units: 2, inputShape: [3] }))
    const refused = (options: unknown) =>
      expect(interop.toOnnx(m, undefined, options as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await refused({ opset: 12 })
    await refused({ opset: 99 })
    await refused({ stateful: 'end' })
    await refused({ states: true })
    await expect(interop.toOnnx({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    await expect(interop.toOnnx(m, join(folder, 'missing', 'a.onnx'))).rejects.toMatchObject({ code: 'ERR_IO' })
    const path = join(folder, 'a.onnx')
    await interop.toOnnx(m, path)
    expect(readdirSync(folder)).toEqual(['a.onnx'])
    expect([...readFileSync(path)]).toEqual([...(await interop.toOnnx(m))])
    rmSync(folder, { recursive: true })
  })
})
