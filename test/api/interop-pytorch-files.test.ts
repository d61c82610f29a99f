import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AnyLayer, cells, input, interop, layers, type Model, model, sequential, type Tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { wave } from '../helpers/models.js'
import { readTorchFile, torchFile } from '../helpers/torchFile.js'

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/pytorch/${name}`, import.meta.url))
const expected = JSON.parse(await readFile(fixture('expected.json'), 'utf8'))

const wrapped = (...between: AnyLayer[]) =>
  sequential([
    layers.embedding({ inputDim: 11, outputDim: 4 }),
    ...between,
    layers.layerNormalization({ epsilon: 1e-5 }),
    layers.dense({ units: 5 }),
  ])
const both = () => layers.bidirectional({ layer: layers.lstm({ units: 3, returnSequences: true }) })
const tagger = () => wrapped(both(), both())

/** What PyTorch gave for the inputs of `name`, and what the model gives. */
async function expectEqual(m: Model<Tensor>, name: string): Promise<void> {
  const { x, y } = expected[name]
  const { data, shape } = await m.predict(x)
  expect(shape, name).toEqual(y.shape)
  for (const [index, value] of y.data.entries()) expect(Math.abs((data[index] as number) - value)).toBeLessThan(3e-6)
}

describe('interop.loadPyTorch of what torch.save wrote', () => {
  it.each([
    ['tagger.pt', 'tagger'],
    ['old.pt', 'tagger'],
    ['protocol4.pth', 'tagger'],
    ['checkpoint.pt', 'checkpoint'],
  ])('gives the outputs of PyTorch, whatever the form: %s', async (file, name) => {
    const m = tagger()
    const prefix = name === 'checkpoint' ? 'module.' : ''
    expect((await interop.loadPyTorch(fixture(file), { model: m })).mapping).toEqual({
      embedding: `${prefix}tokens`,
      bidirectional: `${prefix}rnn.l0`,
      bidirectional_1: `${prefix}rnn.l1`,
      layer_normalization: `${prefix}norm`,
      dense: `${prefix}head`,
    })
    await expectEqual(m, name)
    const bytes = tagger()
    await interop.loadPyTorch(new Uint8Array(await readFile(fixture(file))), { model: bytes })
    expect(bytes.getWeights()).toEqual(m.getWeights())
  })

  it('gives the outputs of every recurrent module', async () => {
    const modules = {
      tanh: layers.simpleRNN({ units: 3, returnSequences: true }),
      relu: layers.simpleRNN({ units: 3, returnSequences: true, activation: 'relu' }),
      gru: layers.gru({ units: 3, returnSequences: true }),
      lstm: layers.lstm({ units: 3, returnSequences: true, useBias: false }),
    }
    for (const [name, layer] of Object.entries(modules)) {
      const m = wrapped(layer)
      await interop.loadPyTorch(fixture(`${name}.pt`), { model: m })
      await expectEqual(m, name)
    }
    const cells = {
      rnnCell: layers.simpleRNN({ units: 4, returnSequences: true, inputShape: [null, 3] }),
      lstmCell: layers.lstm({ units: 4, returnSequences: true, inputShape: [null, 3] }),
      gruCell: layers.gru({ units: 4, returnSequences: true, inputShape: [null, 3] }),
    }
    for (const [name, layer] of Object.entries(cells)) {
      const m = sequential([layer])
      await interop.loadPyTorch(fixture(`${name}.pt`), { model: m })
      await expectEqual(m, name)
    }
  })

  it('gives the outputs of projected modules, attention and tied layers, and writes what they were', async () => {
    const projected = (options: object = {}) =>
      layers.rnn({ cell: cells.projectedLSTM({ units: 3, projection: 2 }), returnSequences: true, ...options })
    const query = input({ shape: [null, 6] })
    const attended = layers.multiHeadAttention({ numHeads: 2, keyDim: 3 }).apply([query, query])
    const models: Record<string, () => Model<Tensor>> = {
      projected: () => wrapped(projected()),
      projectedBoth: () =>
        wrapped(layers.bidirectional({ layer: projected() }), layers.bidirectional({ layer: projected() })),
      lstmCell: () =>
        sequential([layers.rnn({ cell: cells.lstm({ units: 4 }), returnSequences: true, inputShape: [null, 3] })]),
      gruCell: () =>
        sequential([layers.rnn({ cell: cells.gru({ units: 4 }), returnSequences: true, inputShape: [null, 3] })]),
      rnnCell: () =>
        sequential([layers.rnn({ cell: cells.simpleRNN({ units: 4 }), returnSequences: true, inputShape: [null, 3] })]),
      attending: () => model({ inputs: query, outputs: attended }),
      tied: () =>
        sequential([
          layers.embedding({ inputDim: 9, outputDim: 4, name: 'encoder' }),
          layers.lstm({ units: 4, returnSequences: true }),
          layers.dense({ units: 9, tiedTo: 'encoder', name: 'decoder' }),
        ]),
    }
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-'))
    for (const [name, make] of Object.entries(models)) {
      const m = make()
      const { mapping } = await interop.loadPyTorch(fixture(`${name}.pt`), { model: m })
      await expectEqual(m, name)
      const path = join(folder, `${name}.pt`)
      await interop.toPyTorch(m, path, { mapping })
      const again = make()
      expect((await interop.loadPyTorch(path, { model: again })).mapping).toEqual(mapping)
      expect(again.getWeights()).toEqual(m.getWeights())
    }
  })

  it('says which cells and attentions PyTorch has not, and where tied weights differ', async () => {
    const cell = cells.projectedLSTM({ units: 3, projection: 2, activation: 'relu' })
    const other = sequential([layers.rnn({ cell, inputShape: [null, 4] })])
    await expect(interop.toPyTorch(other, 'unused')).rejects.toEqual(
      coded('ERR_UNSUPPORTED', /'rnn' \(RNN\): PyTorch has no module whose step is that of the cell 'projectedLSTM'/),
    )
    const x = input({ shape: [null, 6] })
    const wide = layers.multiHeadAttention({ numHeads: 2, keyDim: 5 }).apply([x, x])
    await expect(interop.toPyTorch(model({ inputs: x, outputs: wide }), 'unused')).rejects.toEqual(
      coded('ERR_UNSUPPORTED', /heads have together the size of the query/),
    )
    const file = torchFile({
      'encoder.weight': { shape: [3, 2], data: [1, 2, 3, 4, 5, 6] },
      'decoder.weight': { shape: [3, 2], data: [1, 2, 3, 4, 5, 7] },
      'decoder.bias': { shape: [3], data: [0, 0, 0] },
    })
    const tied = sequential([
      layers.embedding({ inputDim: 3, outputDim: 2, name: 'encoder' }),
      layers.dense({ units: 3, tiedTo: 'encoder' }),
    ])
    await expect(interop.loadPyTorch(file, { model: tied })).rejects.toEqual(
      coded('ERR_FORMAT', /'encoder' and 'decoder' differ.*without tiedTo/),
    )
  })

  it('knows the state dict of a checkpoint among losses and states of random numbers', async () => {
    const linear = sequential([layers.dense({ units: 3, inputShape: [2] })])
    expect((await interop.loadPyTorch(fixture('losses.pt'), { model: linear })).mapping).toEqual({ dense: '' })
  })

  it('knows the names of a tensor that safetensors.torch.save_model wrote once', async () => {
    const weight = wave(5 * 3)
    const lstm = { weight_ih_l0: [12, 3], weight_hh_l0: [12, 3], bias_ih_l0: [12], bias_hh_l0: [12] }
    const file = torchFile(
      {
        'decoder.weight': { shape: [5, 3], data: weight },
        'decoder.bias': { shape: [5], data: wave(5) },
        ...Object.fromEntries(
          Object.entries(lstm).map(([name, shape]) => [
            `lstm.${name}`,
            { shape, data: wave(shape.reduce((a, b) => a * b)) },
          ]),
        ),
      },
      { format: 'pt', 'encoder.weight': 'decoder.weight', 'a note': 'decoder' },
    )
    const { model, mapping } = await interop.loadPyTorch(file, { order: ['encoder', 'lstm', 'decoder'] })
    expect(mapping).toEqual({ encoder: 'encoder', lstm: 'lstm', decoder: 'decoder' })
    expect([...(model.getWeights()[0]?.data ?? [])]).toEqual([...weight])
  })

  it('finds the state dict of a checkpoint, and asks for a key where there are several', async () => {
    const linear = () => sequential([layers.dense({ units: 3, inputShape: [2] })])
    const load = (file: string, key?: string | string[]) =>
      interop.loadPyTorch(fixture(file), { model: linear(), ...(key && { key }) })
    await expect(load('two.pt')).rejects.toEqual(
      coded('ERR_OPTION', /several dictionaries of tensors: 'encoder' \(2 tensors\), 'decoder' \(2 tensors\);.* key/),
    )
    expect((await load('two.pt', 'encoder')).mapping).toEqual({ dense: '' })
    expect((await load('two.pt', ['encoder'])).mapping).toEqual({ dense: '' })
    await expect(load('two.pt', 'decoder')).rejects.toEqual(coded('ERR_FORMAT', /weight \[2, 3\]/))
    await expect(load('two.pt', 'net')).rejects.toEqual(
      coded('ERR_OPTION', /no dictionary 'net'.*'encoder', 'decoder'/),
    )
    await expect(load('two.pt', [5 as never])).rejects.toEqual(coded('ERR_OPTION', /key/))
    const m = tagger()
    await interop.loadPyTorch(fixture('checkpoint.pt'), { model: m, key: 'model_state_dict' })
    await expectEqual(m, 'checkpoint')
    await interop.toPyTorch(m, join(tmpdir(), 'seqloom-key.safetensors'))
    const safe = interop.loadPyTorch(join(tmpdir(), 'seqloom-key.safetensors'), { model: m, key: 'a' })
    await expect(safe).rejects.toEqual(coded('ERR_OPTION', /key/))
  })
})

describe('a checkpoint with objects of classes beside the weights', () => {
  it.each(['objects.pt', 'objects-old.pt'])('gives its weights: %s', async (name) => {
    const m = sequential([
      layers.lstm({ units: 4, returnSequences: true, inputShape: [null, 3] }),
      layers.dense({ units: 2 }),
    ])
    const { mapping } = await interop.loadPyTorch(fixture(name), { model: m })
    expect(mapping).toEqual({ lstm: 'module.rnn', dense: 'module.head' })
    const values = await interop.loadPyTorchValues(fixture(name))
    expect(values.get('tag_names')).toEqual(['B', 'I'])
    for (const object of ['vocabulary', 'labels', 'settings', 'class_weights']) expect(values.get(object)).toBeNull()
  })

  it('is refused where the weights are in such an object', async () => {
    await expect(interop.loadPyTorch(fixture('module-old.pt'))).rejects.toEqual(
      coded('ERR_UNSUPPORTED', /it needs '__main__\.Tagger'.*torch\.save\(model\.state_dict\(\), path\)/),
    )
  })
})

describe('interop.loadPyTorchValues', () => {
  it('gives what a checkpoint holds beside its tensors', async () => {
    const checkpoint = await interop.loadPyTorchValues(fixture('checkpoint.pt'))
    expect(checkpoint.get('epoch')).toBe(3)
    expect(checkpoint.get('vocabulary')).toEqual(
      new Map([
        ['a', 0],
        ['b', 1],
      ]),
    )
    expect(checkpoint.get('shape')).toEqual([1, 2])
    for (const key of ['best', 'accuracy', 'args', 'device', 'dtype']) expect(checkpoint.get(key), key).toBeNull()
    const weights = checkpoint.get('model_state_dict') as ReadonlyMap<string, unknown>
    expect([...weights.values()].every((value) => value === null)).toBe(true)
    expect([...(await interop.loadPyTorchValues(fixture('old.pt'))).keys()]).toContain('rnn.weight_ih_l0')
  })

  /** A file of the form without an archive, with the pickle of an object. */
  const saved = (pickle: string) =>
    Buffer.from(
      `\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02${pickle}\x80\x02].`,
      'latin1',
    )

  it('keeps what is shared or contains itself, and takes any depth', async () => {
    const cycle = await interop.loadPyTorchValues<readonly interop.PyTorchValue[]>(saved(']q\x00h\x00a.'))
    expect(cycle[0]).toBe(cycle)
    const depth = 100_000
    let deep = await interop.loadPyTorchValues<readonly interop.PyTorchValue[]>(
      saved(`${']'.repeat(depth)}${'a'.repeat(depth - 1)}.`),
    )
    let levels = 1
    for (; deep.length > 0; levels++) deep = deep[0] as readonly interop.PyTorchValue[]
    expect(levels).toBe(depth)
    // 2 to the power of 64, and a text with a name that objects have of themselves.
    const odd = await interop.loadPyTorchValues(saved('}(X\x09\x00\x00\x00__proto__\x8a\x09\0\0\0\0\0\0\0\0\x01u.'))
    expect(odd).toEqual(new Map([['__proto__', 2n ** 64n]]))
  })

  it('refuses what it does not read', async () => {
    const tensors = torchFile({ a: { shape: [1], data: [1] } })
    await expect(interop.loadPyTorchValues(tensors)).rejects.toEqual(coded('ERR_UNSUPPORTED', /holds tensors alone/))
    const calls = saved('cos\nsystem\nX\x02\x00\x00\x00ls\x85R.')
    await expect(interop.loadPyTorchValues(calls)).rejects.toEqual(coded('ERR_UNSUPPORTED', /it needs 'os\.system'/))
    const cutOff = new Uint8Array(await readFile(fixture('old.pt'))).slice(0, 300)
    await expect(interop.loadPyTorchValues(cutOff)).rejects.toEqual(coded('ERR_FORMAT'))
  })
})

describe('interop.toPyTorch', () => {
  it('writes a .pt file by its ending that loads again bit for bit, with the names it had', async () => {
    const m = tagger()
    const { mapping } = await interop.loadPyTorch(fixture('checkpoint.pt'), { model: m })
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-'))
    for (const name of ['back.pt', 'back.PTH', 'back.safetensors']) {
      const again = tagger()
      await interop.toPyTorch(m, join(folder, name), { mapping })
      expect((await interop.loadPyTorch(join(folder, name), { model: again })).mapping).toEqual(mapping)
      expect(again.getWeights()).toEqual(m.getWeights())
    }
    const written = readTorchFile(await readFile(join(folder, 'back.safetensors')))
    expect(Object.keys(written)).toContain('module.rnn.weight_hh_l1_reverse')
    expect((await readFile(join(folder, 'back.pt'))).subarray(0, 4)).toEqual(Buffer.from('PK\x03\x04'))
  })
})
