import { callbacks, input, layers, loadModel, type Model, model, modelFromJSON, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { caught, expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

const x = tensor(wave(8 * 3 * 2), [8, 3, 2])

/** An autoencoder of sequences; its encoder shares the layers. */
function autoencoder(seed = 1) {
  const a = input({ shape: [3, 2], name: 'a' })
  const code = layers.lstm({ units: 4, name: 'code' }).apply(a)
  const repeated = layers.repeatVector({ n: 3 }).apply(code)
  const decoded = layers.gru({ units: 2, returnSequences: true, name: 'decoder' }).apply(repeated)
  const whole = model({ inputs: a, outputs: decoded, seed })
  whole.compile({ optimizer: 'adam', loss: 'mse' })
  return whole
}

const encoderOf = (whole: ReturnType<typeof autoencoder>) =>
  model({ inputs: whole.inputs, outputs: whole.getLayer('code').output, seed: 99 })

const same = (one: Model, two: Model, names: readonly string[]) => {
  const [a, b] = [one.namedWeights(), two.namedWeights()]
  for (const name of names) expect(a[name]?.data, name).toEqual(b[name]?.data)
}
const codeWeights = ['code/kernel', 'code/recurrent_kernel', 'code/bias']

describe('layers of two models', () => {
  it('have the trained weights in both: the encoder of an autoencoder', async () => {
    const whole = autoencoder()
    await whole.fit(x, x, { epochs: 3 })
    const encoder = encoderOf(whole)
    const code = await encoder.predict(x)
    expect(code.shape).toEqual([8, 4])
    same(whole, encoder, codeWeights)
    // A model of its own with these weights gives the same.
    const apart = sequential([layers.lstm({ units: 4, inputShape: [3, 2] })])
    apart.setWeights(encoder.getWeights())
    expect(apart.predictSync(x).data).toEqual(code.data)
  })

  it('change in one when the other is trained, in both directions, each with its own optimizer', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    encoder.compile({ optimizer: 'sgd', loss: 'mse' })
    const targets = tensor(wave(32), [8, 4])
    const first = encoder.predictSync(x).data
    await whole.fit(x, x)
    const second = encoder.predictSync(x).data
    expect(second).not.toEqual(first)
    const decoded = whole.predictSync(x).data
    await encoder.trainOnBatch(x, targets)
    same(whole, encoder, codeWeights)
    expect(whole.predictSync(x).data).not.toEqual(decoded)
    await encoder.fit(x, targets, { epochs: 2 })
    same(whole, encoder, codeWeights)
    await whole.trainOnBatch(x, x)
    same(whole, encoder, codeWeights)
  })

  it('train alternately as one model with both losses does not forget: the other’s step starts from the last one', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    whole.compile({ optimizer: 'sgd', loss: 'mse' })
    encoder.compile({ optimizer: 'sgd', loss: 'mse' })
    const targets = tensor(wave(32), [8, 4])
    // The same by hand, on models that share nothing: weights are copied after every step.
    const [wholeAlone, encoderAlone] = [whole.clone(), encoder.clone()]
    for (let step = 0; step < 3; step++) {
      await whole.trainOnBatch(x, x)
      await encoder.trainOnBatch(x, targets)
      await wholeAlone.trainOnBatch(x, x)
      encoderAlone.getLayer('code').setWeights(wholeAlone.getLayer('code').getWeights())
      await encoderAlone.trainOnBatch(x, targets)
      wholeAlone.getLayer('code').setWeights(encoderAlone.getLayer('code').getWeights())
    }
    expect(whole.predictSync(x).data).toEqual(wholeAlone.predictSync(x).data)
    expect(encoder.predictSync(x).data).toEqual(encoderAlone.predictSync(x).data)
  })

  it('are those of whichever was used first, before anything is trained', () => {
    const a = input({ shape: [3, 2] })
    const code = layers.lstm({ units: 4, name: 'code' }).apply(a)
    const whole = model({ inputs: a, outputs: layers.dense({ units: 1 }).apply(code), seed: 1 })
    const encoder = model({ inputs: a, outputs: code, seed: 2 })
    const alone = encoder.toJSON()
    const first = encoder.predictSync(x)
    expect(whole.getLayer('code').getWeights()).toEqual(encoder.getWeights())
    expect(modelFromJSON(alone).predictSync(x)).toEqual(first)
  })

  it('stay when either model is disposed, also before the other was ever used', async () => {
    const whole = autoencoder()
    const [encoder, late] = [encoderOf(whole), encoderOf(whole)]
    await whole.fit(x, x, { epochs: 2 })
    const trained = whole.getLayer('code').getWeights()
    whole.dispose()
    expect(encoder.getWeights()).toEqual(trained)
    encoder.dispose()
    expect(late.getWeights()).toEqual(trained)
    late.compile({ optimizer: 'sgd', loss: 'mse' })
    await late.fit(x, tensor(wave(32), [8, 4]))
    expect(late.getWeights()).not.toEqual(trained)
  })

  it('are not copied when the last model that has them is disposed', () => {
    const alone = sequential([layers.dense({ units: 1000, inputShape: [1000] })])
    alone.predictSync(tensor(new Float32Array(1000), [1, 1000]))
    const { external } = process.memoryUsage()
    alone.dispose()
    expect(process.memoryUsage().external - external).toBeLessThan(1e6)
    expect(alone.layers.length).toBeGreaterThan(0)
  })

  it('are frozen for each model by trainable at its compile', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    whole.getLayer('code').trainable = false
    encoder.compile({ optimizer: 'sgd', loss: 'mse' })
    const before = encoder.getWeights()
    await encoder.fit(x, tensor(wave(32), [8, 4]))
    expect(encoder.getWeights()).toEqual(before)
    // The autoencoder was compiled before.
    await whole.fit(x, x)
    expect(encoder.getWeights()).not.toEqual(before)
  })

  it('are saved with each model, and copied by clone', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    await whole.fit(x, x)
    const [one, two] = [await loadModel(await whole.toBytes()), await loadModel(await encoder.toBytes())]
    expect(one.predictSync(x)).toEqual(whole.predictSync(x))
    expect(two.predictSync(x)).toEqual(encoder.predictSync(x))
    const copy = encoderOf(whole).clone()
    expect(copy.predictSync(x)).toEqual(encoder.predictSync(x))
    await whole.fit(x, x)
    expect(copy.predictSync(x).data).not.toEqual(encoder.predictSync(x).data)
  })

  it('take turns: during fit of one the other is ERR_STATE, but answers in its callbacks, from the weights of then', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    const seen: Float32Array[] = []
    const expected: Float32Array[] = []
    const watch = callbacks.lambda({
      onEpochEnd: async () => {
        seen.push((await encoder.predict(x)).data)
        expected.push(whole.clone().getLayer('code').getWeights()[0]?.data as Float32Array)
        expect(encoder.getLayer('code').getWeights()[0]?.data).toEqual(expected.at(-1))
        await expectCoded(() => encoder.compile({ optimizer: 'sgd', loss: 'mse' }), 'ERR_STATE', /layers/)
      },
    })
    const training = whole.fit(x, x, { epochs: 3, callbacks: watch })
    const [early, sync] = [caught(() => encoder.predict(x)), caught(() => encoder.predictSync(x))]
    expect(await early).toMatchObject({ code: 'ERR_STATE', message: expect.stringMatching(/layers/) })
    expect(await sync).toMatchObject({ code: 'ERR_STATE' })
    await training
    expect(new Set(seen.map(String)).size).toBe(3)
    expect(encoder.predictSync(x).data).toEqual(seen[2])
  })

  it('take what is set in a callback of the other’s fit into the training', async () => {
    const [whole, reference] = [autoencoder(), autoencoder()]
    const encoder = encoderOf(whole)
    const zeros = encoder.getWeights().map(({ data, shape }) =>
      tensor(
        data.map(() => 0),
        shape,
      ),
    )
    await whole.fit(x, x, {
      epochs: 2,
      callbacks: { onEpochEnd: (epoch) => void (epoch === 0 && encoder.setWeights(zeros)) },
    })
    await reference.fit(x, x, {
      epochs: 2,
      callbacks: { onEpochEnd: (epoch) => void (epoch === 0 && reference.getLayer('code').setWeights(zeros)) },
    })
    expect(whole.namedWeights()).toEqual(reference.namedWeights())
  })

  it('queue asynchronous calls of both', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    const before = encoder.predictSync(x)
    const [first, , second] = await Promise.all([encoder.predict(x), whole.trainOnBatch(x, x), encoder.predict(x)])
    expect(first).toEqual(before)
    expect(second).toEqual(encoder.predictSync(x))
    expect(second.data).not.toEqual(first.data)
  })

  it('must be as wide in both', async () => {
    const shared = layers.dense({ units: 2, name: 'wide' })
    const [one, two] = [3, 4].map((size) => {
      const a = input({ shape: [size] })
      return model({ inputs: a, outputs: shared.apply(a) })
    }) as unknown as [Model, Model]
    await one.predict([[1, 2, 3]])
    await expectCoded(() => two.predict([[1, 2, 3, 4]]), 'ERR_SHAPE', /wide\/kernel/, /\[3, 2\]/, /\[4, 2\]/)
  })

  it('are shared inside of wrappers, too', async () => {
    const inner = layers.dense({ units: 2, name: 'inner' })
    const steps = input({ shape: [3, 2] })
    const sequences = model({ inputs: steps, outputs: layers.timeDistributed({ layer: inner }).apply(steps) })
    sequences.compile({ optimizer: 'sgd', loss: 'mse' })
    const row = input({ shape: [2] })
    const single = model({ inputs: row, outputs: inner.apply(row) })
    const rows = tensor(wave(48), [24, 2])
    await sequences.fit(x, x)
    expect(single.predictSync(rows).data).toEqual(sequences.predictSync(x).data)
    expect(inner.getWeights()).toEqual(sequences.getWeights())
    inner.setWeights([
      [
        [1, 0],
        [0, 1],
      ],
      [0, 0],
    ])
    expect(sequences.predictSync(x).data).toEqual(x.data)
  })
})

