import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, layers, loadModel, type Model, sequential, tensor } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { best, longestTurn } from '../helpers/loopDelay.js'

/** The most that one turn of the event loop may take, in milliseconds: far less than copying, hashing or freeing these weights takes at once. */
const bound = 100

describe('100 MB of weights, with 200 MB of what Adam keeps of them, leave the event loop free', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-large-'))
  const saved = join(folder, 'saved')
  const units = 5000
  let m: Model
  const [x, y] = [tensor(new Float32Array(2 * units).fill(0.01), [2, units]), tensor(new Float32Array(2), [2, 1])]

  const make = () => {
    const made = sequential([layers.dense({ units, inputShape: [units] }), layers.dense({ units: 1 })])
    made.compile({ optimizer: 'adam', loss: 'mse' })
    return made
  }
  const expectFree = async (work: () => Promise<unknown>) => {
    const longest = await best(bound, () => longestTurn(work))
    expect(longest).toBeLessThan(bound)
  }

  beforeAll(async () => {
    m = make()
    await m.trainOnBatch(x, y)
    await m.save(saved)
  }, 60_000)

  afterAll(() => {
    m.dispose()
    rmSync(folder, { recursive: true, force: true })
  })

  it('while a model is compiled, trained for the first time and disposed', async () => {
    await expectFree(async () => {
      using other = make()
      await other.trainOnBatch(x, y)
    })
  }, 120_000)

  it('while it is saved a second time, when the memory of the first is given back', async () => {
    await expectFree(() => m.save(saved))
  }, 120_000)

  it('while it is loaded', async () => {
    const loaded: Model[] = []
    await expectFree(async () => void loaded.push((await loadModel(saved)) as Model))
    for (const again of loaded) {
      expect(again.countParams()).toBe(m.countParams())
      again.dispose()
    }
  }, 120_000)

  it('while it becomes bytes, and a model again', async () => {
    const loaded: Model[] = []
    await expectFree(async () => void loaded.push((await loadModel(await m.toBytes())) as Model))
    for (const again of loaded) {
      expect(again.countParams()).toBe(m.countParams())
      again.dispose()
    }
  }, 120_000)

  it('while fit makes a backup, and begins from one', async () => {
    await expectFree(async () => {
      const backup = callbacks.backupAndRestore({ backupDir: join(folder, 'backup'), deleteCheckpoint: false })
      await m.fit(x, y, { epochs: 1, callbacks: backup })
      await m.fit(x, y, { epochs: 2, callbacks: backup })
    })
  }, 120_000)

  it('while fit keeps the best weights and puts them back', async () => {
    const stop = callbacks.earlyStopping({ monitor: 'loss', patience: 5, restoreBestWeights: true })
    await expectFree(() => m.fit(x, y, { epochs: 3, callbacks: stop }))
  }, 120_000)

  it('while it is cloned, and both go on', async () => {
    await expectFree(async () => {
      using copy = m.clone()
      await Promise.all([copy.trainOnBatch(x, y), m.trainOnBatch(x, y)])
    })
  }, 120_000)
})

it('a session over 64 MB of weights begins at once, and keeps the weights that the model had', async () => {
  const units = 4000
  const m = sequential([
    layers.dense({ units, inputShape: [null, units] }),
    layers.lstm({ units: 4 }),
    layers.dense({ units: 1 }),
  ])
  m.compile({ optimizer: 'adam', loss: 'mse' })
  const step = new Float32Array(units).fill(0.01)
  const x = tensor(step, [1, 1, units])
  const before = (await m.predict(x)).data[0] as number
  let session = m.session()
  const longest = await best(20, () =>
    longestTurn(async () => {
      session.dispose()
      session = m.session()
    }),
  )
  expect(longest).toBeLessThan(20)
  await m.trainOnBatch(x, tensor(new Float32Array(1).fill(3), [1, 1]))
  expect(Math.abs(((await m.predict(x)).data[0] as number) - before)).toBeGreaterThan(1e-3)
  expect(session.step(step).data[0]).toBeCloseTo(before, 5)
  expect(m.session().step(step).data[0]).toBeCloseTo((await m.predict(x)).data[0] as number, 5)
}, 60_000)
