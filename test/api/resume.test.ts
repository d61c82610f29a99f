import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Callback,
  callbacks,
  type FitOptions,
  layers,
  loadModel,
  metrics,
  optimizers,
  type Sequential,
  sequential,
  tensor,
} from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { runProgram } from '../helpers/process.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-resume-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = () => join(folder, `backup-${count++}`)

const rows = 40
const x = tensor(
  Float32Array.from({ length: rows * 6 }, (_, i) => Math.sin(i * i)),
  [rows, 3, 2],
)
const y = Float32Array.from({ length: rows }, (_, i) => Math.cos(i))

function build({ units = 4, learningRate = 0.05 } = {}): Sequential {
  const m = sequential(
    [layers.gru({ units, inputShape: [null, 2] }), layers.dropout({ rate: 0.2 }), layers.dense({ units: 1 })],
    { seed: 1 },
  )
  m.compile({ optimizer: optimizers.adam({ learningRate }), loss: 'mse', metrics: ['mae'] })
  return m
}

const weightsOf = (m: Sequential) => m.getWeights().map(({ data }) => [...data])
const options = { epochs: 6, batchSize: 8, validationSplit: 0.2 } satisfies FitOptions
const stopping = () => callbacks.earlyStopping({ monitor: 'loss', patience: 3, restoreBestWeights: true })

/** Throws in the epoch's begin, as if the process had been killed there. */
const crash = (at: number): Callback => ({
  onEpochBegin: (epoch) => {
    if (epoch === at) throw new Error('killed')
  },
})

