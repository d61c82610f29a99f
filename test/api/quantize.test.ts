import { backend, cells, input, layers, model, sequential, type Tensor, tensor } from 'seqloom'
import { expect, test } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'
import { runProgram } from '../helpers/process.js'
import { largestDifference, reader, tokens } from '../helpers/quantized.js'

test('a quantized model predicts nearly the same, and the original stays as it is', async () => {
  const full = reader()
  const before = await full.predict(tokens(7, 9))
  const small = full.quantize()
  const after = await small.predict(tokens(7, 9))
  expect(largestDifference(before, after)).toBeLessThan(0.002)
  expect(largestDifference(before, after)).toBeGreaterThan(0)
  expect(largestDifference(before, await full.predict(tokens(7, 9)))).toBe(0)
  expect([full.quantization, small.quantization]).toEqual([undefined, 'int8'])
  // Weights differ by half a step of their channel's scale at most.
  const [one, other] = [full.namedWeights(), small.namedWeights()]
  for (const [name, { data }] of Object.entries(one)) {
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    expect(largestDifference({ data }, other[name] as Tensor)).toBeLessThanOrEqual((0.51 * largest) / 127)
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
    tensor(wave(3 * 6 * 40, 1), [3, 6, 40], { lengths }),
    tensor(wave(3 * 32, 2), [3, 32]),
    tensor(wave(3 * 32, 3), [3, 32]),
  ]
  const [[before], [after]] = [await full.predict(data), await small.predict(data)]
  expect(after?.lengths).toEqual(before?.lengths)
  expect(largestDifference(before as never, after as never)).toBeLessThan(0.02)
  expect(small.summary()).toMatch(/Params stored as int8: [\d,]{6,}/)
  expect(full.summary()).not.toContain('int8')
})

test('traced cells multiply with int8 weights', async () => {
  const full = sequential(
    [
      layers.dense({ units: 40, inputShape: [null, 40] }),
      layers.rnn({ cell: cells.layerNormLSTM({ units: 40 }), returnSequences: true }),
      layers.rnn({ cell: cells.peepholeLSTM({ units: 40 }) }),
    ],
    { seed: 5 },
  )
  const small = full.quantize()
  const x = tensor(wave(4 * 7 * 40, 8), [4, 7, 40])
  const [before, after] = [await full.predict(x), await small.predict(x)]
  expect(largestDifference(before, after)).toBeLessThan(0.03)
  expect(largestDifference(before, after)).toBeGreaterThan(0)
})

test('step by step gives the bits of the whole sequence, for any number of rows', async () => {
  const small = reader().quantize()
  const x = tokens(5, 8)
  const { data } = await small.predict(x)
  using session = small.session({ batchSize: 5 })
  const width = 50
  for (let step = 0; step < 8; step++) {
    const y = session.step(Int32Array.from({ length: 5 }, (_, row) => x.data[row * 8 + step] as number))
    for (let row = 0; row < 5; row++) {
      const from = (row * 8 + step) * width
      expect(y.data.slice(row * width, (row + 1) * width)).toEqual(data.slice(from, from + width))
    }
  }
  const alone = await small.predict(tensor(Int32Array.from(x.data.slice(8, 16)), [1, 8]))
  expect(alone.data).toEqual(data.slice(8 * width, 16 * width))
})

test('generates and searches like the model that it was made of', async () => {
  const full = reader()
  const small = full.quantize()
  const written = async (m: typeof full) => {
    const found: number[] = []
    for await (const token of m.generate([3, 4], { maxTokens: 12, temperature: 0 })) found.push(token)
    return found
  }
  // Its choices among even probabilities may differ, but are the likeliest by its own predictions.
  const found = await written(small)
  const last = await small.predict([[3, 4, ...found.slice(0, -1)]])
  expect(last.argMax().slice(1)).toEqual(Int32Array.from(found))

  const source = input({ shape: [null], dtype: 'int32', name: 'source' })
  const previous = input({ shape: [null], dtype: 'int32', name: 'previous' })
  const table = () => layers.embedding({ inputDim: 12, outputDim: 32, embeddingsInitializer: 'randomNormal' })
  const h = layers.gru({ units: 32 }).apply(table().apply(source))
  const own = layers.gru({ units: 32, returnSequences: true }).apply(table().apply(previous), { initialState: h })
  const words = layers.dense({ units: 12, activation: 'softmax' }).apply(own)
  const translator = model({ inputs: [source, previous], outputs: words, seed: 2 })
  const options = { constants: { source: [[3, 1, 4, 1, 5]] }, start: 0, end: 1, beamWidth: 3, maxLength: 6 }
  const [best] = await translator.beamSearch(options)
  const [nearly] = await translator.quantize().beamSearch(options)
  expect(nearly?.[0]?.logProbability).toBeCloseTo(best?.[0]?.logProbability as number, 1)
})

