import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, input, layers, loadModel, model, sequential, tensor } from 'seqloom'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const data = Float32Array.from({ length: 12 * 4 * 3 }, (_, i) => Math.sin(i * 0.7))
const x = tensor(data, [12, 4, 3], { lengths: [4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3] })
const y = Float32Array.from({ length: 12 }, (_, i) => i / 12)

const sameValues = (data: Float32Array, other: { readonly data: Float32Array } | undefined) =>
  Buffer.compare(Buffer.from(data.buffer), Buffer.from(other?.data.buffer as ArrayBuffer)) === 0

function everyLayer() {
  const a = input({ shape: [null, 3], name: 'a' })
  const masked = layers.masking().apply(a)
  const [both, h] = layers
    .bidirectional({ layer: layers.gru({ units: 4, returnSequences: true, returnState: true, dropout: 0.1 }) })
    .apply(masked)
  const stepped = layers.timeDistributed({ layer: layers.dense({ units: 4, activation: 'relu' }) }).apply(both)
  const normal = layers.layerNormalization().apply(stepped)
  const pooled = layers
    .concatenate()
    .apply([
      layers.globalAveragePooling1d().apply(normal),
      layers.globalMaxPooling1d().apply(normal),
      layers.lastStep().apply(normal),
      layers.lstm({ units: 3, goBackwards: true }).apply(normal),
      layers.simpleRNN({ units: 3, activation: 'relu' }).apply(normal),
      layers.multiply().apply([h, h]),
    ])
  const m = model({ inputs: a, outputs: layers.dense({ units: 1 }).apply(pooled), seed: 9, name: 'every' })
  m.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'] })
  return m
}

describe('saving and loading', () => {
  it('gives the same predictions, and the same training from there', async () => {
    const m = everyLayer()
    await m.fit(x, y, { epochs: 2, batchSize: 5 })
    m.learningRate = 0.003
    await m.save(join(folder, 'deep', 'model'))
    const again = await loadModel(join(folder, 'deep', 'model'))
    expect(again.toJSON()).toEqual(m.toJSON())
    expect(again.summary()).toBe(m.summary())
    expect(again.learningRate).toBe(m.learningRate)
    expect((await again.predict(x)).data).toEqual((await m.predict(x)).data)
    expect(await again.evaluate(x, y)).toEqual(await m.evaluate(x, y))
    const [one, two] = [await m.fit(x, y, { epochs: 2 }), await again.fit(x, y, { epochs: 2 })]
    expect(two.history).toEqual(one.history)
    expect(again.namedWeights()).toEqual(m.namedWeights())
  })

  it('replaces a model and leaves no other file behind, but keeps those that are not its own', async () => {
    const m = everyLayer()
    await m.save(folder)
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    await m.fit(x, y)
    await m.save(folder)
    const files = readdirSync(folder)
    expect(files).toHaveLength(4)
    expect(files).toContain('notes.txt')
    const { files: listed } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as { files: object }
    expect(files).toEqual(expect.arrayContaining(Object.keys(listed)))
    expect((await loadModel(folder)).predictSync(x)).toEqual(m.predictSync(x))
  })

  it('keeps what is trained, whatever became of trainable since the model was compiled', async () => {
    const m = everyLayer()
    await m.fit(x, y)
    m.getLayer('lstm').trainable = false
    await m.save(folder)
    const again = await loadModel(folder)
    expect(again.getLayer('lstm').trainable).toBe(false)
    // Weights of rows compile anew, but not with what is trainable now.
    const weights = Float32Array.from(y, () => 2)
    const [one, two] = [await m.fit(x, y, { sampleWeight: weights }), await again.fit(x, y, { sampleWeight: weights })]
    expect(two.history).toEqual(one.history)
    expect(again.namedWeights()).toEqual(m.namedWeights())
    again.compile({ optimizer: 'sgd', loss: 'mse' })
    const frozen = again.namedWeights()
    await again.fit(x, y)
    const changed = Object.entries(again.namedWeights()).filter(([name, { data }]) => !sameValues(data, frozen[name]))
    expect(changed.map(([name]) => name).filter((name) => name.startsWith('lstm/'))).toEqual([])
    expect(changed.length).toBeGreaterThan(5)
  })

  it('of a model that is not compiled keeps it so; a sequential one stays sequential', async () => {
    const m = sequential([layers.embedding({ inputDim: 5, outputDim: 2 }), layers.lstm({ units: 3 })], { name: 's' })
    await m.save(folder)
    const again = await loadModel(folder)
    expect(again.name).toBe('s')
    expect(again.toJSON().className).toBe('Sequential')
    expect(again.predictSync([[1, 2], [3]])).toEqual(m.predictSync([[1, 2], [3]]))
    await expect(again.fit([[1]], [[1, 2, 3]])).rejects.toMatchObject({ code: 'ERR_STATE' })
  })

  it('never makes a layer of an unknown class', async () => {
    await everyLayer().save(folder)
    const path = join(folder, 'model.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"Masking"', '"Mystery"'))
    await expect(loadModel(folder)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringMatching(/Mystery/),
    })
  })

  it('happens after every epoch with a checkpoint', async () => {
    const m = everyLayer()
    const path = join(folder, 'best')
    await m.fit(x, y, { epochs: 2, callbacks: callbacks.modelCheckpoint({ path, monitor: 'loss' }) })
    expect((await loadModel(path)).predictSync(x)).toEqual(m.predictSync(x))
  })
})

