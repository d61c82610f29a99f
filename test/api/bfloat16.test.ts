import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  backend,
  type CompileOptions,
  cells,
  configure,
  input,
  type Layer,
  layers,
  loadModel,
  type Model,
  model,
  optimizers,
  type Sequential,
  sequential,
  type Tensor,
  tensor,
} from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { runProgram, runSource } from '../helpers/process.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-bfloat16-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const { bfloat16, threads } = backend()
if (!bfloat16) console.warn('skipped: this machine lacks AVX512-BF16')

const [rows, time, features] = [40, 12, 6]
const x = tensor(
  Float32Array.from({ length: rows * time * features }, (_, i) => Math.sin(i * 1.7 + i / 31)),
  [rows, time, features],
)
const y = Float32Array.from({ length: rows }, (_, row) => Math.sin(row * time * features * 1.7))

const recurrent: Record<string, () => Layer> = {
  lstm: () => layers.lstm({ units: 33 }),
  gru: () => layers.gru({ units: 33 }),
  'gru, reset before': () => layers.gru({ units: 33, resetAfter: false }),
  simpleRNN: () => layers.simpleRNN({ units: 33 }),
  'traced cell': () => layers.rnn({ cell: cells.peepholeLSTM({ units: 33 }) }),
  bidirectional: () => layers.bidirectional({ layer: layers.lstm({ units: 20 }) }),
}

function build(precision: CompileOptions['precision'], layer = recurrent.lstm as () => Layer): Sequential {
  const m = sequential([layers.masking({ inputShape: [null, features] }), layer(), layers.dense({ units: 1 })], {
    seed: 5,
  })
  m.compile({ optimizer: optimizers.adam({ learningRate: 0.01 }), loss: 'mse', ...(precision && { precision }) })
  return m
}

const options = { epochs: 4, batchSize: 8 }

