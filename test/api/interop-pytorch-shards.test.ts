import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { interop, layers, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { wave } from '../helpers/models.js'
import { torchFile } from '../helpers/torchFile.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-shards-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const of = (...shape: number[]) => ({ shape, data: wave(shape.reduce((a, b) => a * b, 1)) })
const shards = {
  'model-00001-of-00002.safetensors': { 'rnn.weight_ih_l0': of(16, 3), 'rnn.weight_hh_l0': of(16, 4) },
  'model-00002-of-00002.safetensors': {
    ...{ 'rnn.bias_ih_l0': of(16), 'rnn.bias_hh_l0': of(16), 'head.weight': of(2, 4), 'head.bias': of(2) },
  },
}
const whole = torchFile(Object.assign({}, ...Object.values(shards)))
const mapOf = (files: Readonly<Record<string, object>>) =>
  Object.fromEntries(Object.entries(files).flatMap(([name, own]) => Object.keys(own).map((tensor) => [tensor, name])))

const made = () =>
  sequential([
    layers.lstm({ units: 4, returnSequences: true, inputShape: [5, 3], name: 'rnn' }),
    layers.dense({ units: 2, name: 'head' }),
  ])

/** A folder with shards and an index. */
function sharded(name: string, map: unknown = mapOf(shards), index = 'model.safetensors.index.json'): string {
  const path = join(folder, name)
  mkdirSync(path)
  for (const [file, own] of Object.entries(shards)) writeFileSync(join(path, file), torchFile(own))
  writeFileSync(join(path, index), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }, null, 2))
  return path
}

const failsWith = (path: string | Uint8Array, code: string, message: RegExp) =>
  expect(interop.loadPyTorch(path, { model: made() })).rejects.toMatchObject(coded(code, message))

describe('a model in several files', () => {
  it('is loaded from its index or its folder, as the same tensors in one file are', async () => {
    const path = sharded('plain')
    const expected = made()
    const { mapping } = await interop.loadPyTorch(whole, { model: expected })
    const index = join(path, 'model.safetensors.index.json')
    for (const given of [index, path, `${path}/`, pathToFileURL(index), pathToFileURL(path)]) {
      const m = made()
      expect((await interop.loadPyTorch(given, { model: m })).mapping).toEqual(mapping)
      expect(m.getWeights()).toEqual(expected.getWeights())
    }
    const { model } = await interop.loadPyTorch(path)
    expect(model.layers.map(({ name }) => name).slice(1)).toEqual(['rnn', 'head'])
  })

  it('may have files of torch.save', async () => {
    const path = join(folder, 'bin')
    mkdirSync(path)
    const fixture = new URL('../fixtures/pytorch/tagger.pt', import.meta.url)
    cpSync(fixture, join(path, 'pytorch_model-00001-of-00001.bin'))
    const names = [...(await interop.loadPyTorchValues(fileURLToPath(fixture))).keys()]
    const map = Object.fromEntries(names.map((name) => [name, 'pytorch_model-00001-of-00001.bin']))
    writeFileSync(join(path, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map: map }))
    const order = ['tokens', 'rnn', 'norm', 'head']
    const { model } = await interop.loadPyTorch(path, { order })
    const { model: same } = await interop.loadPyTorch(fixture, {})
    expect(model.getWeights()).toEqual(same.getWeights())
  })

  it('is read from a folder that has it in one file, and from links as a cache of the hub has them', async () => {
    const one = join(folder, 'one')
    mkdirSync(one)
    writeFileSync(join(one, 'model.safetensors'), whole)
    writeFileSync(join(one, 'config.json'), '{}')
    const expected = made()
    await interop.loadPyTorch(one, { model: expected })
    const cache = join(folder, 'cache')
    mkdirSync(join(cache, 'snapshots', 'abc'), { recursive: true })
    cpSync(sharded('real'), join(cache, 'blobs'), { recursive: true })
    for (const name of [...Object.keys(shards), 'model.safetensors.index.json'])
      symlinkSync(join('..', '..', 'blobs', name), join(cache, 'snapshots', 'abc', name))
    const m = made()
    await interop.loadPyTorch(join(cache, 'snapshots', 'abc'), { model: m })
    expect(m.getWeights()).toEqual(expected.getWeights())
  })

  it('is not loaded from one of the files, and the error says what to give', async () => {
    const path = sharded('part')
    await failsWith(
      join(path, 'model-00002-of-00002.safetensors'),
      'ERR_FORMAT',
      /part 2 of a model in 2 files; give the index of all, 'model\.safetensors\.index\.json', or the folder/,
    )
    await failsWith(join(path, 'pytorch_model-00001-of-00003.bin'), 'ERR_FORMAT', /'pytorch_model\.bin\.index\.json'/)
  })

  it('is refused where its index or its files are wrong', async () => {
    const index = (name: string, map: unknown) => join(sharded(name, map), 'model.safetensors.index.json')
    await failsWith(
      index('missing', { ...mapOf(shards), other: 'model-00001-of-00002.safetensors' }),
      'ERR_FORMAT',
      /'model-00001-of-00002\.safetensors' has the tensor 'other', which is not there/,
    )
    await failsWith(index('gone', { a: 'model-00009-of-00009.safetensors' }), 'ERR_IO', /cannot read.*00009/)
    for (const name of ['../model.safetensors', '/etc/passwd', 'a\\b', ''])
      await failsWith(index(`outside${name.length}`, { a: name }), 'ERR_FORMAT', /must be in its folder or below it/)
    for (const [at, map] of [{}, [], 'x', { a: 1 }, null].entries())
      await failsWith(index(`map${at}`, map), 'ERR_FORMAT', /no weight_map/)
    await failsWith(
      new Uint8Array(readFileSync(join(folder, 'part', 'model.safetensors.index.json'))),
      'ERR_OPTION',
      /give its path instead of its bytes/,
    )
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    await failsWith(empty, 'ERR_FORMAT', /a folder without weights of PyTorch.*loadModel reads/)
    const two = sharded('two')
    writeFileSync(join(two, 'model.fp16.safetensors.index.json'), '{}')
    await failsWith(two, 'ERR_FORMAT', /has several: 'model\.fp16\.safetensors\.index\.json', 'model/)
  })

  it('is converted by the command', async () => {
    const path = sharded('command')
    const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    for (const from of [path, join(path, 'model.safetensors.index.json')]) {
      const to = join(folder, `converted${from.length}.onnx`)
      expect(execFileSync(process.execPath, [command, 'convert', from, to], { encoding: 'utf8' })).toMatch(/rnn/)
      expect(readFileSync(to).length).toBeGreaterThan(100)
    }
  })
})
