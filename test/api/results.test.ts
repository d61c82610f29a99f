import { input, layers, model, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { wave } from '../helpers/models.js'

const [rows, time, units] = [16, 88, 384]

/** A model whose results, 2 MiB and its two kernels' gradients, are so large that they come in the engine's own memory. */
function setUp() {
  const x = input({ shape: [null, units] })
  // Orthogonal matrices of this size take long.
  const rnn = layers.simpleRNN({ units, returnSequences: true, recurrentInitializer: 'glorotUniform' })
  const m = model({ inputs: x, outputs: rnn.apply(x), seed: 3 })
  const data = tensor(wave(rows * time * units), [rows, time, units])
  const cotangents = tensor(wave(rows * time * units).reverse(), [rows, time, units])
  return { m, data, cotangents }
}

const copies = (tensors: readonly Tensor[]) => tensors.map(({ data }) => Float32Array.from(data))

/** Compares bytes: comparing millions of elements one by one takes seconds. */
function expectSame(tensors: readonly Tensor[], expected: readonly Float32Array[]): void {
  expect(
    tensors.map((tensor, i) => Buffer.compare(bytes(tensor), bytes({ data: expected[i] as Float32Array }))),
  ).toEqual(expected.map(() => 0))
}

/** Lets the garbage collector free what is dropped, and the engine use that memory again. */
async function churn(work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await work()
    if (i % 4 === 0) globalThis.gc?.()
  }
}

describe('results', () => {
  it('stay as they are while the model goes on, and after it is disposed', async () => {
    const { m, data, cotangents } = setUp()
    const g = await m.gradients(data, { cotangents })
    const held = [...Object.values(g.weights), g.inputs[0] as Tensor, ...g.outputs, await m.predict(data)]
    held.push(m.predictSync(data), ...m.getWeights())
    const before = copies(held)
    await churn(async () => {
      const other = tensor(wave(rows * time * units), [rows, time, units])
      await m.gradients(other, { cotangents: data })
      m.predictSync(cotangents)
    })
    expectSame(held, before)
    m.dispose()
    await churn(async () => {
      const next = setUp()
      await next.m.predict(next.cotangents)
      next.m.dispose()
    })
    expectSame(held, before)
  })

  it('are the same however many are held', async () => {
    const { data } = setUp()
    // A layer that takes no longer than its result.
    const x = input({ shape: [time, units] })
    const m = model({ inputs: x, outputs: layers.activation({ activation: 'relu' }).apply(x) })
    const first = await m.predict(data)
    const held: Tensor[] = []
    // 140 results of 2 MiB are more than the engine lends at once.
    for (let i = 0; i < 140; i++) held.push(m.predictSync(data))
    expect(new Set(held.map((result) => result.data.buffer)).size).toBe(held.length)
    for (const result of held) expect(Buffer.compare(bytes(result), bytes(first))).toBe(0)
  })

  it('belong to whoever has them: writing to one or transferring it changes no other', async () => {
    const { m, data, cotangents } = setUp()
    const { weights, inputs, outputs } = await m.gradients(data, { cotangents })
    const [kernel, ...others] = [...Object.values(weights), inputs[0] as Tensor, ...outputs]
    const before = copies(others)
    const again = await m.gradients(data, { cotangents })
    kernel?.data.fill(7)
    try {
      structuredClone(kernel?.data.buffer, { transfer: [kernel?.data.buffer as ArrayBuffer] })
    } catch (error) {
      // Node.js may refuse to transfer memory that it did not allocate.
      expect((error as Error).name).toBe('DataCloneError')
    }
    expectSame(others, before)
    const third = await m.gradients(data, { cotangents })
    expectSame(Object.values(third.weights), copies(Object.values(again.weights)))
    expect(kernel?.data.buffer).not.toBe(others[0]?.data.buffer)
  })

  it('do not change with inputs that are written to afterwards', async () => {
    const { m, data } = setUp()
    const expected = m.predictSync(data)
    const running = m.predict(data)
    await running
    data.data.fill(0)
    expectSame([await running], copies([expected]))
  })

  it('of large inputs, which are copied in pieces, are those of small ones', async () => {
    const { m } = setUp()
    const [many, few] = [64, 16]
    const values = wave(many * time * units)
    const whole = await m.predict(tensor(values, [many, time, units]), { batchSize: few })
    const size = few * time * units
    for (let part = 0; part < many / few; part++) {
      const piece = values.subarray(part * size, (part + 1) * size)
      const alone = m.predictSync(tensor(piece, [few, time, units]), { batchSize: few })
      expect(Buffer.compare(bytes(alone), bytes({ data: whole.data.subarray(part * size, (part + 1) * size) }))).toBe(0)
    }
  })
})

function bytes({ data }: { readonly data: Float32Array }): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
