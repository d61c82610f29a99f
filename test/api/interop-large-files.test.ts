import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interop, layers, type Model, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { wave } from '../helpers/models.js'
import { runProgram } from '../helpers/process.js'
import { torchFile } from '../helpers/torchFile.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-large-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Needed {
  readonly bytes: number
  readonly parameters?: number
}

const sizeOf = (path: string): number =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
    : statSync(path).size

const files = {
  safetensors: 'a.safetensors',
  pt: 'a.pt',
  existing: 'b.safetensors',
  onnx: 'a.onnx',
  external: 'b.onnx',
  keras: 'a.keras',
  h5: 'a.h5',
  tfjs: 'tfjs',
  seqloom: 'seqloom',
  trained: 'trained',
}

describe('a file of 64 MB', () => {
  const megabytes = 64
  for (const [format, name] of Object.entries(files)) {
    it(`needs little more memory than the model: ${format}`, async () => {
      const path = join(folder, name)
      const run = (what: string, mb = megabytes) =>
        runProgram<Needed>('large-file.mjs', [what, format, path, String(mb)])
      const total = () => sizeOf(path) + (format === 'external' ? sizeOf(`${path}.data`) : 0)
      // What a small file needs is the code that reads it.
      await run('write', 1)
      const [small, least] = [await run('load', 1), total()]
      rmSync(path, { recursive: true })
      await run('write')
      const size = total()
      expect(size).toBeGreaterThan(megabytes * 2 ** 20)
      const loaded = await run('load')
      expect(4 * (loaded.parameters ?? 0)).toBeGreaterThan(megabytes * 2 ** 20)
      expect((loaded.bytes - small.bytes) / (size - least)).toBeLessThan(1.3)
      rmSync(path, { recursive: true })
    }, 180_000)
  }
})

describe('a model of 64 MB with 128 MB of what Adam keeps of it', () => {
  it('is saved with little more memory than it takes itself', async () => {
    const path = join(folder, 'saved')
    const again = `${path}-again`
    const run = (what: string, mb: number) => runProgram<Needed>('large-file.mjs', [what, 'trained', path, String(mb)])
    await run('write', 1)
    const [small, least] = [await run('again', 1), sizeOf(again)]
    rmSync(path, { recursive: true })
    await run('write', 64)
    const large = await run('again', 64)
    const size = sizeOf(again)
    rmSync(path, { recursive: true })
    rmSync(again, { recursive: true })
    expect(size).toBeGreaterThan(3 * 64 * 2 ** 20)
    expect((large.bytes - small.bytes) / (size - least)).toBeLessThan(1.2)
  }, 180_000)
})

describe('a model of 64 MB in many weights', () => {
  for (const format of ['safetensors', 'pt', 'onnx', 'keras', 'h5', 'tfjs'] as const) {
    it(`is written with little more memory than its own: ${format}`, async () => {
      const path = join(folder, `stack-${files[format]}`)
      const run = (mb: number) => runProgram<Needed>('large-file.mjs', ['stack', format, path, String(mb)])
      const [small, large] = [await run(8), await run(72)]
      rmSync(path, { recursive: true })
      expect((large.bytes - small.bytes) / 2 ** 20 / 64).toBeLessThan(1.6)
    }, 180_000)
  }
})

describe('a file that fails half way', () => {
  const make = () =>
    sequential([layers.embedding({ inputDim: 5, outputDim: 3 }), layers.dense({ units: 4 })], { seed: 3 })
  const values = (m: Model) => m.getWeights().map(({ data }) => Array.from(data))
  const file = torchFile({
    'a.weight': { shape: [5, 3], data: wave(15) },
    'b.weight': { shape: [4, 3], data: wave(12) },
    'b.bias': { shape: [4], data: [1, 2, Number.NaN, 4] },
  })
  const fails = (m: Model) =>
    expect(interop.loadPyTorch(file, { model: m })).rejects.toMatchObject({ code: 'ERR_DATA' })

  it('leaves the weights of a model that was used, and one that was not its first values', async () => {
    const [used, unused] = [make(), make()]
    const before = values(used)
    await fails(used)
    expect(values(used)).toEqual(before)
    await fails(unused)
    expect(values(unused)).toEqual(before)
  })
})
