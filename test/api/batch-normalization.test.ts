import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, input, interop, layers, loadModel, model, type Sequential, sequential, tensor } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seqloom-batchnorm-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const rows = 24
const x = tensor(
  wave(rows * 5 * 3).map((value, at) => value * 2 + (at % 3)),
  [rows, 5, 3],
)
const y = wave(rows, 0.3)

function build({ momentum = 0.8, trainable = true } = {}): Sequential {
  const m = sequential(
    [
      layers.gru({ units: 4, returnSequences: true, inputShape: [null, 3] }),
      layers.batchNormalization({ momentum, trainable, name: 'normal' }),
      layers.dropout({ rate: 0.2 }),
      layers.lstm({ units: 3 }),
      layers.dense({ units: 1 }),
    ],
    { seed: 4 },
  )
  m.compile({ optimizer: 'adam', loss: 'mse' })
  return m
}

type AnyModel = Pick<Sequential, 'getWeights' | 'namedWeights'>
const weightsOf = (m: AnyModel) => m.getWeights().map(({ data }) => [...data])
const moving = (m: AnyModel) => {
  const { 'normal/moving_mean': mean, 'normal/moving_variance': variance } = m.namedWeights()
  return [[...(mean?.data ?? [])], [...(variance?.data ?? [])]]
}
const initial = [Array(4).fill(0), Array(4).fill(1)]

