import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interop } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { wave } from '../helpers/models.js'
import { readTorchFile, torchFile } from '../helpers/torchFile.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/pytorch/${name}`, import.meta.url))
const expected = JSON.parse(await readFile(fixture('expected.json'), 'utf8'))
const of = (...shape: number[]) => ({ shape, data: wave(shape.reduce((a, b) => a * b, 1)) })
const lstm = (prefix: string, inputs: number, units: number) => ({
  [`${prefix}.weight_ih_l0`]: of(4 * units, inputs),
  [`${prefix}.weight_hh_l0`]: of(4 * units, units),
  [`${prefix}.bias_ih_l0`]: of(4 * units),
  [`${prefix}.bias_hh_l0`]: of(4 * units),
})
const classes = (m: { layers: readonly object[] }) => m.layers.slice(1).map((layer) => layer.constructor.name)

describe('interop.loadPyTorch without a model', () => {
  it.each([
    ['tagger.pt', 'tagger', {}],
    ['old.pt', 'tagger', {}],
    ['checkpoint.pt', 'checkpoint', {}],
    ['tanh.pt', 'tanh', {}],
    ['relu.pt', 'relu', { rnnActivation: 'relu' as const }],
    ['gru.pt', 'gru', {}],
    ['lstm.pt', 'lstm', {}],
    ['projected.pt', 'projected', {}],
    ['projectedBoth.pt', 'projectedBoth', {}],
    ['lstmCell.pt', 'lstmCell', {}],
  ])('makes a model from %s that gives the outputs of PyTorch', async (file, name, options) => {
    const { model } = await interop.loadPyTorch(fixture(file), options)
    const { x, y } = expected[name]
    const { data, shape } = await model.predict(x)
    expect(shape).toEqual(y.shape)
    for (const [index, value] of y.data.entries()) expect(Math.abs((data[index] as number) - value)).toBeLessThan(3e-6)
  })

  it('reads a batch normalization with its statistics', async () => {
    const { model, mapping } = await interop.loadPyTorch(fixture('batchNorm.pt'), { hiddenActivation: 'linear' })
    expect(mapping).toEqual({ 0: '0', 1: '1', 2: '2' })
    const { x, y } = JSON.parse(await readFile(fixture('batchNorm.json'), 'utf8')) as Record<string, number[][]>
    const { data } = await model.predict(x as number[][])
    for (const [at, value] of (y as number[][]).flat().entries())
      expect(Math.abs((data[at] as number) - value)).toBeLessThan(3e-6)
    const path = join(await mkdtemp(join(tmpdir(), 'seqloom-')), 'back.safetensors')
    await interop.toPyTorch(model, path, { mapping })
    // PyTorch takes state dicts without num_batches_tracked, as those of its first versions.
    expect(Object.keys(readTorchFile(await readFile(path))).sort()).toEqual([
      '0.bias',
      '0.weight',
      '1.bias',
      '1.running_mean',
      '1.running_var',
      '1.weight',
      '2.bias',
      '2.weight',
    ])
  })

  it('names layers like modules, so that what is written has the names that it had', async () => {
    const { model, mapping } = await interop.loadPyTorch(fixture('tagger.pt'))
    const names = ['tokens', 'rnn.l0', 'rnn.l1', 'norm', 'head']
    expect(model.layers.slice(1).map(({ name }) => name)).toEqual(names)
    expect(mapping).toEqual(Object.fromEntries(names.map((name) => [name, name])))
    const path = join(await mkdtemp(join(tmpdir(), 'seqloom-')), 'back.safetensors')
    await interop.toPyTorch(model, path)
    const written = readTorchFile(await readFile(path))
    expect(Object.keys(written)).toContain('rnn.weight_hh_l1_reverse')
    // Sorted by name, as safetensors files are: the order follows from the sizes.
    const sorted = torchFile(Object.fromEntries(Object.entries(written).sort()))
    const again = await interop.loadPyTorch(sorted)
    expect(again.model.layers.slice(1).map(({ name }) => name)).toEqual(names)
    expect(again.model.getWeights()).toEqual(model.getWeights())
  })

  it('pools the steps as it is told', async () => {
    const { x, y } = expected.tagger
    const every = y.data as number[]
    const last = [...every.slice(20, 25), ...every.slice(45, 50)]
    const { model } = await interop.loadPyTorch(fixture('tagger.pt'), { pooling: 'lastStep' })
    const { data, shape } = await model.predict(x)
    expect(shape).toEqual([2, 5])
    for (const [index, value] of last.entries()) expect(Math.abs((data[index] as number) - value)).toBeLessThan(3e-6)
    for (const pooling of ['lastState', 'mean', 'max'] as const) {
      const pooled = await interop.loadPyTorch(fixture('tagger.pt'), { pooling, outputActivation: 'softmax' })
      const result = await pooled.model.predict(x)
      expect(result.shape).toEqual([2, 5])
      expect(result.row(0).data.reduce((sum: number, value: number) => sum + value, 0)).toBeCloseTo(1, 5)
    }
    const linear = torchFile({ 'a.weight': of(2, 3), 'a.bias': of(2) })
    await expect(interop.loadPyTorch(linear, { pooling: 'mean' })).rejects.toEqual(coded('ERR_OPTION', /needs steps/))
    expect((await (await interop.loadPyTorch(linear)).model.predict([[1, 2, 3]])).shape).toEqual([1, 2])
  })

  it('asks for what a state dict does not say', async () => {
    const head = { 'fc.0.weight': of(5, 4), 'fc.0.bias': of(5), 'fc.2.weight': of(2, 5), 'fc.2.bias': of(2) }
    const file = torchFile({ 'emb.weight': of(7, 3), ...head, ...lstm('rnn', 3, 4) })
    await expect(interop.loadPyTorch(file)).rejects.toEqual(
      coded('ERR_OPTION', /does not say which activation follows 'fc\.0'.*hiddenActivation/),
    )
    const { model } = await interop.loadPyTorch(file, { hiddenActivation: 'relu' })
    expect(classes(model)).toEqual(['Embedding', 'LSTM', 'Dense', 'Dense'])
    expect(model.getLayer('fc.0').getConfig().activation).toBe('relu')
    expect(model.getLayer('fc.2').getConfig().activation).toBe('linear')
    // Either may come first.
    const same = torchFile({ ...lstm('a', 4, 4), ...lstm('b', 4, 4) })
    await expect(interop.loadPyTorch(same)).rejects.toEqual(coded('ERR_OPTION', /several ways.*order/))
    const ordered = await interop.loadPyTorch(same, { order: ['b', 'a'] })
    expect(Object.keys(ordered.mapping)).toEqual(['b', 'a'])
    await expect(interop.loadPyTorch(same, { order: ['b'] })).rejects.toEqual(coded('ERR_OPTION', /each.*'a', 'b'/))
    await expect(
      interop.loadPyTorch(file, { hiddenActivation: 'relu', order: ['fc.0', 'rnn', 'fc.2', 'emb'] }),
    ).rejects.toEqual(coded('ERR_UNSUPPORTED', /do not follow each other.*'emb' tokens → 3/))
    const wrong: [object, RegExp][] = [
      [{ pooling: 'sum' }, /pooling/],
      [{ rnnActivation: 'sigmoid' }, /rnnActivation/],
      [{ mapping: { a: 'b' } }, /mapping/],
      [{ outputActivation: 'softmax', order: ['a', 'b'] }, /'b' is none/],
    ]
    for (const [options, message] of wrong) {
      await expect(interop.loadPyTorch(same, options)).rejects.toEqual(coded('ERR_OPTION', message))
    }
  })

  it('says what belongs to no stack, all of it at once', async () => {
    const file = torchFile({
      ...lstm('rnn', 3, 4),
      'conv.weight': of(4, 3, 5, 2, 2, 2),
      'bn.weight': of(4),
      'bn.bias': of(4),
      'bn.running_mean': of(4),
      'odd.weight_ih_l0': of(8, 3),
      'odd.weight_hh_l0': of(8, 4),
    })
    const error = (await interop.loadPyTorch(file).catch((reason) => reason)) as Error
    expect(error).toEqual(
      coded(
        'ERR_UNSUPPORTED',
        /no plain stack of modules; make the model, and give it as model, or leave out by ignore what is not needed:\n/,
      ),
    )
    for (const part of [
      /^- 'conv', weight \[4, 3, 5, 2, 2, 2\], is not known$/m,
      /^- 'bn', .*running_mean/m,
      /^- 'odd', /m,
    ]) {
      expect(error.message).toMatch(part)
    }
    await expect(interop.loadPyTorch(torchFile({}))).rejects.toEqual(coded('ERR_UNSUPPORTED', /there are no modules/))
  })
})
