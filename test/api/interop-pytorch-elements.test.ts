import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { input, interop, layers, type Model, sequential } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { type FileTensor, torchFile } from '../helpers/torchFile.js'

// Elements of files are read by native code on all threads, those of bytes by JavaScript.

/** More elements than are moved at once, and no whole number of parts. */
const [rows, columns] = [1203, 611]

const words = (count: number, word: (at: number) => number) =>
  new Uint8Array(Uint16Array.from({ length: count }, (_, at) => word(at)).buffer)

/** A table and a matrix, which is turned on its way, of bits in one type. */
const tensors = (dtype: string, data: (count: number) => FileTensor['data']): Record<string, FileTensor> => ({
  'table.weight': { dtype, shape: [rows, columns], data: data(rows * columns) },
  'head.weight': { dtype, shape: [rows, columns], data: data(rows * columns) },
  'head.bias': { dtype, shape: [rows], data: data(rows) },
})

const classifier = (): Model =>
  sequential([
    layers.embedding({ inputDim: rows, outputDim: columns, name: 'table' }),
    layers.dense({ units: rows, name: 'head' }),
  ])

/** All weights; runners compare them number by number, which takes long. */
const bits = (m: Model): Buffer => Buffer.concat(m.getWeights().map(({ data }) => Buffer.from(data.buffer)))

describe('elements of files', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'elements-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const saved = async (bytes: Uint8Array) => {
    const path = join(folder, 'model.safetensors')
    await writeFile(path, bytes)
    return path
  }

  it.each([
    ['F32', (count: number) => Float32Array.from({ length: count }, (_, at) => Math.sin(at) * 2 ** ((at % 250) - 149))],
    // All numbers that are finite, the denormal ones among them.
    ['F16', (count: number) => words(count, (at) => (at % 0x7c00) | (at % 3 === 0 ? 0x8000 : 0))],
    ['BF16', (count: number) => words(count, (at) => (at % 0x7f80) | (at % 3 === 0 ? 0x8000 : 0))],
    ['F64', (count: number) => new Uint8Array(Float64Array.from({ length: count }, (_, at) => at / 7).buffer)],
  ])('are the same as those of bytes, to the bit: %s', async (dtype, data) => {
    const bytes = torchFile(tensors(dtype, data))
    const [ofFile, ofBytes] = [classifier(), classifier()]
    await interop.loadPyTorch(await saved(bytes), { model: ofFile })
    await interop.loadPyTorch(bytes, { model: ofBytes })
    expect(bits(ofFile).equals(bits(ofBytes))).toBe(true)
  })

  it('are refused by the name of their weight if they are not finite, and the model keeps its own', async () => {
    const m = sequential([input({ shape: [columns] }), layers.dense({ units: rows, name: 'head' })])
    const before = bits(m)
    for (const [dtype, bad] of [
      ['F16', 0x7c00],
      ['BF16', 0xffc0],
    ] as const) {
      const { 'table.weight': _, ...head } = tensors(dtype, (count) => words(count, (at) => (at === 700 ? bad : 0)))
      await expect(interop.loadPyTorch(await saved(torchFile(head)), { model: m })).rejects.toEqual(
        coded('ERR_DATA', /'head\/kernel' would be (Infinity|inf|NaN)/i),
      )
    }
    expect(bits(m).equals(before)).toBe(true)
  })

  it('are those of the model that torch.optim.swa_utils.AveragedModel has the mean of', async () => {
    const head: Record<string, FileTensor> = {
      n_averaged: { dtype: 'I64', shape: [], data: new Uint8Array(8) },
      'module.head.weight': { shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
      'module.head.bias': { shape: [2], data: [7, 8] },
    }
    const { model } = await interop.loadPyTorch(torchFile(head))
    expect(Array.from((await model.predict([[1, 0, 0]])).data)).toEqual([8, 12])
    const { 'module.head.bias': bias, ...rest } = head
    const other = { ...rest, 'head.bias': bias as FileTensor }
    await expect(interop.loadPyTorch(torchFile(other))).rejects.toEqual(coded('ERR_UNSUPPORTED', /n_averaged/))
  })
})