describe('layers.batchNormalization', () => {
  it('has the weights of Keras in its order, of which training moves the statistics and the optimizer the others', async () => {
    const m = build()
    expect(Object.keys(m.namedWeights()).filter((name) => name.startsWith('normal/'))).toEqual([
      'normal/gamma',
      'normal/beta',
      'normal/moving_mean',
      'normal/moving_variance',
    ])
    expect(m.summary()).toContain('Non-trainable params: 8')
    await m.evaluate(x, y)
    await m.predict(x)
    await m.gradients(x, y)
    expect(moving(m)).toEqual(initial)
    await m.trainOnBatch(x, y)
    expect(moving(m)[0]?.every((value) => value !== 0)).toBe(true)
    const { weights } = await m.gradients(x, y)
    expect(Object.keys(weights)).not.toContain('normal/moving_mean')
  })

  it('normalises by the batch in training, and by the moving statistics otherwise', async () => {
    const m = sequential([layers.batchNormalization({ momentum: 0, inputShape: [2], epsilon: 1e-6 })])
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const data = tensor([1, 10, 3, 10, 5, 16], [3, 2])
    const [loss] = await m.trainOnBatch(data, tensor([0, 0, 0, 0, 0, 0], [3, 2]))
    // The normalised batch has a mean square of 1.
    expect(loss).toBeCloseTo(1, 4)
    const [, , mean, variance] = m.getWeights()
    expect([...(mean?.data ?? [])]).toEqual([3, 12])
    expect(relativeError(variance?.data ?? [], [8 / 3, 8])).toBeLessThan(1e-6)
    m.setWeights([
      [1, 1],
      [0, 0],
      [1, 2],
      [4, 9],
    ])
    expect(relativeError(m.predictSync(tensor([3, 5], [1, 2])).data, [1, 1])).toBeLessThan(1e-5)
  })

  it('does not depend on padding: ragged, padded and with holes', async () => {
    const lengths = [5, 2, 4, 1]
    const values = (row: number, step: number) => [0, 1, 2].map((at) => Math.sin(row * 7 + step * 3 + at))
    const ragged = lengths.map((length, row) => Array.from({ length }, (_, step) => values(row, step)))
    const padded = (time: number, filler: number) =>
      tensor(
        Float32Array.from(
          lengths.flatMap((length, row) =>
            Array.from({ length: time }, (_, step) =>
              step < length ? values(row, step) : [filler, filler, filler],
            ).flat(),
          ),
        ),
        [4, time, 3],
        { lengths },
      )
    const results = []
    for (const data of [ragged, padded(5, 0), padded(9, 1e6)]) {
      const m = build()
      await m.trainOnBatch(data, [1, 2, 3, 4])
      results.push(moving(m).flat())
    }
    expect(relativeError(results[1] as number[], results[0] as number[])).toBeLessThan(1e-6)
    expect(relativeError(results[2] as number[], results[0] as number[])).toBeLessThan(1e-6)
  })

  it('is left alone by training while it is frozen, as it was when the model was compiled', async () => {
    const frozen = build({ trainable: false })
    await frozen.fit(x, y, { epochs: 2 })
    expect(moving(frozen)).toEqual(initial)
    const m = build()
    m.getLayer('normal').trainable = false
    await m.trainOnBatch(x, y)
    const moved = moving(m)
    expect(moved).not.toEqual(initial)
    // Compiled again for the weights of classes and rows, and saved, it trains as before.
    await m.fit(x, y, { sampleWeight: y.map(() => 1), shuffle: false })
    expect(moving(m)).not.toEqual(moved)
    const loaded = await loadModel(await m.toBytes())
    await Promise.all([m.trainOnBatch(x, y), loaded.trainOnBatch(x, y)])
    expect(weightsOf(loaded)).toEqual(weightsOf(m))
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const before = moving(m)
    await m.trainOnBatch(x, y)
    expect(moving(m)).toEqual(before)
  })

  it('is saved, cloned and carried over to bytes with its statistics', async () => {
    const m = build()
    await m.fit(x, y, { epochs: 2 })
    const path = join(folder, 'saved')
    await m.save(path)
    const expected = m.predictSync(x).data
    for (const same of [await loadModel(path), await loadModel(await m.toBytes()), m.clone()]) {
      expect(same.predictSync(x).data).toEqual(expected)
      expect(moving(same as Sequential)).toEqual(moving(m))
    }
  })

  it('goes on after a crash and after an abort in the middle of an epoch to the same bits', async () => {
    const options = { epochs: 4, batchSize: 6 }
    const whole = build()
    const expected = await whole.fit(x, y, options)
    const backup = callbacks.backupAndRestore({ backupDir: join(folder, 'backup') })
    const controller = new AbortController()
    const abort = {
      onBatchEnd: (batch: number, { epoch }: { epoch: number }) => {
        if (epoch === 2 && batch >= 1) controller.abort()
      },
    }
    const interrupted = build().fit(x, y, { ...options, signal: controller.signal, callbacks: [backup, abort] })
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = build()
    expect(await resumed.fit(x, y, { ...options, callbacks: backup })).toEqual(expected)
    expect(weightsOf(resumed)).toEqual(weightsOf(whole))
  })

  it('takes back the statistics of the best epoch with the best weights', async () => {
    const m = build({ momentum: 0.5 })
    const seen: number[][][] = []
    const note = { onEpochEnd: () => void seen.push(moving(m)) }
    const stop = callbacks.earlyStopping({ monitor: 'loss', mode: 'max', patience: 3, restoreBestWeights: true })
    const { history } = await m.fit(x, y, { epochs: 6, shuffle: false, callbacks: [note, stop] })
    const losses = history.loss as number[]
    const best = losses.indexOf(Math.max(...losses))
    expect(best).toBeLessThan(losses.length - 1)
    expect(moving(m)).toEqual(seen[best])
    expect(seen.at(-1)).not.toEqual(seen[best])
  })

  it('shares its statistics with the other models that have it', async () => {
    const a = input({ shape: [3] })
    const normal = layers.batchNormalization({ name: 'normal' })
    const code = normal.apply(layers.dense({ units: 4 }).apply(a))
    const whole = model({ inputs: a, outputs: layers.dense({ units: 1 }).apply(code) })
    const part = model({ inputs: a, outputs: code })
    whole.compile({ optimizer: 'adam', loss: 'mse' })
    const data = tensor(wave(8 * 3), [8, 3])
    const first = part.predictSync(data).data
    await whole.trainOnBatch(data, wave(8))
    expect(part.predictSync(data).data).not.toEqual(first)
    expect(moving(part as never)).toEqual(moving(whole as never))
    expect(moving(part as never)).toEqual(
      normal
        .getWeights()
        .slice(2)
        .map((each) => [...each.data]),
    )
  })

  it('streams as it predicts', async () => {
    const m = build()
    await m.fit(x, y, { epochs: 1 })
    const steps = sequential([
      layers.gru({ units: 4, returnSequences: true, inputShape: [null, 3] }),
      layers.batchNormalization(),
    ])
    steps.setWeights(m.getWeights().slice(0, 7))
    const whole = steps.predictSync(tensor(x.data.slice(0, 15), [1, 5, 3]))
    const session = steps.session({ batchSize: 1 })
    const streamed = Array.from({ length: 5 }, (_, step) => [
      ...session.step(x.data.slice(step * 3, step * 3 + 3)).data,
    ])
    expect(relativeError(streamed.flat(), whole.data)).toBeLessThan(1e-5)
  })

  it('rejects statistics that are no float32, and leaves everything as it was', async () => {
    const m = sequential([layers.batchNormalization({ name: 'normal', inputShape: [1] })])
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const before = weightsOf(m)
    const large = tensor([1e30, -1e30], [2, 1])
    await expectCoded(
      () => m.trainOnBatch(large, tensor([0, 0], [2, 1])),
      'ERR_NUMERIC',
      /step 1.*normal\/moving_variance/,
    )
    expect(weightsOf(m)).toEqual(before)
  })

  it('refuses options and shapes that are none', async () => {
    for (const [options, code, message] of [
      [{ axis: 0 }, 'ERR_OPTION', /axis must be an integer that is not 0/],
      [{ momentum: 1.5 }, 'ERR_OPTION', /momentum must be a number from 0 to 1/],
      [{ epsilon: -1 }, 'ERR_OPTION', /epsilon/],
      [{ renorm: true }, 'ERR_UNSUPPORTED', /renorm/],
    ] as const) {
      await expectCoded(() => layers.batchNormalization(options as never), code, message)
    }
    const apply = (options: object, shape: (number | null)[]) => () =>
      layers.batchNormalization(options).apply(input({ shape }))
    await expectCoded(
      apply({ axis: 3 }, [null, 4]),
      'ERR_SHAPE',
      /axis 3 is none of an input of shape \[null, null, 4\]/,
    )
    await expectCoded(apply({ axis: 1 }, [null, 4]), 'ERR_SHAPE', /dimension 1 of \[null, null, 4\] must be known/)
  })
})

