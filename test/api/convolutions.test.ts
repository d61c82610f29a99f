import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  input,
  interop,
  layers,
  loadModel,
  type Model,
  model,
  optimizers,
  sequential,
  type Tensor,
  tensor,
} from '../../dist/index.js'
import { waves } from '../helpers/waves.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-convolutions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Rows of so many steps, as nested arrays. */
const ragged = (lengths: readonly number[], width: number): number[][][] =>
  lengths.map((length, row) =>
    Array.from({ length }, (_, step) => Array.from({ length: width }, (_, at) => Math.sin(row + step * 1.3 + at))),
  )

it('convolutional LSTMs work without a bias', async () => {
  for (const [make, inputShape] of [
    [layers.convLstm1d, [null, 4, 1]],
    [layers.convLstm2d, [null, 4, 3, 1]],
  ] as const) {
    const options = { filters: 2, kernelSize: 2, inputShape, unitForgetBias: false, activation: null }
    const [plain, without] = [true, false].map((useBias) =>
      sequential([make({ ...options, useBias } as never)], { seed: 1 }),
    )
    const x = waves([2, 3, ...inputShape.slice(1)] as number[])
    expect(without?.getWeights()).toHaveLength(2)
    expect(await without?.predict(x)).toEqual(await plain?.predict(x))
  }
})

const coded = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

const sequence = { inputShape: [null, 3] } as const

/** Layers that treat each row by its own length. */
const ofRows: Readonly<Record<string, () => Model>> = {
  valid: () => sequential([layers.conv1d({ filters: 4, kernelSize: 3, ...sequence })]),
  causal: () =>
    sequential([layers.conv1d({ filters: 4, kernelSize: 3, padding: 'causal', dilationRate: 2, ...sequence })]),
  strides: () => sequential([layers.conv1d({ filters: 4, kernelSize: 4, strides: 3, padding: 'same', ...sequence })]),
  groups: () => sequential([layers.conv1d({ filters: 6, kernelSize: 3, groups: 3, padding: 'same', ...sequence })]),
  depthwise: () => sequential([layers.depthwiseConv1d({ kernelSize: 3, depthMultiplier: 2, ...sequence })]),
  separable: () => sequential([layers.separableConv1d({ filters: 4, kernelSize: 2, ...sequence })]),
  transposed: () => sequential([layers.conv1dTranspose({ filters: 4, kernelSize: 3, ...sequence })]),
  maxima: () => sequential([layers.maxPooling1d({ poolSize: 3, strides: 2, padding: 'same', ...sequence })]),
  means: () => sequential([layers.averagePooling1d({ poolSize: 3, strides: 2, padding: 'same', ...sequence })]),
  cropping: () => sequential([layers.cropping1d({ cropping: [1, 1], ...sequence })]),
  padding: () => sequential([layers.zeroPadding1d({ padding: [2, 1], ...sequence })]),
}

describe('convolutions and pooling of rows of different lengths', () => {
  it.each(Object.keys(ofRows))('treat each row as if it was alone: %s', async (name) => {
    const m = (ofRows[name] as () => Model)()
    const rows = ragged([7, 4, 9], 3)
    const all = (await m.predict(rows as never)) as Tensor
    const [, time, width] = all.shape as [number, number, number]
    for (const [at, row] of rows.entries()) {
      const alone = (await m.predict([row] as never)) as Tensor
      const places = alone.shape[1] as number
      expect(all.lengths?.[at] ?? time).toBe(places)
      const own = all.data.slice(at * time * width, (at * time + places) * width)
      for (const [index, value] of alone.data.entries()) expect(own[index]).toBeCloseTo(value, 5)
    }
    m.dispose()
  })

  it('leave later layers the steps that are valid', async () => {
    const m = sequential([
      layers.conv1d({ filters: 4, kernelSize: 3, activation: 'relu', biasInitializer: 'ones', ...sequence }),
      layers.maxPooling1d({ poolSize: 2 }),
      layers.lstm({ units: 3, returnSequences: true }),
      layers.globalAveragePooling1d({ keepdims: true }),
    ])
    const rows = ragged([6, 12], 3)
    const together = (await m.predict(rows as never)) as Tensor
    expect(together.shape).toEqual([2, 1, 3])
    const alone = (await m.predict([rows[0]] as never)) as Tensor
    for (const [at, value] of alone.data.entries()) expect(together.data[at]).toBeCloseTo(value, 5)
    m.dispose()
  })

  it('take masked steps for zeros', async () => {
    const m = sequential([
      layers.masking({ maskValue: 9, inputShape: [4, 1] }),
      layers.conv1d({ filters: 1, kernelSize: 2 }),
    ])
    m.setWeights([tensor([1, 10], [2, 1, 1]), tensor([0], [1])])
    const { data } = (await m.predict([[[1], [9], [3], [4]]] as never)) as Tensor
    expect([...data]).toEqual([1, 30, 43])
    m.dispose()
  })
})

