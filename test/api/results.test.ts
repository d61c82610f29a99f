import { input, layers, model, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { wave } from '../helpers/models.js'

const [rows, time, units] = [16, 32, 64]

/** A model whose results are so large that they come in the engine's own memory. */
function setUp() {
  const x = input({ shape: [null, units] })
  const m = model({ inputs: x, outputs: layers.lstm({ units, returnSequences: true }).apply(x), seed: 3 })
  const data = tensor(wave(rows * time * units), [rows, time, units])
  const cotangents = tensor(wave(rows * time * units).reverse(), [rows, time, units])
  return { m, data, cotangents }
}

const copies = (tensors: readonly Tensor[]) => tensors.map(({ data }) => Float32Array.from(data))

/** Lets the garbage collector free what is dropped, and the engine use that memory again. */
async function churn(work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await work()
    if (i % 8 === 0) globalThis.gc?.()
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
    expect(copies(held)).toEqual(before)
    m.dispose()
    await churn(async () => {
      const next = setUp()
      await next.m.predict(next.cotangents)
      next.m.dispose()
    })
    expect(copies(held)).toEqual(before)
  })

  it('are the same however many are held', async () => {
    const { m, data } = setUp()
    const first = await m.predict(data)
    const held: Tensor[] = []
    // 2,200 results of 128 KiB are more than the engine lends at once.
    for (let i = 0; i < 2200; i++) held.push(m.predictSync(data))
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
    expect(copies(others)).toEqual(before)
    expect(copies(Object.values((await m.gradients(data, { cotangents })).weights))).toEqual(
      copies(Object.values(again.weights)),
    )
    expect(kernel?.data.buffer).not.toBe(others[0]?.data.buffer)
  })

  it('do not change with inputs that are written to afterwards', async () => {
    const { m, data } = setUp()
    const expected = m.predictSync(data)
    const running = m.predict(data)
    await running
    data.data.fill(0)
    expect(copies([await running])).toEqual(copies([expected]))
  })

  it('of large inputs, which are copied in pieces, are those of small ones', async () => {
    const { m } = setUp()
    const many = 1024
    const values = wave(many * time * units)
    const whole = await m.predict(tensor(values, [many, time, units]), { batchSize: 256 })
    const size = 256 * time * units
    for (let part = 0; part < many / 256; part++) {
      const piece = values.subarray(part * size, (part + 1) * size)
      const alone = m.predictSync(tensor(piece, [256, time, units]), { batchSize: 256 })
      expect(Buffer.compare(bytes(alone), bytes({ data: whole.data.subarray(part * size, (part + 1) * size) }))).toBe(0)
    }
  })
})

function bytes({ data }: { readonly data: Float32Array }): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
