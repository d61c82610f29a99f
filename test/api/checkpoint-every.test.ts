import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  backend,
  type Callback,
  type CompileOptions,
  callbacks,
  cells,
  input,
  layers,
  loadModel,
  model,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'

const numbers = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) / 2)
const [rows, time, features] = [21, 37, 5]
const x = tensor(numbers(rows * time * features, 1), [rows, time, features])
const y = tensor(numbers(rows * 2, 2), [rows, 2])
const ragged = Array.from({ length: rows }, (_, row) =>
  Array.from({ length: 1 + ((row * 11) % time) }, (_, step) => Array.from(numbers(features, row * 50 + step))),
)
const tokens = Int32Array.from({ length: rows * time }, (_, i) => (i * 29 + (i >> 3) * 7) % 11)

const head = () => layers.dense({ units: 2 })
const inputShape = [null, features] as const

/** Models that train on `x`, and what they are given instead. */
const kinds = {
  'an lstm': () => [sequential([layers.lstm({ units: 9, inputShape }), head()], { seed: 3 }), x],
  'a gru': () => [sequential([layers.gru({ units: 33, inputShape }), head()], { seed: 3 }), x],
  'a gru that resets before': () => [
    sequential([layers.gru({ units: 9, resetAfter: false, inputShape }), head()], { seed: 3 }),
    x,
  ],
  'a simple rnn': () => [sequential([layers.simpleRNN({ units: 9, inputShape }), head()], { seed: 3 }), x],
  'two directions of two layers, on sequences of different lengths, with dropout between': () => [
    sequential(
      [
        layers.bidirectional({ layer: layers.lstm({ units: 9, returnSequences: true }), inputShape }),
        layers.dropout({ rate: 0.3 }),
        layers.bidirectional({ layer: layers.gru({ units: 6 }) }),
        head(),
      ],
      { seed: 3 },
    ),
    ragged,
  ],
  'masks with holes': () => [
    sequential([layers.masking({ maskValue: 0, inputShape }), layers.lstm({ units: 9 }), head()], { seed: 3 }),
    tensor(
      x.data.map((value, i) => (Math.floor(i / features) % 5 === 2 ? 0 : value)),
      x.shape,
    ),
  ],
  'tokens of a small vocabulary': () => [
    sequential([layers.embedding({ inputDim: 11, outputDim: 4, maskZero: true }), layers.lstm({ units: 9 }), head()], {
      seed: 3,
    }),
    tensor(tokens, [rows, time]),
  ],
  'states that go on from batch to batch': () => [
    sequential([layers.lstm({ units: 9, stateful: true, batchInputShape: [7, time, features] }), head()], { seed: 3 }),
    x,
  ],
  'states that are given and returned': () => {
    const sequence = input({ shape: inputShape })
    const encoder = layers.lstm({ units: 9, returnState: true }).apply(sequence)
    const [, h, c] = encoder
    const decoded = layers.lstm({ units: 9 }).apply(sequence, { initialState: [h, c] })
    return [model({ inputs: sequence, outputs: head().apply(decoded), seed: 3 }), x]
  },
} as const satisfies Record<string, () => readonly [unknown, unknown]>

type Trained = ReturnType<typeof sequential>

/** The weights after some steps. */
async function trained(kind: keyof typeof kinds, options: Partial<CompileOptions>): Promise<Float32Array[]> {
  const [m, given] = kinds[kind]() as unknown as [Trained, typeof x]
  m.compile({ optimizer: 'adam', loss: 'mse', ...options })
  await m.fit(given, y, { epochs: 2, batchSize: 7, shuffle: false })
  return m.getWeights().map(({ data }) => data as Float32Array)
}

