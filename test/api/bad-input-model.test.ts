import { callbacks, configure, input, layers, losses, model, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { regression, tokenClassifier, wave, weightValues } from '../helpers/models.js'

const optionCodes = ['ERR_OPTION', 'ERR_SHAPE', 'ERR_UNSUPPORTED'] as const

describe('options', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '8', null, undefined])('refuses units: %s', (units) =>
    expectCoded(() => layers.lstm({ units: units as never }), optionCodes, /units/),
  )

  it('refuses unknown options and names', async () => {
    await expectCoded(() => layers.lstm({ units: 4, hidden: 3 } as never), optionCodes, /hidden/)
    await expectCoded(() => layers.lstm({ units: 4, activation: 'tanhh' as never }), optionCodes, /tanhh/)
    await expectCoded(() => layers.dense({ units: 4, kernelInitializer: 'glorot' as never }), optionCodes, /glorot/)
    await expectCoded(
      () => regression().compile({ optimizer: 'adamm' as never, loss: 'meanSquaredError' }),
      optionCodes,
      /adamm/,
    )
    await expectCoded(() => regression().compile({ optimizer: 'adam', loss: 'mse2' as never }), optionCodes, /mse2/)
    await expectCoded(
      () => regression().compile({ optimizer: 'adam', loss: 'meanSquaredError', metrics: ['acc2' as never] }),
      optionCodes,
      /acc2/,
    )
  })

  it('refuses optimizers and losses out of range', async () => {
    for (const learningRate of [-1, Number.NaN, Number.POSITIVE_INFINITY, '1' as never])
      await expectCoded(() => optimizers.adam({ learningRate }), optionCodes, /learningRate/)
    await expectCoded(() => optimizers.adam({ beta1: 1.5 }), optionCodes, /beta1/)
    await expectCoded(() => optimizers.sgd({ clipNorm: -1 }), optionCodes, /clipNorm/)
    await expectCoded(() => losses.huber({ delta: -1 }), optionCodes, /delta/)
    await expectCoded(() => layers.dropout({ rate: 1.5 }), optionCodes, /rate/)
  })

  it('refuses fit options out of range', async () => {
    const m = regression()
    const x = tensor(wave(12), [2, 3, 2])
    const y = tensor(wave(2), [2, 1])
    for (const bad of [
      { epochs: -1 },
      { epochs: 1.5 },
      { batchSize: 0 },
      { batchSize: Number.NaN },
      { validationSplit: 1 },
      { validationSplit: -0.1 },
      { epoch: 3 },
    ])
      await expectCoded(() => m.fit(x, y, bad as never), optionCodes, new RegExp(Object.keys(bad)[0] as string))
    await expectCoded(() => callbacks.earlyStopping({ patience: -1 }), optionCodes, /patience/)
  })

  it('refuses threads out of range', async () => {
    for (const threads of [0, -1, 1.5, 1e9, Number.NaN])
      await expectCoded(() => configure({ threads }), optionCodes, /threads/)
  })
})

describe('graphs', () => {
  it('refuses a model without an input shape, or without layers', async () => {
    await expectCoded(() => sequential([layers.lstm({ units: 4 })]), ['ERR_SHAPE', 'ERR_OPTION'], /inputShape/)
    await expectCoded(() => sequential([]), ['ERR_SHAPE', 'ERR_OPTION', 'ERR_STATE'])
  })

  it('names the layer that does not fit', () =>
    expectCoded(
      () =>
        sequential([
          layers.lstm({ units: 4, inputShape: [null, 2] }),
          layers.lstm({ units: 4, name: 'second' }),
          layers.dense({ units: 1 }),
        ]),
      'ERR_SHAPE',
      /second/,
    ))

  it('refuses an output that no input reaches', async () => {
    const a = input({ shape: [3] })
    const b = input({ shape: [3] })
    const y = layers.dense({ units: 2 }).apply(b)
    await expectCoded(
      () => model({ inputs: [a], outputs: [y as never] }),
      ['ERR_SHAPE', 'ERR_OPTION', 'ERR_STATE', 'ERR_UNSUPPORTED'],
    )
  })

  it('refuses initial states of another size', async () => {
    const x = input({ shape: [null, 3] })
    const h = input({ shape: [5] })
    await expectCoded(
      () => layers.gru({ units: 4, name: 'reader' }).apply(x, { initialState: [h] }),
      'ERR_SHAPE',
      /reader/,
    )
  })

  it('refuses to stream what cannot stream', async () => {
    const both = sequential([
      layers.bidirectional({ layer: layers.lstm({ units: 2 }), inputShape: [null, 3] } as never),
    ])
    await expectCoded(() => both.session({ batchSize: 1 }), 'ERR_UNSUPPORTED')
  })
})

describe('weights', () => {
  it('refuses weights of a wrong shape or number, and keeps the old ones', async () => {
    const m = regression()
    const before = weightValues(m)
    const shapes = Object.values(m.namedWeights()).map(({ shape }) => [...shape])
    const tensors = shapes.map((shape) => tensor(wave(shape.reduce((a, b) => a * b, 1)), shape))
    const last = tensors.length - 1
    await expectCoded(() => m.setWeights(tensors.slice(1)), ['ERR_SHAPE', 'ERR_DATA'], new RegExp(String(last)))
    await expectCoded(
      () => m.setWeights([...tensors.slice(0, last), tensor(wave(2), [2])]),
      ['ERR_SHAPE', 'ERR_DATA'],
      /head|bias/,
    )
    await expectCoded(() => m.setWeights('weights' as never), ['ERR_SHAPE', 'ERR_DATA', 'ERR_OPTION'])
    expect(weightValues(m)).toEqual(before)
    m.setWeights(tensors)
    expect(weightValues(m)).not.toEqual(before)
  })
})

describe('sizes that no machine can hold', () => {
  const codes = ['ERR_MEMORY', 'ERR_SHAPE', 'ERR_OPTION'] as const

  it.each([2 ** 20, 2 ** 24, 2 ** 31, 2 ** 40, 2 ** 53 - 1])('refuses an LSTM of %i units', (units) =>
    expectCoded(async () => {
      const m = sequential([layers.lstm({ units, inputShape: [null, 8], recurrentInitializer: 'zeros' })])
      await m.predict(tensor(wave(8), [1, 1, 8]))
    }, codes),
  )

  it.each([2 ** 36, 2 ** 50])('refuses an embedding of %i rows', (inputDim) =>
    expectCoded(() => sequential([layers.embedding({ inputDim, outputDim: 64 })]), codes),
  )

  it('refuses a batch whose workspace no machine can hold', () =>
    expectCoded(async () => {
      const m = sequential([
        layers.embedding({ inputDim: 2, outputDim: 64 }),
        layers.dense({ units: 65_536, kernelInitializer: 'zeros' }),
      ])
      await m.predict(tensor(new Int32Array(4_000_000), [1, 4_000_000]))
    }, codes))

  it('goes on working', async () => {
    const { shape } = await tokenClassifier().predict([[1, 2, 3]])
    expect(shape).toEqual([1, 3])
  })
})
