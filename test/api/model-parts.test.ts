import { callbacks, input, layers, loadModel, model, modelFromJSON, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

const x = tensor(wave(2 * 4 * 3), [2, 4, 3])
const y = tensor(wave(2), [2, 1])

function twoLayers() {
  const m = sequential(
    [layers.lstm({ units: 3, inputShape: [4, 3], name: 'body' }), layers.dense({ units: 1, name: 'head' })],
    {
      seed: 1,
    },
  )
  m.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] })
  return m
}

describe('what a model says of itself', () => {
  it('inputs, outputs, shapes and names', () => {
    const m = twoLayers()
    expect(m.input).toBe(m.inputs[0])
    expect(m.output).toBe(m.outputs[0])
    expect(m.inputShape).toEqual([null, 4, 3])
    expect(m.outputShape).toEqual([null, 1])
    expect(m.inputNames).toEqual(['input_layer'])
    expect(m.outputNames).toEqual(['head'])
    expect(m.stateful).toBe(false)
    const [a, b] = [input({ shape: [2], name: 'a' }), input({ shape: [2], name: 'b' })]
    const two = model({ inputs: [a, b], outputs: [layers.add().apply([a, b]), a] })
    expect(two.inputShape).toEqual([
      [null, 2],
      [null, 2],
    ])
    expect(two.inputNames).toEqual(['a', 'b'])
    expect(two.outputNames).toEqual(['add', 'a'])
    expect(two.input).toHaveLength(2)
  })

  it('weights, with their names and values', async () => {
    const m = twoLayers()
    expect(m.weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['body/kernel', [3, 12]],
      ['body/recurrent_kernel', [3, 12]],
      ['body/bias', [12]],
      ['head/kernel', [3, 1]],
      ['head/bias', [1]],
    ])
    m.getLayer('body').trainable = false
    expect(m.trainableWeights.map(({ name }) => name)).toEqual(['head/kernel', 'head/bias'])
    expect(m.nonTrainableWeights).toHaveLength(3)
    m.weights[4]?.assign([2])
    expect(m.weights[4]?.read().data).toEqual(Float32Array.of(2))
    expect(m.getLayer('head').weights[1]?.read().data).toEqual(Float32Array.of(2))
    await expectCoded(() => m.weights[4]?.assign([1, 2]), ['ERR_SHAPE'])
    m.trainable = false
    expect(m.layers.every(({ trainable }) => !trainable)).toBe(true)
    m.trainable = true
    expect([m.trainable, m.trainableWeights.length]).toEqual([true, 5])
  })

  it('how it was compiled and trained', async () => {
    const m = twoLayers()
    expect(m.loss).toBe('mse')
    expect(m.optimizer).toMatchObject({ kind: 'adam' })
    expect(m.metricsNames).toEqual(['loss', 'mae'])
    expect(m.history).toBeUndefined()
    const history = await m.fit(x, y, { epochs: 2, callbacks: [callbacks.earlyStopping({ monitor: 'loss' })] })
    expect(m.history).toBe(history)
    const plain = sequential([layers.dense({ units: 1, inputShape: [2] })])
    expect([plain.loss, plain.metricsNames]).toEqual([undefined, []])
    await expectCoded(() => plain.optimizer, 'ERR_STATE', /compile/)
  })

  it('its configuration, from which it is rebuilt', () => {
    const m = twoLayers()
    const rebuilt = modelFromJSON({ className: 'Sequential', config: m.getConfig() })
    rebuilt.setWeights(m.getWeights())
    expect(rebuilt.predictSync(x)).toEqual(m.predictSync(x))
  })

  it('layers by name and by number', async () => {
    const m = twoLayers()
    expect(m.getLayer(1)).toBe(m.getLayer('body'))
    expect(m.getLayer(-1)).toBe(m.getLayer('head'))
    await expectCoded(() => m.getLayer(9), ['ERR_OPTION'])
    await expectCoded(() => m.getLayer('none'), ['ERR_OPTION'])
  })
})

describe('what a layer says of itself', () => {
  it('its name, class, options, shapes and weights', async () => {
    const m = twoLayers()
    const body = m.getLayer('body')
    expect([body.name, body.getClassName(), body.className]).toEqual(['body', 'LSTM', 'LSTM'])
    expect(body.getConfig()).toMatchObject({ name: 'body', trainable: true, units: 3, activation: 'tanh' })
    expect(body.outputShape).toEqual([null, 3])
    expect(body.computeOutputShape([null, 7, 2])).toEqual([null, 3])
    expect(body.countParams()).toBe(84)
    expect(body.weights).toHaveLength(3)
    expect(body.trainableWeights).toHaveLength(3)
    expect(body.nonTrainableWeights).toEqual([])
    const alone = layers.dense({ units: 2 })
    expect([alone.name, alone.weights]).toEqual(['dense', []])
    await expectCoded(() => alone.countParams(), ['ERR_STATE'])
    await expectCoded(() => alone.outputShape, ['ERR_STATE'])
    const states = layers.gru({ units: 2, returnState: true })
    states.apply(input({ shape: [3, 1] }))
    expect(states.outputShape).toEqual([
      [null, 2],
      [null, 2],
    ])
  })
})

describe('pop', () => {
  it('gives a trained model another head, with the weights of the rest', async () => {
    const m = twoLayers()
    await m.fit(x, y, { epochs: 2 })
    const body = m.getLayer('body').getWeights()
    m.pop()
    expect(m.outputShape).toEqual([null, 3])
    expect(m.getWeights()).toEqual(body)
    await expectCoded(() => m.fit(x, y), ['ERR_STATE'])
    m.getLayer('body').trainable = false
    m.add(layers.dense({ units: 2, name: 'other' }))
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const targets = tensor(wave(4), [2, 2])
    await m.fit(x, targets, { epochs: 2 })
    expect(m.getLayer('body').getWeights()).toEqual(body)
    expect(m.predictSync(x).shape).toEqual([2, 2])
  })

  it('works on a loaded model, and on one that other models share layers with', async () => {
    const m = (await loadModel(await twoLayers().toBytes())) as ReturnType<typeof twoLayers>
    const encoder = model({ inputs: m.inputs, outputs: m.getLayer('body').output })
    const code = encoder.predictSync(x)
    m.pop()
    expect(m.predictSync(x)).toEqual(code)
    m.add(layers.dense({ units: 1 }))
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    await m.trainOnBatch(x, y)
    expect(encoder.predictSync(x)).not.toEqual(code)
  })

  it('lets a layer be added again with its weights, and takes a model away whole', async () => {
    const m = twoLayers()
    const wanted = m.predictSync(x)
    const head = m.getLayer('head')
    m.pop()
    m.predictSync(x)
    m.pop()
    expect(m.layers).toHaveLength(1)
    await expectCoded(() => m.pop(), ['ERR_STATE'])
    const again = sequential([layers.lstm({ units: 3, inputShape: [4, 3], name: 'body' }), head])
    expect(again.getLayer('head').getWeights()).toEqual(head.getWeights())
    const whole = sequential([
      twoLayers(),
      sequential([layers.dense({ units: 3, inputShape: [1] }), layers.dense({ units: 2 })]),
    ])
    expect(whole.outputShape).toEqual([null, 2])
    whole.pop()
    expect(whole.outputShape).toEqual([null, 1])
    expect(wanted.shape).toEqual([2, 1])
    await expectCoded(() => sequential().pop(), ['ERR_STATE'])
  })
})
