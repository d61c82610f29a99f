import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, defineCell, interop, layers, loadModel, type Model, model, modelFromJSON, input, sequential, tensor } from 'seqloom'
import { afterAll, beforeAll, expect, test } from 'vitest'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seqloom-quantize-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Reproducible numbers in −1..1. */
function noise(seed: number, count: number): Float32Array {
  let state = seed * 2654435761 + 1
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  })
}

const reader = (options: { stateful?: boolean } = {}) =>
  sequential(
    [
      layers.embedding({ inputDim: 50, outputDim: 40, maskZero: true }),
      layers.lstm({ units: 48, returnSequences: true, ...options }),
      layers.gru({ units: 40, returnSequences: true }),
      layers.gru({ units: 36, resetAfter: false, returnSequences: true }),
      layers.simpleRNN({ units: 33, returnSequences: true }),
      layers.dense({ units: 50, activation: 'softmax' }),
    ],
    { seed: 3 },
  )

const tokens = (rows: number, time: number, seed = 1) =>
  tensor(Int32Array.from(noise(seed, rows * time), (x) => 1 + Math.floor((x + 1) * 24)), [rows, time])

function difference(a: { data: Float32Array }, b: { data: Float32Array }): number {
  expect(a.data.length).toBe(b.data.length)
  return a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - (b.data[i] as number))), 0)
}

test('a quantized model predicts nearly the same, and the original stays as it is', async () => {
  const full = reader()
  const before = await full.predict(tokens(7, 9))
  const small = full.quantize()
  const after = await small.predict(tokens(7, 9))
  expect(difference(before, after)).toBeLessThan(0.002)
  expect(difference(before, after)).toBeGreaterThan(0)
  expect(difference(before, await full.predict(tokens(7, 9)))).toBe(0)
  expect([full.quantization, small.quantization]).toEqual([undefined, 'int8'])
  // Weights differ by half a step of their channel's scale at most.
  const [one, other] = [full.namedWeights(), small.namedWeights()]
  for (const [name, { data }] of Object.entries(one)) {
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    expect(difference({ data }, other[name] as { data: Float32Array })).toBeLessThanOrEqual((0.51 * largest) / 127)
  }
})

test('bidirectional, stacked and convolutional models, masks and initial states', async () => {
  const x = input({ shape: [null, 40] })
  const h = input({ shape: [32] })
  const c = input({ shape: [32] })
  const steps = layers.lstm({ units: 32, returnSequences: true }).apply(x, { initialState: [h, c] })
  const both = layers.bidirectional({ layer: layers.gru({ units: 34, returnSequences: true }) }).apply(steps)
  const windows = layers.conv1d({ filters: 36, kernelSize: 3, padding: 'same' }).apply(both)
  const full = model({ inputs: [x, h, c], outputs: [layers.dense({ units: 5 }).apply(windows)], seed: 4 })
  const small = full.quantize()
  const lengths = [6, 3, 1]
  const data = [
    tensor(noise(1, 3 * 6 * 40), [3, 6, 40], { lengths }),
    tensor(noise(2, 3 * 32), [3, 32]),
    tensor(noise(3, 3 * 32), [3, 32]),
  ]
  const [[before], [after]] = [await full.predict(data), await small.predict(data)]
  expect(after?.lengths).toEqual(before?.lengths)
  expect(difference(before as never, after as never)).toBeLessThan(0.02)
  expect(small.summary()).toMatch(/Params stored as int8: [\d,]{6,}/)
  expect(full.summary()).not.toContain('int8')
})

test('traced cells multiply with int8 weights', async () => {
  const own = defineCell(({ x, h }, w) => {
    const next = w('kernel', [40, 40]).shape.length ? x.matmul(w('kernel', [40, 40])).add(h.matmul(w('recurrent', [40, 40]))).tanh() : x
    return { output: next, states: { h: next } }
  }, { states: { h: [40] } } as never)
  void own
  const full = sequential(
    [
      layers.dense({ units: 40, inputShape: [null, 40] }),
      layers.rnn({ cell: cells.layerNormLSTM({ units: 40 }), returnSequences: true }),
      layers.rnn({ cell: cells.peepholeLSTM({ units: 40 }) }),
    ],
    { seed: 5 },
  )
  const small = full.quantize()
  const x = tensor(noise(8, 4 * 7 * 40), [4, 7, 40])
  const [before, after] = [await full.predict(x), await small.predict(x)]
  expect(difference(before, after)).toBeLessThan(0.03)
  expect(difference(before, after)).toBeGreaterThan(0)
})