describe('callbacks.backupAndRestore', () => {
  it('ends as the training that nobody killed, 3 times of 3', async () => {
    const result = await runProgram<Record<string, number>>('kills.mjs', ['3', '7'])
    expect(result).toMatchObject({ kills: 3, identical: 3 })
  }, 180_000)

  it('goes on after a crash with history and callbacks as they were', async () => {
    const whole = build()
    const expected = await whole.fit(x, y, { ...options, callbacks: stopping() })
    const backupDir = fresh()
    const backup = callbacks.backupAndRestore({ backupDir })
    await expect(build().fit(x, y, { ...options, callbacks: [stopping(), backup, crash(3)] })).rejects.toThrow('killed')
    expect((await loadModel(backupDir)).countParams()).toBe(whole.countParams())
    const resumed = build()
    const epochs: number[] = []
    const seen: Callback = { onEpochBegin: (epoch) => void epochs.push(epoch) }
    expect(await resumed.fit(x, y, { ...options, callbacks: [stopping(), backup, seen] })).toEqual(expected)
    expect(epochs).toEqual([3, 4, 5])
    expect(weightsOf(resumed)).toEqual(weightsOf(whole))
    expect(existsSync(backupDir)).toBe(false)
  })

  it('goes on after an abort, in the middle of an epoch', async () => {
    const whole = build()
    const expected = await whole.fit(x, y, options)
    const backup = callbacks.backupAndRestore({ backupDir: fresh() })
    const controller = new AbortController()
    const abort: Callback = {
      onBatchEnd: (batch, { epoch }) => {
        if (epoch === 2 && batch >= 1) controller.abort()
      },
    }
    const interrupted = build().fit(x, y, { ...options, signal: controller.signal, callbacks: [backup, abort] })
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = build()
    expect(await resumed.fit(x, y, { ...options, callbacks: backup })).toEqual(expected)
    expect(weightsOf(resumed)).toEqual(weightsOf(whole))
  })

  it('refuses to go on with other data of the same size, but goes on from backups that do not tell of theirs', async () => {
    const others = y.map((value) => value + 1)
    const begin = async (backupDir: string) => {
      const backup = callbacks.backupAndRestore({ backupDir })
      await expect(build().fit(x, y, { ...options, callbacks: [backup, crash(3)] })).rejects.toThrow('killed')
      return backup
    }
    const backup = await begin(fresh())
    await expect(build().fit(x, others, { ...options, callbacks: backup })).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(/other data.*another folder/),
    })
    await build().fit(x, y, { ...options, callbacks: backup })

    const backupDir = fresh()
    const old = await begin(backupDir)
    const file = join(backupDir, 'model.json')
    const description = JSON.parse(readFileSync(file, 'utf8'))
    delete description.metadata.backup.identity.data
    writeFileSync(file, JSON.stringify(description))
    const { epoch } = await build().fit(x, others, { ...options, callbacks: old })
    expect(epoch).toHaveLength(6)
  })

  it('tells large data apart by values in the middle of them', async () => {
    const build = () => {
      const m = sequential([layers.dense({ units: 1, inputShape: [64] })], { seed: 1 })
      m.compile({ optimizer: 'sgd', loss: 'mse' })
      return m
    }
    const [rows, size] = [20_000, 64]
    const inputs = (of: number) => tensor(new Float32Array(rows * size).fill(of, rows * 30, rows * 31), [rows, size])
    const targets = new Float32Array(rows)
    const backup = callbacks.backupAndRestore({ backupDir: fresh() })
    const options = { epochs: 2, batchSize: 2000, callbacks: [backup, crash(1)] }
    await expect(build().fit(inputs(0), targets, options)).rejects.toThrow('killed')
    await expect(build().fit(inputs(1), targets, { ...options, callbacks: backup })).rejects.toMatchObject({
      code: 'ERR_STATE',
    })
    await build().fit(inputs(0), targets, { ...options, callbacks: backup })
  })

  describe('with metrics of all rows', () => {
    const classes = Array.from({ length: rows }, (_, i) => (i * 7) % 3)
    const flags = classes.map((value) => [value === 1 ? 1 : 0])
    const metricsOf = ['accuracy', 'precision', 'recall', 'f1', 'auc'] as const
    /** A model of two classes, or of three, with all metrics; rows of one batch leave some classes out. */
    function classifier(units: 1 | 3): Sequential {
      const activation = units === 1 ? 'sigmoid' : 'softmax'
      const m = sequential(
        [
          layers.lstm({ units: 4, inputShape: [null, 2] }),
          layers.dropout({ rate: 0.2 }),
          layers.dense({ units, activation }),
        ],
        { seed: 3 },
      )
      m.compile({
        optimizer: optimizers.adam({ learningRate: 0.05 }),
        loss: units === 1 ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
        metrics: units === 1 ? [...metricsOf] : [...metricsOf.slice(0, 4), metrics.topKAccuracy({ k: 2 })],
      })
      return m
    }

    it.each([
      [1, 'between epochs', 'epoch'],
      [1, 'in the middle of an epoch', 5],
      [3, 'between epochs', 'epoch'],
      [3, 'in the middle of an epoch', 5],
    ] as const)('goes on as if never stopped: %i outputs, %s', async (units, _, saveFreq) => {
      const targets = units === 1 ? flags : classes
      const whole = classifier(units)
      const expected = await whole.fit(x, targets, options)
      expect(Object.keys(expected.history)).toHaveLength(12)
      const backup = callbacks.backupAndRestore({ backupDir: fresh(), saveFreq })
      const killed = classifier(units).fit(x, targets, { ...options, callbacks: [backup, crash(3)] })
      await expect(killed).rejects.toThrow('killed')
      const begun: number[] = []
      const seen: Callback = { onEpochBegin: (epoch) => void begun.push(epoch) }
      const resumed = classifier(units)
      expect(await resumed.fit(x, targets, { ...options, callbacks: [backup, seen] })).toEqual(expected)
      // Step 10, of 4 an epoch, lies within epoch 2.
      expect(begun).toEqual(saveFreq === 5 ? [2, 3, 4, 5] : [3, 4, 5])
      expect(weightsOf(resumed)).toEqual(weightsOf(whole))
    })
  })

  it('can back up every so many minutes, and be left there', async () => {
    const backupDir = fresh()
    const backup = callbacks.backupAndRestore({ backupDir, saveMinutes: 1e-9, deleteCheckpoint: false })
    const first = build()
    const expected = await first.fit(x, y, { ...options, callbacks: backup })
    // Ended is ended; more epochs go on from there.
    const again = build()
    expect(await again.fit(x, y, { ...options, callbacks: backup })).toEqual(expected)
    expect(weightsOf(again)).toEqual(weightsOf(first))
    const longer = await build().fit(x, y, { ...options, epochs: 8, callbacks: backup })
    expect(longer.history.loss).toEqual((await build().fit(x, y, { ...options, epochs: 8 })).history.loss)
  })

  it('stays ended where early stopping has ended it', async () => {
    const backup = callbacks.backupAndRestore({ backupDir: fresh(), deleteCheckpoint: false })
    const never = () => callbacks.earlyStopping({ monitor: 'loss', minDelta: 100, patience: 1 })
    const { epoch } = await build().fit(x, y, { ...options, callbacks: [never(), backup] })
    expect(epoch).toEqual([0, 1])
    expect((await build().fit(x, y, { ...options, callbacks: [never(), backup] })).epoch).toEqual([0, 1])
  })

  it('removes what a killed write has left', async () => {
    const backupDir = fresh()
    const backup = callbacks.backupAndRestore({ backupDir, deleteCheckpoint: false })
    await build().fit(x, y, { ...options, epochs: 1, callbacks: backup })
    writeFileSync(join(backupDir, '.weights-0123456789abcdef.safetensors.tmp'), 'half')
    await build().fit(x, y, { ...options, epochs: 2, callbacks: backup })
    expect(readdirSync(backupDir).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('begins anew where the first backup was killed', async () => {
    const backupDir = fresh()
    const { mkdirSync } = await import('node:fs')
    mkdirSync(backupDir)
    writeFileSync(join(backupDir, '.model.json.tmp'), '{')
    const { epoch } = await build().fit(x, y, { ...options, callbacks: callbacks.backupAndRestore({ backupDir }) })
    expect(epoch).toHaveLength(6)
  })

  it('refuses the backup of another training', async () => {
    const backupDir = fresh()
    const backup = callbacks.backupAndRestore({ backupDir, deleteCheckpoint: false })
    await build().fit(x, y, { ...options, callbacks: backup })
    const refused = async (m: Sequential, message: RegExp, changed: FitOptions = {}) => {
      const call = m.fit(x, y, { ...options, ...changed, callbacks: backup })
      await expect(call).rejects.toMatchObject({ code: 'ERR_STATE', message: expect.stringMatching(message) })
    }
    await refused(build(), /batchSize 8, not 9/, { batchSize: 9 })
    await refused(build(), /seed 1, not 2/, { seed: 2 })
    await refused(build({ units: 5 }), /other layers/)
    await refused(build({ learningRate: 0.1 }), /another optimizer/)
    const path = join(backupDir, 'model.json')
    const description = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...description, metadata: { backup: { identity: {} } } }))
    await expect(build().fit(x, y, { ...options, callbacks: backup })).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    const model = fresh()
    await build().save(model)
    const other = callbacks.backupAndRestore({ backupDir: model })
    await expect(build().fit(x, y, { ...options, callbacks: other })).rejects.toMatchObject({ code: 'ERR_STATE' })
    await expect(build().fit(x, y, { ...options, callbacks: [backup, backup] })).rejects.toMatchObject({
      code: 'ERR_OPTION',
    })
    for (const wrong of [{}, { backupDir: '' }, { backupDir, saveFreq: 0 }, { backupDir, saveMinutes: 0 }]) {
      expect(() => callbacks.backupAndRestore(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
  })
})