describe('a layer', () => {
  it('has its weights, its input and its output', async () => {
    const whole = autoencoder()
    const code = whole.getLayer('code')
    expect(code.getWeights().map(({ shape }) => shape)).toEqual([[2, 16], [4, 16], [16]])
    expect(code.input).toBe(whole.inputs[0])
    expect(whole.outputs).toEqual([whole.getLayer('decoder').output])
    code.setWeights(
      code.getWeights().map(({ data, shape }) =>
        tensor(
          data.map(() => 0.5),
          shape,
        ),
      ),
    )
    expect(whole.namedWeights()['code/bias']?.data).toEqual(new Float32Array(16).fill(0.5))
    const before = whole.getWeights()
    await expectCoded(() => code.setWeights([[1]]), 'ERR_SHAPE', /3 weights/, /code\/kernel/)
    await expectCoded(() => code.setWeights([[[1]], [[1]], [1]]), ['ERR_SHAPE', 'ERR_DATA'], /code\/kernel/)
    expect(whole.getWeights()).toEqual(before)
    expect(whole.getLayer('a').getWeights()).toEqual([])
    const alone = layers.lstm({ units: 2, name: 'alone' })
    for (const use of [() => alone.output, () => alone.input, () => alone.getWeights(), () => alone.setWeights([])]) {
      await expectCoded(use, 'ERR_STATE', /alone/, /no model/)
    }
  })
})