describe('checkpointEvery', () => {
  it.each(Object.keys(kinds) as (keyof typeof kinds)[])('changes no bit of %s', async (kind) => {
    const whole = await trained(kind, {})
    for (const checkpointEvery of [1, 6, 37, 1000]) {
      expect(await trained(kind, { checkpointEvery })).toEqual(whole)
    }
  })

  it.skipIf(!backend().bfloat16)('changes no bit in bfloat16', async () => {
    for (const kind of ['an lstm', 'a gru'] as const) {
      const whole = await trained(kind, { precision: 'bfloat16' })
      expect(await trained(kind, { precision: 'bfloat16', checkpointEvery: 6 })).toEqual(whole)
    }
  })

  it('gives the same gradients by weights, inputs and states', async () => {
    const of = async (checkpointEvery: number | null) => {
      const [m] = kinds['an lstm']()
      m.compile({ optimizer: 'adam', loss: 'mse', checkpointEvery })
      const { weights, inputs, states } = await m.gradients(x, y, { states: true })
      return JSON.stringify([weights, inputs, states])
    }
    expect(await of(5)).toBe(await of(null))
  })

  it('takes less memory, and says how much', () => {
    const total = (checkpointEvery: number | null) => {
      const m = sequential([
        layers.lstm({ units: 64, returnSequences: true, inputShape: [null, 64] }),
        layers.lstm({ units: 64 }),
        layers.dense({ units: 1 }),
      ])
      m.compile({ optimizer: 'adam', loss: 'mse', checkpointEvery })
      return m.memory({ batchSize: 16, time: 2000 }).total
    }
    expect(total(45)).toBeLessThan(total(null) / 2)
    expect(total(2000)).toBeGreaterThan(total(45))
  })

  it('is saved with the model', async () => {
    const [m] = kinds['an lstm']()
    m.compile({ optimizer: 'adam', loss: 'mse', checkpointEvery: 4 })
    const again = await loadModel(await m.toBytes())
    expect(again.memory({ batchSize: 9, time: 90 }).total).toBe(m.memory({ batchSize: 9, time: 90 }).total)
    m.compile({ optimizer: 'adam', loss: 'mse' })
    expect(again.memory({ batchSize: 9, time: 90 }).total).toBeLessThan(m.memory({ batchSize: 9, time: 90 }).total)
  })

  it('may change when an aborted training goes on', async () => {
    const backupDir = mkdtempSync(join(tmpdir(), 'seqloom-checkpoint-every-'))
    const run = async (checkpointEvery: number | null, callbacks: Callback[], signal?: AbortSignal) => {
      const [m] = kinds['a gru']()
      m.compile({ optimizer: 'adam', loss: 'mse', checkpointEvery })
      await m.fit(x, y, { epochs: 3, batchSize: 7, callbacks, ...(signal && { signal }) })
      return m.getWeights().map(({ data }) => data)
    }
    try {
      const abort = new AbortController()
      const aborting = { onTrainBatchEnd: (batch: number) => batch === 1 && abort.abort() } as unknown as Callback
      const backup = () => callbacks.backupAndRestore({ backupDir, saveFreq: 1 })
      await expect(run(null, [backup(), aborting], abort.signal)).rejects.toThrow(/abort/)
      expect(await run(6, [backup()])).toEqual(await run(null, []))
    } finally {
      rmSync(backupDir, { recursive: true, force: true })
    }
  })

  it('is refused where it cannot be, or is no number of steps', () => {
    const compile = (m: Trained, checkpointEvery: unknown) => () =>
      m.compile({ optimizer: 'adam', loss: 'mse', checkpointEvery } as CompileOptions)
    const [m] = kinds['an lstm']()
    for (const wrong of [0, -1, 1.5, '4', Number.NaN, Number.POSITIVE_INFINITY, [3]]) {
      expect(compile(m, wrong)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(/checkpointEvery.*at least 1/) }),
      )
    }
    compile(m, 2 ** 30)()
    const unsupported = expect.objectContaining({ code: 'ERR_UNSUPPORTED' })
    const dropping = layers.lstm({ units: 3, recurrentDropout: 0.1, name: 'dropping', inputShape })
    for (const layer of [dropping, layers.rnn({ cell: cells.minGRU({ units: 3 }), inputShape })]) {
      expect(compile(sequential([layer, head()]), 4)).toThrow(unsupported)
    }
    expect(compile(sequential([dropping, head()]), 4)).toThrow(/dropping.*recurrentDropout/)
    expect(compile(sequential([layers.dense({ units: 2, inputShape: [3] })]), 4)).toThrow(unsupported)
  })
})
