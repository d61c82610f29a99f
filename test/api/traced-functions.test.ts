import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineLayer, input, layers, loadModel, model, ops, type SymbolicValue, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectClose, gradientBound, outputBound } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const x = tensor(wave(6 * 5 * 3), [6, 5, 3], { lengths: [5, 1, 3, 2, 4, 5] })
const y = tensor(wave(6 * 5 * 2, 1), [6, 5, 2])

const reader = (seed = 1) =>
  sequential([layers.gru({ units: 4, returnSequences: true, inputShape: [null, 3] }), layers.dense({ units: 2 })], {
    seed,
  })

const squares = (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.sub(yTrue).square()

describe('losses and metrics of one’s own', () => {
  it('give what the built-in ones give', async () => {
    const [own, known] = [reader(), reader()]
    own.compile({
      optimizer: 'adam',
      loss: squares,
      metrics: [
        function far(t, p) {
          return p.sub(t).abs()
        },
      ],
    })
    known.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] })
    const [a, b] = [await known.evaluate(x, y, { batchSize: 4 }), await own.evaluate(x, y, { batchSize: 4 })]
    expectClose({ data: b, shape: [2] }, { data: a, shape: [2] }, outputBound, 'loss and metric')
    const [c, d] = [await known.gradients(x, y), await own.gradients(x, y)]
    for (const [name, values] of Object.entries(c.weights)) expectClose(d.weights[name], values, gradientBound, name)
    const sampleWeight = Float32Array.of(1, 2, 0, 1, 3, 1)
    expect(await own.evaluate(x, y, { sampleWeight })).toEqual([
      expect.closeTo((await known.evaluate(x, y, { sampleWeight }))[0] as number, 5),
      expect.any(Number),
    ])
    const { history } = await own.fit(x, y, { epochs: 2 })
    expect(Object.keys(history)).toEqual(['loss', 'far'])
  })

  it('are saved as their operations', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const m = reader()
      m.compile({ optimizer: 'adam', loss: squares, metrics: [squares, 'mae'] })
      await m.fit(x, y)
      await m.save(folder)
      const again = await loadModel(folder)
      expect(await again.evaluate(x, y)).toEqual(await m.evaluate(x, y))
      expect((await again.fit(x, y)).history).toEqual((await m.fit(x, y)).history)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('measure classes', async () => {
    const m = sequential(
      [layers.gru({ units: 4, inputShape: [null, 3] }), layers.dense({ units: 2, activation: 'softmax' })],
      { seed: 1 },
    )
    const right = (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.argmax().equal(yTrue)
    m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy', right] })
    const [, accuracy, own] = await m.evaluate(x, Int32Array.of(0, 1, 0, 1, 0, 1))
    expect(own).toBeCloseTo(accuracy as number, 6)
  })
})

const highway = defineLayer({
  name: 'highway',
  inputs: { x: ['time', 'features'] },
  weights: { gate: ['features', 'features'], kernel: ['features', 'features'], bias: ['features'] },
  call({ x }, w, { addLoss }) {
    const gate = x.matmul(w.gate).add(w.bias).sigmoid()
    addLoss(gate.sum({ axis: 2 }).mul(0.5))
    return gate.mul(x.matmul(w.kernel).relu()).add(ops.sub(1, gate).mul(x))
  },
})