describe.runIf(bfloat16)("compile({ precision: 'bfloat16' })", () => {
  it.each(Object.entries(recurrent))(
    'trains and predicts as float32 does, but for its rounding: %s',
    async (_, layer) => {
      const [full, half] = [build('float32', layer), build('bfloat16', layer)]
      const before = [await full.predict(x), await half.predict(x)].map(({ data }) => data as Float32Array)
      const largest = Math.max(
        ...(before[0] as Float32Array).map((value, i) => Math.abs(value - (before[1]?.[i] as number))),
      )
      expect(largest).toBeGreaterThan(0)
      expect(largest).toBeLessThan(0.03)
      const losses = await Promise.all(
        [full, half].map(async (m) => (await m.fit(x, y, options)).history.loss as number[]),
      )
      for (const [epoch, loss] of (losses[0] as number[]).entries()) {
        expect(losses[1]?.[epoch]).not.toBe(loss)
        expect(Math.abs((losses[1]?.[epoch] as number) / loss - 1)).toBeLessThan(0.05)
      }
    },
  )

  it('gives one result with any number of threads', async () => {
    const results = []
    for (const count of [1, 2, 5]) {
      configure({ threads: count })
      const m = build('bfloat16')
      await m.fit(x, y, options)
      results.push(m.getWeights())
    }
    configure({ threads })
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })

  it('is saved with the model, which goes on bit for bit; weights are float32', async () => {
    const m = build('bfloat16')
    await m.fit(x, y, options)
    await m.save(join(folder, 'model'))
    const again = (await loadModel(join(folder, 'model'))) as Sequential
    expect(await again.predict(x)).toEqual(await m.predict(x))
    for (const model of [m, again]) await model.trainOnBatch(x, y)
    expect(again.getWeights()).toEqual(m.getWeights())
    again.compile({ optimizer: 'adam', loss: 'mse' })
    expect(await again.predict(x)).not.toEqual(await m.predict(x))
  })

  it('serves dense and convolutional layers and projections tied to an embedding, forward and backward', async () => {
    const tied = () => {
      const embedding = layers.embedding({ inputDim: 70, outputDim: 24, name: 'symbols' })
      const tokens = input({ shape: [null], dtype: 'int32' })
      const steps = layers.conv1d({ filters: 24, kernelSize: 3, padding: 'causal' }).apply(embedding.apply(tokens))
      const hidden = layers.dense({ units: 24, activation: 'tanh' }).apply(steps)
      return model({
        inputs: tokens,
        outputs: layers.dense({ units: 70, activation: 'softmax', tiedTo: 'symbols' }).apply(hidden),
        seed: 2,
      })
    }
    const ids = Int32Array.from({ length: 30 * 11 }, (_, i) => (i * i) % 70)
    const [tokens, next] = [
      tensor(ids, [30, 11]),
      tensor(
        ids.map((id) => (3 * id + 1) % 70),
        [30, 11],
      ),
    ]
    const [full, half] = (['float32', 'bfloat16'] as const).map((precision) => {
      const m = tied()
      m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', precision })
      return m
    }) as [Model, Model]
    const outputs = [full, half].map((m) => (m.predictSync(tokens) as Tensor).data)
    const largest = Math.max(...(outputs[0] as Float32Array).map((p, i) => Math.abs(p - (outputs[1]?.[i] as number))))
    expect(largest).toBeGreaterThan(0)
    expect(largest).toBeLessThan(1e-3)
    const gradients = [(await full.gradients(tokens, next)).weights, (await half.gradients(tokens, next)).weights]
    for (const [name, exact] of Object.entries(gradients[0] as Record<string, Tensor>)) {
      const rounded = gradients[1]?.[name] as Tensor
      const scale = exact.data.reduce((most, g) => Math.max(most, Math.abs(g)), 0)
      const error = exact.data.reduce((most, g, i) => Math.max(most, Math.abs(g - (rounded.data[i] as number))), 0)
      expect(error / scale, name).toBeLessThan(0.03)
      expect(error, name).toBeGreaterThan(0)
    }
  })

  it('goes with int8 weights, which stay what they are', async () => {
    const m = build('bfloat16')
    const [small, plain] = [m.quantize(), build('float32').quantize()]
    const [one, other] = [await small.predict(x), await plain.predict(x)]
    // The last layer has a single unit, whose kernel is not int8.
    const largest = Math.max(...one.data.map((value, i) => Math.abs(value - (other.data[i] as number))))
    expect(largest).toBeGreaterThan(0)
    expect(largest).toBeLessThan(0.002)
    expect((await small.evaluate(x, y)).loss).toBeCloseTo((await plain.evaluate(x, y)).loss as number, 2)
  })

  it('skips padding, and does not depend on the rest of a batch', async () => {
    const m = build('bfloat16')
    const [whole, one] = [
      await m.predict(x),
      await m.predict(tensor((x.data as Float32Array).slice(0, time * features), [1, time, features])),
    ]
    expect(one.data[0]).toBe(whole.data[0])
  })
})

describe('precision', () => {
  it('is refused by name where it is unknown', () => {
    for (const precision of ['float16', 'bf16', 16]) {
      expect(() => build(precision as never)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringContaining("'float32' or 'bfloat16'") }),
      )
    }
  })

  it('is refused with the reason where the processor lacks it', async () => {
    const { code, message } = await runProgram<{ code: string; message: string }>('bfloat16.mjs', [], {
      env: { SEQLOOM_SIMD: 'scalar' },
    })
    expect(code).toBe('ERR_UNSUPPORTED')
    expect(message).toMatch(/AVX512-BF16.*scalar/)
  })

  it.runIf(bfloat16)('of a saved model becomes float32 with a warning where the processor lacks it', async () => {
    const path = join(folder, 'elsewhere')
    await build('bfloat16').save(path)
    const source = `import { loadModel } from 'seqloom'; const m = await loadModel(${JSON.stringify(path)}); m.compile({ optimizer: m.optimizer, loss: 'mse' }); console.log('loaded')`
    const { stdout, stderr } = await runSource(source, { env: { SEQLOOM_SIMD: 'avx2' } })
    expect(stdout).toBe('loaded\n')
    expect(stderr).toContain('WARN_PRECISION')
  })
})