describe('sessions of causal convolutions', () => {
  it.each([
    { name: 'dilated', layer: () => layers.conv1d({ filters: 4, kernelSize: 3, padding: 'causal', dilationRate: 2 }) },
    { name: 'of one step', layer: () => layers.conv1d({ filters: 4, kernelSize: 1 }) },
    { name: 'in groups', layer: () => layers.conv1d({ filters: 6, kernelSize: 2, padding: 'causal', groups: 3 }) },
    { name: 'separable', layer: () => layers.separableConv1d({ filters: 4, kernelSize: 3, padding: 'causal' }) },
  ])('give the same step by step: $name', async ({ layer }) => {
    const m = sequential([
      layers.dense({ units: 3, ...sequence }),
      layer() as never,
      layers.gru({ units: 2, returnSequences: true }),
    ])
    const x = waves([1, 8, 3])
    const whole = (await m.predict(x)) as Tensor
    using session = m.session()
    for (let step = 0; step < 8; step++) {
      const { data } = session.step(x.data.slice(step * 3, step * 3 + 3)) as Tensor
      for (const [at, value] of data.entries()) expect(value).toBeCloseTo(whole.data[step * 2 + at] as number, 5)
    }
    m.dispose()
  })

  it('refuse what needs later steps, or several', () => {
    for (const options of [{ padding: 'same' }, {}, { padding: 'causal', strides: 2 }] as const) {
      const m = sequential([layers.conv1d({ filters: 2, kernelSize: 3, ...sequence, ...options })])
      expect(() => m.session()).toThrow(coded('ERR_UNSUPPORTED', /needs the whole sequence/))
      m.dispose()
    }
  })
})