describe('layers of one’s own', () => {
  it('learn, add to the loss, and are saved as their operations', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const source = input({ shape: [null, 3] })
      const m = model({
        inputs: source,
        outputs: layers.dense({ units: 2 }).apply(highway({ name: 'first' }).apply(source)),
        seed: 1,
      })
      expect(m.summary()).toMatch(/first \(Traced\)\s+\(None, None, 3\)\s+21/)
      m.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mse'] })
      const [loss, mse] = (await m.evaluate(x, y)) as [number, number]
      const gate = defineLayer({
        inputs: { x: ['time', 3] },
        weights: { gate: [3, 3], bias: [3] },
        call: ({ x }, w) => x.matmul(w.gate).add(w.bias).sigmoid(),
      })
      const other = input({ shape: [null, 3] })
      const alone = model({ inputs: other, outputs: gate().apply(other) })
      const weights = m.namedWeights()
      alone.setWeights([weights['first/gate'], weights['first/bias']] as never)
      const gates = await alone.predict(x)
      const lengths = [5, 1, 3, 2, 4, 5]
      let sum = 0
      lengths.forEach((length, row) => {
        for (let i = 0; i < length * 3; i++) sum += gates.data[row * 15 + i] as number
      })
      expect(loss - mse).toBeCloseTo((0.5 * sum) / 20, 5)
      await m.fit(x, y, { epochs: 2 })
      await m.save(folder)
      const again = await loadModel(folder)
      expect(again.toJSON()).toEqual(m.toJSON())
      expect(await again.evaluate(x, y)).toEqual(await m.evaluate(x, y))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('a layer', () => {
  it('stacks vectors, and reads the stack as a sequence', async () => {
    const pair = defineLayer({
      inputs: { a: 'features', b: 'features' },
      call: ({ a, b }) => ops.stack([a, b, a.add(b)]),
    })
    const [a, b] = [input({ shape: [2] }), input({ shape: [2] })]
    const stacked = pair().apply([a, b])
    expect(stacked.shape).toEqual([null, 3, 2])
    const m = model({ inputs: [a, b], outputs: [stacked, layers.lastStep().apply(stacked)] })
    const data = [tensor(Float32Array.of(1, 2, 3, 4), [2, 2]), tensor(Float32Array.of(10, 20, 30, 40), [2, 2])]
    const [all, last] = await m.predict(data as never)
    expect(Array.from(all?.data ?? [])).toEqual([1, 2, 10, 20, 11, 22, 3, 4, 30, 40, 33, 44])
    expect(Array.from(last?.data ?? [])).toEqual([11, 22, 33, 44])
  })

  it('joins sequences along the time, and each step stays as valid as it was', async () => {
    const join = defineLayer({
      inputs: { a: ['first', 'features'], b: ['second', 'features'] },
      call: ({ a, b }) => ops.concat([a, b], 1),
    })
    const inputs = [input({ shape: [null, 1] }), input({ shape: [null, 1] })]
    const m = model({ inputs, outputs: layers.globalAveragePooling1d().apply(join().apply(inputs as never)) })
    const padding = 99
    const first = tensor(Float32Array.of(1, 2, 3, padding), [2, 2, 1], { lengths: [2, 1] })
    const second = tensor(Float32Array.of(6, padding, padding, 4, 5, 6), [2, 3, 1], { lengths: [1, 3] })
    expect(Array.from((await m.predict([first, second])).data)).toEqual([3, 4.5])
  })

  it('multiplies and joins weights before anything of the batch meets them', async () => {
    const factored = defineLayer({
      inputs: { x: 'features' },
      weights: { narrow: ['features', 1], wide: [1, 2], more: ['features', 1] },
      call: ({ x }, w) => x.matmul(ops.concat([w.narrow.matmul(w.wide), w.more])),
    })
    const x = input({ shape: [2] })
    const m = model({ inputs: x, outputs: factored().apply(x) })
    m.setWeights([
      tensor(Float32Array.of(1, 2), [2, 1]),
      tensor(Float32Array.of(3, 4), [1, 2]),
      tensor(Float32Array.of(5, 6), [2, 1]),
    ])
    const y = await m.predict(tensor(Float32Array.of(1, 10), [1, 2]))
    expect(Array.from(y.data)).toEqual([63, 84, 65])
  })

  it('drops numbers of rows, too', async () => {
    const dropped = defineLayer({ inputs: { x: 'features' }, call: ({ x }) => x.sum().dropout(0.5).expandDims(1) })
    const x = input({ shape: [2] })
    const m = model({ inputs: x, outputs: dropped().apply(x) })
    expect(Array.from((await m.predict(tensor(Float32Array.of(1, 2, 3, 4), [2, 2]))).data)).toEqual([3, 7])
  })
})