describe('files of other programs', () => {
  async function trained(options = {}) {
    const m = sequential(
      [
        layers.dense({ units: 4, inputShape: [5, 3] }),
        layers.batchNormalization({ name: 'normal', epsilon: 1e-5, ...options }),
        layers.globalAveragePooling1d(),
        layers.dense({ units: 1 }),
      ],
      { seed: 2 },
    )
    m.compile({ optimizer: 'adam', loss: 'mse' })
    await m.fit(x, y, { epochs: 3 })
    return m
  }

  it.each(['normal.keras', 'normal.h5'])('has its statistics in %s', async (name) => {
    for (const options of [{}, { scale: false, axis: 1, gammaRegularizer: 'l2' }]) {
      const m = await trained(options)
      await interop.toKeras(m, join(folder, name))
      const loaded = await interop.loadKeras(join(folder, name))
      expect(weightsOf(loaded as never)).toEqual(weightsOf(m))
      expect(loaded.predictSync(x).data).toEqual(m.predictSync(x).data)
    }
  })

  it('has its statistics for TensorFlow.js', async () => {
    const m = await trained()
    await interop.toTfjs(m, join(folder, 'tfjs'))
    const loaded = await interop.loadTfjs(join(folder, 'tfjs'))
    expect(loaded.predictSync(x).data).toEqual(m.predictSync(x).data)
  })

  it('has its statistics for PyTorch', async () => {
    for (const name of ['normal.pt', 'normal.safetensors']) {
      const m = await trained()
      await interop.toPyTorch(m, join(folder, name))
      const other = await trained()
      await interop.loadPyTorch(join(folder, name), { model: other })
      expect(weightsOf(other)).toEqual(weightsOf(m))
    }
  })
})
