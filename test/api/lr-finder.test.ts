import { data, layers, lrFinder, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const x = Array.from({ length: 96 }, (_, row) =>
  Array.from({ length: 3 + (row % 4) }, (_, at) => (row * 7 + at * 5) % 9),
)
const y = Int32Array.from(x, ([first = 0]) => Number(first > 4))

function classifier(optimizer: Parameters<ReturnType<typeof sequential>['compile']>[0]['optimizer'] = 'adam') {
  const model = sequential(
    [
      layers.embedding({ inputDim: 9, outputDim: 4 }),
      layers.gru({ units: 6, dropout: 0.1 }),
      layers.dense({ units: 2, activation: 'softmax' }),
    ],
    { seed: 2 },
  )
  model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy' })
  return model
}

describe('lrFinder', () => {
  it('raises the rate from step to step, and suggests one at which the loss falls', async () => {
    const model = classifier()
    const found = await lrFinder(model, x, y, { batchSize: 16 })
    const { learningRates, losses, smoothed, suggestion } = found
    expect(learningRates[0]).toBe(1e-7)
    expect((learningRates[1] as number) / 1e-7).toBeCloseTo(1e8 ** (1 / 99), 6)
    expect(losses.length).toBe(learningRates.length)
    expect(smoothed[0]).toBeCloseTo(losses[0] as number, 10)
    // The first steps hardly move: the loss of a batch is that of the model.
    expect(losses[0]).toBeCloseTo(Math.log(2), 1)
    expect(suggestion).toBeGreaterThan(1e-4)
    expect(suggestion).toBeLessThan(1)
    expect(learningRates).toContain(suggestion)
    const picture = found.svg()
    expect(picture).toContain('>loss by learning rate<')
    expect(picture).toContain(`>${suggestion?.toPrecision(2)}<`)
    expect(picture).toContain('>1e-4<')
    expect((found as unknown as Record<symbol, () => object>)[Symbol.for('Jupyter.display')]?.()).toHaveProperty(
      'image/svg+xml',
      picture,
    )
  })

  it('is not led astray by batches that differ', async () => {
    const waves = Array.from({ length: 3000 }, (_, row) => Array.from({ length: 6 }, (_, t) => Math.sin(row * 0.3 + t)))
    const next = waves.map((_, row) => Math.sin(row * 0.3 + 6))
    for (const [batchSize, seed] of [
      [8, 1],
      [8, 2],
      [32, 1],
      [128, 1],
    ] as const) {
      const model = sequential([layers.gru({ units: 8, inputShape: [6, 1] }), layers.dense({ units: 1 })], { seed })
      model.compile({ optimizer: 'adam', loss: 'mse' })
      const { suggestion } = await lrFinder(model, waves, next, { batchSize })
      expect(suggestion, `${batchSize}`).toBeGreaterThan(1e-3)
      expect(suggestion, `${batchSize}`).toBeLessThan(1)
    }
  })

  it('leaves the model as it was: its weights, its optimizer, and what it learns afterwards', async () => {
    for (const learningRate of [
      0.01,
      optimizers.schedules.cosineDecay({ initialLearningRate: 0.02, decaySteps: 50 }),
    ]) {
      const [tested, plain] = [
        classifier(optimizers.adam({ learningRate })),
        classifier(optimizers.adam({ learningRate })),
      ]
      for (const model of [tested, plain]) await model.fit(x, y, { epochs: 2 })
      const found = await lrFinder(tested, x, y, { steps: 20 })
      expect(found.learningRates.length).toBeGreaterThan(1)
      expect(tested.getWeights()).toEqual(plain.getWeights())
      expect(tested.learningRate).toBe(plain.learningRate)
      for (const model of [tested, plain]) await model.fit(x, y, { epochs: 2 })
      expect(tested.getWeights()).toEqual(plain.getWeights())
    }
  })

  it('ends where the loss diverges or is no number', async () => {
    const line = sequential([layers.dense({ units: 1, inputShape: [2] })], { seed: 1 })
    line.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    const points = tensor(
      Float32Array.from({ length: 64 }, (_, at) => Math.sin(at) * 3),
      [32, 2],
    )
    const heights = Float32Array.from({ length: 32 }, (_, at) => Math.cos(at))
    const found = await lrFinder(line, points, heights, { maxLearningRate: 1e6 })
    expect(found.diverged).toBe(true)
    expect(found.losses.length).toBeLessThan(100)
    expect(found.losses.every(Number.isFinite)).toBe(true)
    const steep = await lrFinder(line, points, heights, {
      minLearningRate: 1e20,
      maxLearningRate: 1e38,
      divergence: 1e30,
    })
    expect(steep.diverged).toBe(true)
    expect(steep.suggestion).toBeUndefined()
    expect(steep.svg()).toContain('<svg')
    const far = tensor(
      points.data.map((value) => value * 1e30),
      [32, 2],
    )
    await expect(lrFinder(line, far, heights)).rejects.toThrow(coded('ERR_NUMERIC'))
  })

  it('takes rows that come one after another, and several batches a step', async () => {
    const stream = data.from(x.map((row, at) => ({ x: row, y: y[at] as number })))
    const found = await lrFinder(classifier(), stream, { steps: 30, batchSize: 16 })
    expect(found.losses.length).toBeGreaterThan(5)
    const accumulating = classifier(optimizers.adam({ gradientAccumulationSteps: 3 }))
    expect((await lrFinder(accumulating, x, y, { steps: 10 })).losses.length).toBe(10)
  })

  it('refuses what it cannot test', async () => {
    const model = classifier()
    await expect(lrFinder({} as never, x, y)).rejects.toThrow(coded('ERR_OPTION', /expected a compiled model/))
    await expect(lrFinder(model, x, y, { minLearningRate: 2, maxLearningRate: 1 })).rejects.toThrow(
      coded('ERR_OPTION', /minLearningRate 2 must be below/),
    )
    await expect(lrFinder(model, x, y, { epochs: 3 } as never)).rejects.toThrow(
      coded('ERR_OPTION', /no option 'epochs'/),
    )
    const bare = sequential([layers.dense({ units: 1, inputShape: [2] })])
    await expect(lrFinder(bare, [[1, 2]], [1])).rejects.toThrow(coded('ERR_STATE', /call compile first/))
    await expect(lrFinder(model, x, y, { signal: AbortSignal.abort() })).rejects.toThrow(/aborted/)
    await expect(lrFinder(model, [[99]], [1])).rejects.toThrow(coded('ERR_DATA'))
  })
})