describe('lastStep', () => {
  it('gives each row’s last valid step', async () => {
    const m = sequential([layers.lastStep({ inputShape: [null, 3] })])
    const { data: last, shape } = await m.predict(x)
    expect(shape).toEqual([12, 3])
    const expected = x.lengths ?? []
    for (const [row, length] of Array.from(expected).entries()) {
      const at = row * 12 + (length - 1) * 3
      expect(last.slice(row * 3, row * 3 + 3)).toEqual(data.slice(at, at + 3))
    }
  })
})

describe('bidirectional without merging', () => {
  it('returns both outputs, which are those that are joined otherwise, also of layers of different sizes', async () => {
    const a = input({ shape: [null, 3] })
    const pair = () => ({
      layer: layers.lstm({ units: 4, returnSequences: true, returnState: true }),
      backwardLayer: layers.gru({ units: 2, returnSequences: true, returnState: true, goBackwards: true }),
    })
    const apart = layers.bidirectional({ ...pair(), mergeMode: null, name: 'both' })
    const values = apart.apply(a)
    expect(values.map(({ shape }) => shape)).toEqual([
      [null, null, 4],
      [null, null, 2],
      ...[4, 4, 2].map((units) => [null, units]),
    ])
    const m = model({ inputs: a, outputs: values, seed: 5 })
    const joined = layers.bidirectional({ ...pair(), name: 'both' }).apply(a) as unknown as readonly (typeof a)[]
    const other = model({ inputs: a, outputs: joined, seed: 5 })
    const [ahead, back, ...states] = await m.predict(x)
    const [together, ...sameStates] = await other.predict(x)
    const rows = Array.from({ length: 12 * 4 }, (_, at) => [
      ...(ahead?.data.subarray(4 * at, 4 * at + 4) ?? []),
      ...(back?.data.subarray(2 * at, 2 * at + 2) ?? []),
    ])
    expect(Float32Array.from(rows.flat())).toEqual(together?.data)
    expect(states).toEqual(sameStates)
    await m.save(folder)
    const loaded = await loadModel<Awaited<ReturnType<typeof m.predict>>>(folder)
    expect((await loaded.predict(x)).map(({ data }) => data)).toEqual((await m.predict(x)).map(({ data }) => data))
    for (const each of [m, other, loaded]) each.dispose()
  })
})

describe('sessions', () => {
  it('give step by step what predict gives at once', async () => {
    const m = sequential([
      layers.lstm({ units: 5, inputShape: [null, 3], returnSequences: true }),
      layers.gru({ units: 4, returnSequences: true }),
      layers.dense({ units: 2, activation: 'softmax' }),
    ])
    const whole = await m.predict(tensor(data, [12, 4, 3]))
    using session = m.session({ batchSize: 12 })
    const check = () => {
      for (let t = 0; t < 4; t++) {
        const step = Float32Array.from(
          { length: 36 },
          (_, i) => data[Math.floor(i / 3) * 12 + t * 3 + (i % 3)] as number,
        )
        const { data: got, shape } = session.step(tensor(step, [12, 3]))
        expect(shape).toEqual([12, 2])
        for (let row = 0; row < 12; row++) {
          expect(got.slice(row * 2, row * 2 + 2)).toEqual(whole.data.slice(row * 8 + t * 2, row * 8 + t * 2 + 2))
        }
      }
    }
    check()
    session.reset()
    check()
  })

  it('can be copied and reordered', () => {
    const m = sequential([layers.embedding({ inputDim: 5, outputDim: 3 }), layers.lstm({ units: 4 })])
    const session = m.session({ batchSize: 2 })
    session.step([1, 2])
    const copy = session.clone()
    copy.reorder([1, 0])
    const [a, b] = [session.step([3, 4]).data, copy.step([4, 3]).data]
    expect(a).toEqual(Float32Array.of(...b.slice(4), ...b.slice(0, 4)))
    expect(() => session.reorder([0, 2])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }))
    expect(() => session.step([1])).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }))
    expect(() => session.step([1, 9])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }))
    session.dispose()
    expect(() => session.step([1, 2])).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
    const single = m.session()
    expect(single.step(3).shape).toEqual([1, 4])
  })
})

describe('weights', () => {
  it('do not depend on the padding, nor on a row’s neighbours', async () => {
    const m = everyLayer()
    const whole = await m.predict(x)
    for (const [row, length] of [4, 1, 2, 3].entries()) {
      const alone = await m.predict(tensor(data.slice(row * 12, row * 12 + length * 3), [1, length, 3]))
      expect(alone.data[0]).toBeCloseTo(whole.data[row] as number, 6)
    }
  })

  it('belong to layers, whatever model they are in', () => {
    const shared = layers.dense({ units: 2, inputShape: [2] })
    const first = sequential([shared])
    first.predictSync([[1, 2]])
    expect(sequential([shared]).predictSync([[1, 2]])).toEqual(first.predictSync([[1, 2]]))
  })

  it('are copies', () => {
    const m = everyLayer()
    m.getWeights()[0]?.data.fill(7)
    expect(m.getWeights()[0]?.data).not.toContain(7)
  })

  it('can be added one layer at a time, as in tfjs', async () => {
    const m = sequential()
    m.add(layers.lstm({ units: 3, inputShape: [4, 3] }))
    m.add(layers.dense({ units: 1 }))
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    expect(m.summary()).toMatch(/lstm \(LSTM\)\s+\(None, 3\)\s+84/)
    expect(() => m.add(layers.dense({ units: 1 }))).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
    expect((await m.fit({ shape: [12, 4, 3], dataSync: () => data }, y)).history.loss).toHaveLength(1)
  })
})
