import { callbacks, input, layers, type Model, model, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { caught } from '../helpers/errors.js'
import { regression, tokenClassifier, wave } from '../helpers/models.js'

const x = tensor(wave(12 * 4 * 2), [12, 4, 2])
const y = Float32Array.from({ length: 12 }, (_, i) => i / 12)

describe('clone', () => {
  it('predicts, evaluates and trains on like the model, from the same step of the optimizer', async () => {
    const m = regression()
    m.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse', metrics: ['mae'] })
    await m.fit(x, y, { epochs: 2, batchSize: 5 })
    m.learningRate = 0.003
    const copy = m.clone()
    expect(copy.toJSON()).toEqual(m.toJSON())
    expect(copy.summary()).toBe(m.summary())
    expect(copy.learningRate).toBe(m.learningRate)
    expect((await copy.predict(x)).data).toEqual((await m.predict(x)).data)
    expect(await copy.evaluate(x, y)).toEqual(await m.evaluate(x, y))
    const [one, two] = [await m.fit(x, y, { epochs: 2 }), await copy.fit(x, y, { epochs: 2 })]
    expect(two.history).toEqual(one.history)
    expect(copy.namedWeights()).toEqual(m.namedWeights())
  })

  it('is independent: training, setting and disposing one leaves the other', async () => {
    const m = regression()
    const copy = m.clone()
    const before = copy.predictSync(x)
    await m.fit(x, y, { epochs: 3 })
    expect(copy.predictSync(x)).toEqual(before)
    const trained = m.predictSync(x)
    copy.setWeights(
      copy.getWeights().map(({ data, shape }) =>
        tensor(
          data.map(() => 0),
          shape,
        ),
      ),
    )
    expect(m.predictSync(x)).toEqual(trained)
    m.dispose()
    expect(copy.predictSync(x).data).toEqual(new Float32Array(12))
    await copy.fit(x, y)
    const other = copy.clone()
    copy.dispose()
    expect(other.predictSync(x).shape).toEqual([12, 1])
  })

  it('of a model that was never used has the same first weights, and takes further layers', () => {
    const m = sequential([layers.lstm({ units: 3, inputShape: [null, 2] })], { seed: 5 })
    const copy = m.clone()
    expect(copy.predictSync(x)).toEqual(m.predictSync(x))
    const longer = sequential([layers.lstm({ units: 3, inputShape: [null, 2] })], { seed: 5 }).clone()
    longer.add(layers.dense({ units: 1 }))
    expect(longer.predictSync(x).shape).toEqual([12, 1])
    expect(() => m.compile({ optimizer: 'adam', loss: 'mse' })).not.toThrow()
  })

  it('keeps the form of the results: arrays of tensors where the model gives arrays', async () => {
    const a = input({ shape: [null, 2], name: 'a' })
    const lstm = layers.lstm({ units: 3 })
    const list = model({ inputs: a, outputs: [lstm.apply(a), lstm.apply(a)] })
    const [one, two] = await list.clone().predict(x)
    expect(one?.shape).toEqual([12, 3])
    expect(two?.data).toEqual(one?.data)
  })

  it('takes what stateful layers carry with it', async () => {
    const m = sequential([layers.lstm({ units: 3, inputShape: [null, 2], stateful: true }), layers.dense({ units: 1 })])
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    await m.trainOnBatch(x, y)
    const copy = m.clone()
    expect(await copy.trainOnBatch(x, y)).toEqual(await m.trainOnBatch(x, y))
    copy.resetStates()
    expect(await copy.trainOnBatch(x, y)).not.toEqual(await m.trainOnBatch(x, y))
  })

  it('trains what the model trains, whatever became of trainable since it was compiled', async () => {
    const m = tokenClassifier()
    m.getLayer('words').trainable = false
    const [tokens, labels] = [
      [[1, 2], [3]],
      [0, 1],
    ]
    await m.trainOnBatch(tokens, labels)
    const copy = m.clone()
    expect(await copy.trainOnBatch(tokens, labels)).toEqual(await m.trainOnBatch(tokens, labels))
    expect(copy.namedWeights()).toEqual(m.namedWeights())
    expect(copy.getLayer('words').trainable).toBe(false)
  })

  it('may be made in a callback of fit, to keep the model of an epoch; elsewhere during fit it is ERR_STATE', async () => {
    const m = regression()
    const kept: Model[] = []
    const keep = callbacks.lambda({ onEpochEnd: () => void kept.push(m.clone() as Model) })
    const losses: number[] = []
    const watch = callbacks.lambda({
      onEpochEnd: async () => void losses.push((await m.evaluate(x, y))[0] as number),
    })
    const training = m.fit(x, y, { epochs: 3, callbacks: [keep, watch] })
    expect(await caught(() => m.clone())).toMatchObject({ code: 'ERR_STATE' })
    await training
    const again: number[] = []
    for (const copy of kept) again.push((await copy.evaluate(x, y))[0] as number)
    expect(again).toEqual(losses)
  })

  it('is ERR_STATE once the model was disposed', async () => {
    const m = regression()
    m.dispose()
    expect(await caught(() => m.clone())).toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(/disposed/),
    })
  })
})
