import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  backend,
  callbacks,
  configure,
  layers,
  loadModel,
  optimizers,
  type Sequential,
  sequential,
  tensor,
} from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-state-dtype-'))
const { threads } = backend()
afterAll(() => {
  configure({ threads })
  rmSync(folder, { recursive: true, force: true })
})

type Optimizer = ReturnType<typeof optimizers.adam>
const rows = 256
const [time, width] = [12, 3]
// The mean over the steps of a product of two features.
const values = Float32Array.from({ length: rows * time * width }, (_, i) => Math.sin(i * i * 0.37))
const x = tensor(values, [rows, time, width])
const y = Float32Array.from({ length: rows }, (_, row) => {
  const product = (step: number) => {
    const at = (row * time + step) * width
    return (values[at] as number) * (values[at + 1] as number)
  }
  return Array.from({ length: time }, (_, step) => product(step)).reduce((a, b) => a + b)
})

function build(optimizer: Optimizer, units = 16): Sequential {
  const m = sequential([layers.gru({ units, inputShape: [null, width] }), layers.dense({ units: 1 })], { seed: 4 })
  m.compile({ optimizer, loss: 'mse' })
  return m
}

const half = (options: object = {}) => optimizers.adam({ learningRate: 0.01, stateDtype: 'bfloat16', ...options })
const weightsOf = (m: Sequential) => m.getWeights().map(({ data }) => [...data])
const options = { epochs: 4, batchSize: 32 }
const bytesOf = (path: string) =>
  readdirSync(path).reduce((sum, name) => sum + (/state/.test(name) ? statSync(join(path, name)).size : 0), 0)

describe("stateDtype: 'bfloat16'", () => {
  it('halves the memory of states, and their file', async () => {
    const [short, long] = [build(half(), 128), build(half({ stateDtype: 'float32' }), 128)]
    const [a, b] = [short, long].map((m) => m.memory({ batchSize: 4, time }))
    expect(a?.optimizer).toBe((b?.optimizer as number) / 2)
    expect(b?.total).toBe((a?.total as number) + (a?.optimizer as number))
    const sizes = []
    for (const [name, m] of Object.entries({ short, long })) {
      await m.trainOnBatch(x, y)
      await m.save(join(folder, name))
      sizes.push(bytesOf(join(folder, name)))
    }
    expect(sizes[0]).toBeGreaterThan(0)
    expect((sizes[1] as number) / (sizes[0] as number)).toBeCloseTo(2, 1)
  })

  it.each([
    ['adam', half()],
    ['adamw with rows and means', half({ gradientAccumulationSteps: 2, useEma: true, amsgrad: true })],
    ['sgd', optimizers.sgd({ learningRate: 0.01, momentum: 0.9, stateDtype: 'bfloat16' })],
  ])('goes on to the same bits from a file, and on any number of threads: %s', async (name, optimizer) => {
    const whole = build(optimizer)
    await whole.fit(x, y, { ...options, shuffle: false, epochs: 2 })
    await whole.save(join(folder, name))
    const loaded = (await loadModel(join(folder, name))) as Sequential
    const copy = (await loadModel(await whole.toBytes())) as Sequential
    for (const [threads, m] of [whole, loaded, copy].entries()) {
      configure({ threads: threads + 1 })
      await m.fit(x, y, { ...options, shuffle: false, epochs: 2 })
    }
    expect(weightsOf(loaded)).toEqual(weightsOf(whole))
    expect(weightsOf(copy)).toEqual(weightsOf(whole))
  })

  it('goes on from a backup to the same bits, which no other dtype does', async () => {
    const whole = build(half())
    await whole.fit(x, y, options)
    const backup = { backupDir: join(folder, 'backup') }
    const killed = build(half())
    const crash = {
      onEpochBegin: (epoch: number) => {
        if (epoch === 2) throw new Error('killed')
      },
    }
    const fit = killed.fit(x, y, { ...options, callbacks: [callbacks.backupAndRestore(backup), crash] })
    await expect(fit).rejects.toThrow('killed')
    const other = build(half({ stateDtype: 'float32' }))
    await expect(other.fit(x, y, { ...options, callbacks: callbacks.backupAndRestore(backup) })).rejects.toThrow(
      /another optimizer/,
    )
    const resumed = build(half())
    await resumed.fit(x, y, { ...options, callbacks: callbacks.backupAndRestore(backup) })
    expect(weightsOf(resumed)).toEqual(weightsOf(whole))
  })

  it('learns as float32 does', async () => {
    const losses = []
    for (const stateDtype of ['float32', 'bfloat16']) {
      const m = build(half({ stateDtype }))
      const { history } = await m.fit(x, y, { epochs: 60, batchSize: 32 })
      losses.push(history.loss?.at(-1) as number)
    }
    const [full, short] = losses as [number, number]
    expect(full).toBeLessThan(0.02)
    expect(short / full).toBeGreaterThan(0.95)
    expect(short / full).toBeLessThan(1.05)
  })

  it('is refused where there are no states of elements, and for unknown names', () => {
    const unsupported = expect.objectContaining({ code: 'ERR_UNSUPPORTED' })
    for (const kind of ['adafactor', 'ftrl', 'lamb', 'muon', 'sgd'] as const) {
      expect(() => build(optimizers[kind]({ stateDtype: 'bfloat16' })), kind).toThrow(unsupported)
    }
    for (const stateDtype of ['float16', 16, null]) {
      expect(() => half({ stateDtype })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
    expect(half({ stateDtype: 'float32' })).not.toHaveProperty('stateDtype')
  })
})
