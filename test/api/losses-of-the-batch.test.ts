import { defineLayer, input, layers, model, optimizers, type SymbolicValue, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'

const x = [[1], [2], [4], [3]]
const y = [[3], [1], [0], [2]]

/** A model that multiplies by 2. */
function doubling() {
  const m = sequential([layers.dense({ units: 1, useBias: false, inputShape: [1] })])
  m.setWeights([{ data: Float32Array.of(2), shape: [1, 1] }])
  return m
}

/** Weighs the errors by the targets, over the whole batch. */
const weighted = (yTrue: SymbolicValue, yPred: SymbolicValue) => {
  const [target, prediction] = [yTrue.sum(), yPred.sum()]
  return prediction.sub(target).square().mul(target).batchSum().div(target.batchSum())
}

const root = (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.sub(yTrue).square().sum().batchMean().sqrt()

describe('losses and metrics of the whole batch', () => {
  it('have the values of what they say', async () => {
    const m = doubling()
    m.compile({ optimizer: 'sgd', loss: weighted, metrics: [root] })
    const errors = x.map(([a], i) => 2 * (a as number) - (y[i]?.[0] as number))
    const total = errors.reduce((sum, error, i) => sum + error * error * (y[i]?.[0] as number), 0)
    const [loss, metric] = (await m.evaluate(x, y)) as number[]
    expect(loss).toBeCloseTo(total / 6, 5)
    expect(metric).toBeCloseTo(Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / 4), 5)
  })

  it('train with their gradient', async () => {
    const m = doubling()
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: root })
    await m.trainOnBatch(x, y)
    const errors = x.map(([a], i) => 2 * (a as number) - (y[i]?.[0] as number))
    const value = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / 4)
    const gradient = errors.reduce((sum, error, i) => sum + error * (x[i]?.[0] as number), 0) / 4 / value
    expect(m.getWeights()[0]?.data[0]).toBeCloseTo(2 - 0.1 * gradient, 5)
  })

  it('count valid steps alone', async () => {
    const m = sequential([
      layers.masking({ inputShape: [null, 1] }),
      layers.gru({ units: 1, returnSequences: true, activation: 'linear' }),
    ])
    const mean = (_: SymbolicValue, yPred: SymbolicValue) => yPred.mul(0).add(3).sum().batchSum()
    m.compile({ optimizer: 'sgd', loss: mean })
    expect(
      await m.evaluate(
        [
          [[1], [2]],
          [[1], [0]],
        ],
        [
          [[0], [0]],
          [[0], [0]],
        ],
      ),
    ).toBeCloseTo(9, 5)
  })

  it('are not there in layers, where rows are independent', () => {
    const centred = defineLayer({ call: ({ x: value }) => value.sub(value.sum().batchMean()) })
    const from = input({ shape: [2] })
    expect(() => model({ inputs: from, outputs: centred().apply(from) }).predictSync([[1, 2]])).toThrow(
      /only losses and metrics see all rows at once/,
    )
    expect(() => defineLayer({ inputs: { x: ['a', 'b', 'c'] }, call: ({ x: value }) => value.batchSum() })).toThrow(
      /expected \[batch\] or \[batch, time\]/,
    )
  })
})