test('evaluates as it was compiled, and refuses to be trained', async () => {
  const full = sequential(
    [
      layers.embedding({ inputDim: 20, outputDim: 32 }),
      layers.lstm({ units: 40, kernelRegularizer: 'l2', dropout: 0.5 }),
      layers.batchNormalization(),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    { seed: 1 },
  )
  const [x, y] = [
    tensor(
      Int32Array.from(wave(60), (v) => Math.floor(10 + 9 * v)),
      [12, 5],
    ),
    Int32Array.from({ length: 12 }, (_, i) => i % 3),
  ]
  full.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  await full.fit(x, y, { epochs: 2, verbose: 0 })
  const small = full.quantize()
  const [[loss], [nearly]] = [await full.evaluate(x, y), await small.evaluate(x, y)]
  expect(nearly).toBeCloseTo(loss as number, 2)
  expect(small.trainableWeights).toEqual([])
  const why = /quantize.*int8.*train the model that it was made of/
  await expectCoded(() => small.fit(x, y), 'ERR_UNSUPPORTED', /^fit: /, why)
  await expectCoded(() => small.trainOnBatch(x, y), 'ERR_UNSUPPORTED', /^trainOnBatch: /, why)
  await expectCoded(() => small.gradients(x, y), 'ERR_UNSUPPORTED', /^gradients: /, why)
  await expectCoded(() => full.quantize({ weights: 'int4' } as never), 'ERR_OPTION', /weights.*'int8'.*int4/)
  // It can be compiled anew, to be measured otherwise, and the model itself trains on.
  small.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  expect((await small.evaluate(x, y))[0]).toBe(nearly)
  await full.fit(x, y, { epochs: 1, verbose: 0 })
})

test('layers of few features, whose kernel stays float32, predict beside an int8 recurrent kernel', () => {
  type Options = Parameters<typeof layers.gru>[0]
  const kinds = [
    (options: Options) => layers.simpleRNN(options),
    (options: Options) => layers.lstm(options),
    (options: Options) => layers.gru(options),
    (options: Options) => layers.gru({ ...options, resetAfter: false }),
  ]
  for (const kind of kinds) {
    for (const features of [1, 3, 31]) {
      const full = sequential([kind({ units: 40, returnSequences: true, inputShape: [null, features] })], { seed: 6 })
      const small = full.quantize()
      const x = tensor(wave(5 * 6 * features, 9), [5, 6, features])
      const after = small.predictSync(x)
      expect(largestDifference(full.predictSync(x), after)).toBeLessThan(0.03)
      const session = small.session({ batchSize: 5 })
      const first = session.step(
        tensor(
          Float32Array.from(
            { length: 5 * features },
            (_, i) => x.data[Math.floor(i / features) * 6 * features + (i % features)] as number,
          ),
          [5, features],
        ),
      )
      for (let row = 0; row < 5; row++) {
        expect(first.data.slice(row * 40, row * 40 + 40)).toEqual(after.data.slice(row * 240, row * 240 + 40))
      }
    }
  }
})

test('weights that too few numbers share stay float32', () => {
  const m = sequential([layers.lstm({ units: 8, inputShape: [null, 3] }), layers.dense({ units: 1 })], { seed: 1 })
  expect(m.quantize().summary()).toContain('Params stored as int8: 0')
  expect(m.quantize().predictSync(tensor(wave(12), [2, 2, 3]))).toEqual(m.predictSync(tensor(wave(12), [2, 2, 3])))
})

test('the same at every instruction set, and for any number of threads', async () => {
  interface Result {
    simd: string
    int8: string
    data: number[]
  }
  const run = (env: Record<string, string>) => runProgram<Result>('quantized.mjs', [], { env })
  const scalar = await run({ SEQLOOM_SIMD: 'scalar' })
  expect(scalar.int8).toBe('scalar')
  for (const level of backend().simdAvailable.filter((name) => name !== 'scalar')) {
    const [one, two] = [1, 3].map((threads) => run({ SEQLOOM_SIMD: level, SEQLOOM_THREADS: String(threads) }))
    const [first, second] = [await one, await two] as [Result, Result]
    expect(first.int8.startsWith(level.slice(0, 3))).toBe(true)
    expect(second.data).toEqual(first.data)
    first.data.forEach((value, i) => {
      expect(Math.abs(value - (scalar.data[i] as number)), `${level}: ${i}`).toBeLessThan(2e-3)
    })
  }
})
