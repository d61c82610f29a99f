import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interop, layers, type Sequential, sequential, type Tensor, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-torch-convolutions-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The bytes of a .safetensors file. */
function fileOf(
  tensors: Readonly<Record<string, readonly [shape: readonly number[], values: readonly number[]]>>,
): Uint8Array {
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const [name, [shape, values]] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + 4 * values.length] }
    offset += 4 * values.length
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const data = Object.values(tensors).map(([, values]) => new Uint8Array(Float32Array.from(values).buffer))
  return Buffer.concat([length, json, ...data])
}

const valuesOf = async (model: Sequential, x: Tensor) => [...((await model.predict(x)) as Tensor).data]

// nn.Sequential(nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(4, 1)): channels [a, b] and [10a, 10b], and a + 2b + 30a + 40b.
const flat = fileOf({
  '0.weight': [
    [2, 1, 1],
    [1, 10],
  ],
  '0.bias': [[2], [0, 0]],
  '2.weight': [
    [1, 4],
    [1, 2, 3, 4],
  ],
  '2.bias': [[1], [0.5]],
})
const steps = tensor(Float32Array.of(1, 2), [1, 2, 1])

describe('a dense layer behind flattened channels', () => {
  const made = (...between: readonly unknown[]) =>
    sequential([
      layers.conv1d({ filters: 2, kernelSize: 1, inputShape: [2, 1] }),
      ...(between as []),
      layers.dense({ units: 1 }),
    ])

  it('reads them in the order of PyTorch, and gives them back so', async () => {
    const model = made(layers.activation({ activation: 'relu' }), layers.flatten(), layers.dropout({ rate: 0.5 }))
    const { mapping } = await interop.loadPyTorch(flat, { model })
    expect(await valuesOf(model, steps)).toEqual([115.5])
    const path = join(folder, 'back.safetensors')
    await interop.toPyTorch(model, path, { mapping })
    const again = made(layers.flatten())
    await interop.loadPyTorch(path, { model: again })
    expect(await valuesOf(again, steps)).toEqual([115.5])
    const data = readFileSync(path)
    const start = 8 + Number(data.readBigUInt64LE(0))
    const header = JSON.parse(data.subarray(8, start).toString())
    const [from] = header['2.weight'].data_offsets
    expect([0, 1, 2, 3].map((at) => data.readFloatLE(start + from + 4 * at))).toEqual([1, 2, 3, 4])
  })

  it('reads what the model itself has put in that order as it is', async () => {
    const model = made(layers.permute({ dims: [2, 1] }), layers.flatten())
    await interop.loadPyTorch(flat, { model })
    expect(await valuesOf(model, steps)).toEqual([115.5])
  })
})

describe('a stack with convolutions', () => {
  it('becomes a model, with flattened steps where the sizes say so', async () => {
    const { model } = await interop.loadPyTorch(flat, { order: ['0', '2'], inputShape: [2, 1], after: { 0: [] } })
    expect(await valuesOf(model, steps)).toEqual([115.5])
  })

  // nn.Conv1d(2, 2, 3, stride=2, padding=1, groups=2), which has zeros at both ends alike.
  it('has strides, padding and groups as PyTorch has them', async () => {
    const file = fileOf({
      'conv.weight': [
        [2, 1, 3],
        [1, 2, 3, 1, 0, -1],
      ],
    })
    const x = tensor(Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40), [1, 4, 2])
    const { model } = await interop.loadPyTorch(file, {
      inputShape: [null, 2],
      convolutions: { conv: { stride: 2, padding: 1 } },
      after: { conv: [] },
    })
    // Channel 0: [2 + 6, 2 + 6 + 12]; channel 1: [-20, 20 - 40].
    expect(await valuesOf(model, x)).toEqual([8, -20, 20, -20])
  })

  it('has transposed ones, cut at both ends', async () => {
    const file = fileOf({
      'up.weight': [
        [1, 1, 4],
        [1, 2, 3, 4],
      ],
    })
    const { model } = await interop.loadPyTorch(file, {
      convolutions: { up: { stride: 2, padding: 1, transposed: true } },
      after: { up: [] },
    })
    // [1, 2, 3 + 2, 4 + 4, 6, 8] without its ends.
    expect(await valuesOf(model, steps)).toEqual([2, 5, 8, 6])
  })

  it('asks for what the file does not say', async () => {
    const load = (options: object) => interop.loadPyTorch(flat, { order: ['0', '2'], ...options } as never)
    await expect(load({ inputShape: [2, 1] })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining("what follows '0'; give it with after"),
    })
    await expect(load({ after: { 0: [] } })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining('give inputShape'),
    })
    await expect(load({ inputShape: [2, 1], after: { 1: [] } })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining("there is no module '1'"),
    })
    await expect(load({ convolutions: { 0: { strides: 2 } } })).rejects.toMatchObject({ code: 'ERR_OPTION' })
  })
})