describe('convolutions', () => {
  it('tell what does not fit', () => {
    const conv = (options: object) => () => layers.conv1d({ filters: 4, kernelSize: 3, ...options } as never)
    expect(conv({ kernelSize: 0 })).toThrow(coded('ERR_OPTION', /kernelSize must be an integer of at least 1/))
    expect(conv({ kernelSize: [3, 3] })).toThrow(coded('ERR_OPTION', /or an array of one/))
    expect(conv({ strides: 2, dilationRate: 2 })).toThrow(coded('ERR_OPTION', /strides and dilationRate/))
    expect(conv({ groups: 3 })).toThrow(coded('ERR_OPTION', /filters must be a multiple of groups; got 4 and 3/))
    expect(conv({ padding: 'full' })).toThrow(coded('ERR_OPTION', /'valid', 'same', 'causal'/))
    expect(conv({ dataFormat: 'channelsFirst' })).toThrow(coded('ERR_UNSUPPORTED', /dataFormat 'channelsFirst'/))
    expect(conv({ activation: 'sine' })).toThrow(coded('ERR_OPTION', /activation/))
    expect(() => layers.conv1d({ filters: 4 } as never)).toThrow(coded('ERR_OPTION', /kernelSize is missing/))
    const apply = (layer: { apply: (x: never) => unknown }, shape: (number | null)[]) => () =>
      layer.apply(input({ shape }) as never)
    expect(apply(layers.conv1d({ filters: 4, kernelSize: 3 }), [2, 3])).toThrow(
      coded('ERR_SHAPE', /'conv1d' \(Conv1D\): windows over 3 steps do not fit into 2 steps/),
    )
    expect(apply(layers.conv1d({ filters: 4, kernelSize: 3 }), [3])).toThrow(
      coded('ERR_SHAPE', /\[batch, time, channels\]/),
    )
    expect(apply(layers.conv1d({ filters: 4, kernelSize: 3, groups: 2 }), [9, 3])).toThrow(
      coded('ERR_SHAPE', /3 channels cannot be divided into 2 groups/),
    )
    expect(apply(layers.cropping1d({ cropping: 2 }), [4, 3])).toThrow(coded('ERR_SHAPE', /do not fit/))
    expect(apply(layers.permute({ dims: [2, 1] }), [4, 3, 2])).toThrow(coded('ERR_SHAPE', /3 dimensions/))
    expect(() => layers.permute({ dims: [1, 3] })).toThrow(coded('ERR_OPTION', /dims/))
    expect(() => layers.dot({ axes: 0 })).toThrow(coded('ERR_OPTION', /the batch/))
  })

  it('of images tell what does not fit', () => {
    expect(() => layers.zeroPadding2d({ padding: -1 })).toThrow(coded('ERR_OPTION', /padding must be.*\[top, bottom\]/))
    expect(() => layers.cropping2d({ cropping: [1, 2, 3] as never })).toThrow(coded('ERR_OPTION', /cropping must be/))
    expect(() => layers.upSampling2d({ size: [1, 5000] })).toThrow(coded('ERR_OPTION', /size must be.*1 to 1024/))
    expect(() => layers.upSampling2d({ interpolation: 'bicubic' as never })).toThrow(
      coded('ERR_OPTION', /'nearest', 'bilinear'/),
    )
    expect(() => layers.upSampling2d({ dataFormat: 'channelsFirst' as never })).toThrow(
      coded('ERR_UNSUPPORTED', /dataFormat/),
    )
    expect(() => layers.depthwiseConv2d({ kernelSize: [1, 2, 3] })).toThrow(coded('ERR_OPTION', /an array of 2/))
    expect(() => layers.separableConv2d({ filters: 2, kernelSize: 3, padding: 'causal' as never })).toThrow(
      coded('ERR_OPTION', /padding/),
    )
    const apply = (layer: { apply: (x: never) => unknown }, shape: (number | null)[]) => () =>
      layer.apply(input({ shape }) as never)
    expect(apply(layers.cropping2d({ cropping: 2 }), [4, 5, 1])).toThrow(
      coded('ERR_SHAPE', /'cropping2d' \(Cropping2D\).*do not fit/),
    )
    expect(apply(layers.zeroPadding2d(), [4, 5])).toThrow(coded('ERR_SHAPE', /\[batch, height, width, channels\]/))
    expect(apply(layers.depthwiseConv2d({ kernelSize: 4 }), [3, 4, 1])).toThrow(coded('ERR_SHAPE', /do not fit/))
    expect(apply(layers.upSampling2d(), [null, null, 1])).toThrow(coded('ERR_SHAPE', /only one size/))
    expect(apply(layers.upSampling2d({ interpolation: 'bilinear' }), [null, 4, 1])).toThrow(
      coded('ERR_SHAPE', /must be known/),
    )
  })

  it('of images take a height that is known per call alone', async () => {
    const m = sequential([
      layers.zeroPadding2d({ padding: [1, [0, 2]], inputShape: [null, 4, 2] }),
      layers.depthwiseConv2d({ kernelSize: [3, 2], depthMultiplier: 2 }),
      layers.upSampling2d({ size: [3, 2] }),
      layers.separableConv2d({ filters: 3, kernelSize: 2, strides: 2 }),
      layers.cropping2d({ cropping: [[1, 0], 1] }),
    ])
    for (const height of [3, 6]) {
      expect(((await m.predict(waves([2, height, 4, 2]))) as Tensor).shape).toEqual([
        2,
        Math.floor((height * 3) / 2) - 1,
        3,
        3,
      ])
    }
    const copy = await loadModel(await m.toBytes())
    const x = waves([1, 5, 4, 2])
    expect(await copy.predict(x)).toEqual(await m.predict(x))
    copy.dispose()
    m.dispose()
  })

  it('tell when the steps of a batch are too few', async () => {
    const m = sequential([layers.conv1d({ filters: 4, kernelSize: 5, ...sequence })])
    await expect(m.predict(waves([1, 3, 3]))).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringMatching(/do not fit/),
    })
    m.dispose()
  })

  it('have the weights of PyTorch, and give them back', async () => {
    const m = sequential([
      layers.conv1d({ filters: 4, kernelSize: 3, groups: 1, name: 'a', ...sequence }),
      layers.conv1dTranspose({ filters: 5, kernelSize: 2, name: 'b' }),
      layers.depthwiseConv1d({ kernelSize: 2, depthMultiplier: 2, name: 'c' }),
      layers.reshape({ targetShape: [2, -1, 10] }),
      layers.depthwiseConv2d({ kernelSize: [2, 1], depthMultiplier: 2, name: 'd' }),
    ])
    m.setWeights(m.getWeights().map(({ shape }, at) => waves(shape, at)))
    const before = m.getWeights()
    const path = join(folder, 'weights.pt')
    await interop.toPyTorch(m, path)
    m.setWeights(before.map(({ shape }) => waves(shape, 9)))
    await interop.loadPyTorch(path, { model: m })
    expect(m.getWeights()).toEqual(before)
    m.dispose()
  })
})

