import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constraints, layers, loadModel, optimizers, regularizers, type Sequential, sequential, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-sparse-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const [vocabulary, width] = [30, 4]

function build(optimizer: ReturnType<typeof optimizers.adam>, options: object = {}): Sequential {
  const m = sequential(
    [
      layers.embedding({ inputDim: vocabulary, outputDim: width, inputShape: [3], name: 'words', ...options }),
      layers.flatten(),
      layers.dense({ units: 1, name: 'out' }),
    ],
    { seed: 3 },
  )
  m.compile({ optimizer, loss: 'mse' })
  return m
}

const batch = (step: number) => tensor(Int32Array.of(step, step + 1, step + 5, 2, 2, step + 9), [2, 3])
const y = Float32Array.of(0.5, -1)
const table = (m: Sequential) => m.getWeights()[0]?.data as Float32Array

describe('sparse: true', () => {
  it('is SparseAdam: rows that a batch uses take a step, others keep weights and moments', async () => {
    const [rate, beta1, beta2, epsilon] = [0.1, 0.9, 0.999, 1e-8]
    const m = build(optimizers.adam({ learningRate: rate, epsilon, formula: 'keras', sparse: true }))
    const expected = Float64Array.from(table(m))
    const [mean, square] = [new Float64Array(expected.length), new Float64Array(expected.length)]
    for (let step = 1; step <= 8; step++) {
      const x = batch(step)
      const gradients = await m.gradients(x, y)
      const gradient = gradients.weights['words/embeddings']?.data as Float32Array
      const used = new Set(x.data as Int32Array)
      const bias = Math.sqrt(1 - beta2 ** step) / (1 - beta1 ** step)
      for (const row of used) {
        for (let at = row * width; at < (row + 1) * width; at++) {
          const g = gradient[at] as number
          mean[at] = beta1 * (mean[at] as number) + (1 - beta1) * g
          square[at] = beta2 * (square[at] as number) + (1 - beta2) * g * g
          const size = Math.sqrt(square[at] as number) + epsilon
          expected[at] = (expected[at] as number) - (rate * bias * (mean[at] as number)) / size
        }
      }
      await m.trainOnBatch(x, y)
    }
    for (const [at, value] of table(m).entries()) expect(value).toBeCloseTo(expected[at] as number, 4)
  })

  it('changes no result of adagrad, nor of sgd without momentum', async () => {
    for (const make of [optimizers.adagrad, optimizers.sgd]) {
      const [dense, sparse] = [build(make({ learningRate: 0.1 })), build(make({ learningRate: 0.1, sparse: true }))]
      for (let step = 0; step < 5; step++) {
        await dense.trainOnBatch(batch(step), y)
        await sparse.trainOnBatch(batch(step), y)
      }
      expect(table(sparse)).toEqual(table(dense))
    }
  })

  it('leaves unused rows as they are with decay, clipping and accumulated gradients', async () => {
    const m = build(
      optimizers.adamw({
        sparse: true,
        weightDecay: 0.5,
        globalClipNorm: 0.1,
        gradientAccumulationSteps: 2,
        learningRate: 0.1,
      }),
    )
    const before = table(m).slice()
    for (let step = 0; step < 4; step++) await m.trainOnBatch(batch(step), y)
    const used = new Set([0, 1, 2, 3].flatMap((step) => [...(batch(step).data as Int32Array)]))
    for (let row = 0; row < vocabulary; row++) {
      const here = [row * width, (row + 1) * width] as const
      const same = table(m)
        .slice(...here)
        .every((value, i) => value === before[here[0] + i])
      expect(same, `row ${row}`).toBe(!used.has(row))
    }
  })

  it('goes on from a saved model bit for bit, between two batches of a step too', async () => {
    const optimizer = optimizers.adam({ sparse: true, gradientAccumulationSteps: 3, amsgrad: true })
    const m = build(optimizer)
    for (let step = 0; step < 4; step++) await m.trainOnBatch(batch(step), y)
    await m.save(join(folder, 'model'))
    const again = (await loadModel(join(folder, 'model'))) as Sequential
    for (let step = 4; step < 12; step++) {
      await m.trainOnBatch(batch(step), y)
      await again.trainOnBatch(batch(step), y)
    }
    expect(again.getWeights()).toEqual(m.getWeights())
  })

  it('is refused by name where every step changes all rows', () => {
    const unsupported = (part: string) =>
      expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringContaining(part) })
    expect(() => build(optimizers.adam({ sparse: true, useEma: true }))).toThrow(unsupported('useEma'))
    expect(() => build(optimizers.adam({ sparse: true, lookahead: true }))).toThrow(unsupported('lookahead'))
    for (const make of [optimizers.adafactor, optimizers.ftrl, optimizers.lamb, optimizers.muon]) {
      expect(() => build(make({ sparse: true }))).toThrow(unsupported('as a whole'))
    }
    const sparse = optimizers.adam({ sparse: true })
    const regularized = { embeddingsRegularizer: regularizers.l2(0.01) }
    expect(() => build(sparse, regularized)).toThrow(unsupported('words/embeddings'))
    const constrained = { embeddingsConstraint: constraints.maxNorm(2) }
    expect(() => build(sparse, constrained)).toThrow(unsupported('words/embeddings'))
    expect(() => build(sparse, { ...regularized, trainable: false })).not.toThrow()
    expect(() => optimizers.adam({ sparse: 1 as never })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})
