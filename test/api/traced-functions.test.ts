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