describe('models for TensorFlow.js', () => {
  const steps = { inputShape: [8, 3] } as const
  const out: Readonly<Record<string, () => Model>> = {
    convolutions: () =>
      sequential([
        layers.conv1d({ filters: 4, kernelSize: 3, padding: 'same', dilationRate: 2, activation: 'relu', ...steps }),
        layers.maxPooling1d({ poolSize: 3, strides: 2, padding: 'same' }),
        layers.averagePooling1d(),
        layers.permute({ dims: [2, 1] }),
        layers.globalMaxPooling1d(),
      ]),
    images: () =>
      sequential([
        layers.conv2d({ filters: 3, kernelSize: [3, 2], strides: 2, inputShape: [6, 7, 2] }),
        layers.maxPooling2d(),
        layers.globalAveragePooling2d(),
      ]),
    'images, channel by channel': () =>
      sequential([
        layers.zeroPadding2d({ padding: [1, [0, 2]], inputShape: [4, 5, 2] }),
        layers.depthwiseConv2d({ kernelSize: [3, 2], depthMultiplier: 2, activation: 'relu' }),
        layers.upSampling2d({ interpolation: 'bilinear', halfPixelCenters: false }),
        layers.separableConv2d({ filters: 3, kernelSize: 2, strides: 2 }),
        layers.upSampling2d({ size: [2, 3] }),
        layers.cropping2d({ cropping: [[1, 0], 1] }),
      ]),
    products: () => {
      const [a, b] = [input({ shape: [4, 3] }), input({ shape: [5, 3] })]
      return model({ inputs: [a, b], outputs: layers.dot({ axes: 2, normalize: true }).apply([a, b]) })
    },
    'convolutional LSTMs': () =>
      sequential([layers.convLstm2d({ filters: 2, kernelSize: 2, inputShape: [3, 4, 5, 1], activation: 'softsign' })]),
  }

  it.each(Object.keys(out))('go out and come back: %s', async (name) => {
    const m = (out[name] as () => Model)()
    m.setWeights(m.getWeights().map(({ shape }, at) => waves(shape, at)))
    const back = await interop.loadTfjs(await interop.toTfjs(m))
    const given = m.inputs.map(({ shape }, at) => waves([2, ...(shape.slice(1) as number[])], at))
    const x = (given.length === 1 ? given[0] : given) as never
    expect(((await back.predict(x)) as Tensor).data).toEqual(((await m.predict(x)) as Tensor).data)
    back.dispose()
    m.dispose()
  })

  it('are refused with what it has not', async () => {
    const refused = sequential([
      layers.separableConv1d({ filters: 4, kernelSize: 3, ...steps }),
      layers.conv1d({ filters: 4, kernelSize: 3, groups: 2, padding: 'causal' }),
    ])
    await expect(interop.toTfjs(refused)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/SeparableConv1D.*groups.*causal/s),
    })
    refused.dispose()
    const centred = sequential([layers.upSampling2d({ interpolation: 'bilinear', inputShape: [2, 2, 1] })])
    await expect(interop.toTfjs(centred)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/UpSampling2D.*halfPixelCenters: true/s),
    })
    centred.dispose()
  })
})