describe('a model within another', () => {
  it('is used by apply, as often as one likes, with the same weights', async () => {
    const whole = autoencoder()
    const encoder = encoderOf(whole)
    const [left, right] = [input({ shape: [3, 2], name: 'left' }), input({ shape: [3, 2], name: 'right' })]
    const [one, two] = [encoder.apply(left), encoder.apply(right)] as const
    const distance = layers.dense({ units: 1, name: 'distance' }).apply(layers.subtract().apply([one, two] as never))
    const siamese = model({ inputs: [left, right], outputs: distance })
    siamese.compile({ optimizer: 'sgd', loss: 'mse' })
    expect(siamese.layers.filter(({ className }) => className === 'LSTM')).toHaveLength(1)
    const other = tensor(wave(48, 3), [8, 3, 2])
    await siamese.fit([x, other], new Float32Array(8))
    expect(encoder.getWeights()).toEqual(siamese.getLayer('code').getWeights())
    await expectCoded(() => encoder.apply(input({ shape: [3, 5] })), 'ERR_SHAPE', /\[3, 2\]|\[null, 3, 2\]/)
    await expectCoded(() => encoder.apply([left, right]), 'ERR_OPTION', /1 value/)
    await expectCoded(() => encoder.apply([] as never), 'ERR_OPTION')
    await expectCoded(() => encoder.apply({} as never), 'ERR_OPTION')
  })

  it('may stand in a sequential model, first or later', async () => {
    const encoder = encoderOf(autoencoder())
    const first = sequential([encoder, layers.dense({ units: 1 })])
    first.compile({ optimizer: 'sgd', loss: 'mse' })
    await first.fit(x, new Float32Array(8).fill(1), { epochs: 2 })
    expect(encoder.getWeights()).toEqual(first.getWeights().slice(0, 3))
    const later = sequential([layers.activation({ activation: 'linear', inputShape: [3, 2] }), encoder])
    expect(later.predictSync(x)).toEqual(encoder.predictSync(x))
    // A sequential model's layers in another one.
    for (const again of [sequential(first.layers), sequential(first.layers.slice(1))]) {
      expect(again.predictSync(x)).toEqual(first.predictSync(x))
    }
  })
})