describe('layers.lambda', () => {
  it('traces a function of one input or several, and is saved as its operations', async () => {
    const [a, b] = [input({ shape: [null, 2] }), input({ shape: [null, 2] })]
    const difference = layers.lambda({ function: ([x, y]) => x.sub(y).abs(), name: 'difference' })
    const half = layers.lambda({ function: (x) => x.mul(0.5) })
    const m = model({ inputs: [a, b], outputs: half.apply(difference.apply([a, b])) })
    const given = [waves([1, 3, 2]), waves([1, 3, 2], 4)]
    const { data } = (await m.predict(given as never)) as Tensor
    for (const [at, value] of data.entries()) {
      expect(value).toBeCloseTo(Math.abs((given[0]?.data[at] as number) - (given[1]?.data[at] as number)) / 2, 6)
    }
    const copy = await loadModel(await m.toBytes())
    expect([...((await copy.predict(given as never)) as Tensor).data]).toEqual([...data])
    copy.dispose()
    m.dispose()
  })

  it('tells why a function cannot be traced', () => {
    const apply = (f: unknown) => () => layers.lambda({ function: f as never }).apply(input({ shape: [2] }))
    expect(apply((x: { double(): unknown }) => x.double())).toThrow(
      coded('ERR_OPTION', /cannot be traced: .*double.*methods/),
    )
    expect(apply((x: number) => x * 2)).toThrow(coded('ERR_OPTION', /a\.add\(b\)/))
    expect(apply(() => 3)).toThrow(coded('ERR_OPTION', /expected a symbolic value/))
    expect(() => layers.lambda({} as never)).toThrow(coded('ERR_OPTION', /function is missing/))
  })

  it('trains what comes before it', async () => {
    const m = sequential([
      layers.dense({ units: 1, useBias: false, inputShape: [1] }),
      layers.lambda({ function: (x) => x.square() }),
    ])
    m.setWeights([tensor([2], [1, 1])])
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' })
    await m.trainOnBatch([[1]], [[3]])
    // d(w² - 3)²/dw = 4w(w² - 3) = 8
    expect(m.getWeights()[0]?.data[0]).toBeCloseTo(2 - 0.1 * 8, 5)
    m.dispose()
  })
})

describe('convolutional LSTMs', () => {
  it('return states, begin with them, and run both ways', async () => {
    const x = input({ shape: [null, 5, 2] })
    const [sequences, h, c] = layers
      .convLstm1d({ filters: 3, kernelSize: 3, returnSequences: true, returnState: true, padding: 'same' })
      .apply(x)
    const last = layers.convLstm1d({ filters: 3, kernelSize: 3, padding: 'same' }).apply(x, { initialState: [h, c] })
    const both = layers.bidirectional({ layer: layers.convLstm1d({ filters: 2, kernelSize: 3 }) as never }).apply(x)
    const m = model({ inputs: x, outputs: [sequences, h, last, both] as never })
    const [all, state, end, joined] = (await m.predict(waves([2, 4, 5, 2]))) as unknown as Tensor[]
    expect([all, state, end, joined].map((each) => each?.shape)).toEqual([
      [2, 4, 5, 3],
      [2, 5, 3],
      [2, 5, 3],
      [2, 3, 4],
    ])
    expect([...(all as Tensor).data.slice(45, 60)]).toEqual([...(state as Tensor).data.slice(0, 15)])
    m.dispose()
  })

  it('carry states from batch to batch, and step by step in sessions', async () => {
    const options = { filters: 2, kernelSize: 3, padding: 'same', inputShape: [null, 4, 1] } as const
    const stateful = sequential([layers.convLstm1d({ ...options, stateful: true })])
    const plain = sequential([layers.convLstm1d({ ...options, returnSequences: true })])
    plain.setWeights(stateful.getWeights())
    const x = waves([1, 6, 4, 1])
    const whole = (await plain.predict(x)) as Tensor
    // Two batches of a row each.
    const halves = (await stateful.predict(tensor(x.data, [2, 3, 4, 1]), { batchSize: 1 })) as Tensor
    for (const [at, value] of halves.data.entries()) {
      expect(value).toBeCloseTo(whole.data[at < 8 ? 16 + at : 32 + at] as number, 5)
    }
    using session = plain.session()
    for (let step = 0; step < 6; step++) {
      const { data } = session.step(x.data.slice(step * 4, step * 4 + 4)) as Tensor
      for (const [at, value] of data.entries()) expect(value).toBeCloseTo(whole.data[step * 8 + at] as number, 5)
    }
    stateful.dispose()
    plain.dispose()
  })

  it('refuse steps of unknown sizes', () => {
    const layer = layers.convLstm2d({ filters: 2, kernelSize: 3 })
    expect(() => layer.apply(input({ shape: [null, null, 4, 1] }))).toThrow(coded('ERR_SHAPE', /must be known/))
  })
})
