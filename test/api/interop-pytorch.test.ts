import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cells, interop, layers, type Model, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { wave } from '../helpers/models.js'
import { type FileTensor, readTorchFile, torchFile } from '../helpers/torchFile.js'

const of = (shape: readonly number[], phase = 0): FileTensor => ({
  shape,
  data: wave(
    shape.reduce((a, b) => a * b, 1),
    phase,
  ),
})

/** A module's parameters under a prefix. */
const linear = (prefix: string, inputs: number, outputs: number, phase = 0) => ({
  [`${prefix}.weight`]: of([outputs, inputs], phase),
  [`${prefix}.bias`]: of([outputs], phase + 1),
})
const recurrent = (prefix: string, gates: number, inputs: number, units: number, layer = 0, phase = 0) => ({
  [`${prefix}.weight_ih_l${layer}`]: of([gates * units, inputs], phase),
  [`${prefix}.weight_hh_l${layer}`]: of([gates * units, units], phase + 1),
  [`${prefix}.bias_ih_l${layer}`]: of([gates * units], phase + 2),
  [`${prefix}.bias_hh_l${layer}`]: of([gates * units], phase + 3),
})

const dense = (units: number, name?: string, inputs?: number) =>
  layers.dense({ units, ...(name && { name }), ...(inputs && { inputShape: [inputs] }) })
const weight = (m: Model, name: string) => Array.from(m.namedWeights()[name]?.data ?? [])
const folder = () => mkdtemp(join(tmpdir(), 'seqloom-'))

/** `[rows, columns]` as `[columns, rows]`. */
const transposed = ({ shape: [rows = 0, columns = 0], data }: FileTensor) =>
  Array.from({ length: rows * columns }, (_, i) => Number(data[(i % rows) * columns + Math.floor(i / rows)]))

describe('interop.loadPyTorch', () => {
  it('puts a state dict with prefixes into the layers of its shapes, from a path, a URL or bytes', async () => {
    const tensors: Record<string, FileTensor> = {
      'model.tokens.weight': of([7, 3]),
      ...recurrent('model.rnn', 1, 3, 4),
      'model.norm.weight': of([4], 5),
      'model.norm.bias': of([4], 6),
      'model.scale.weight': of([4], 7),
      ...linear('model.head', 4, 2, 8),
    }
    const bytes = torchFile(tensors, { format: 'pt' })
    const path = join(await folder(), 'model.safetensors')
    await writeFile(path, bytes)
    for (const file of [bytes, path, pathToFileURL(path)]) {
      const m = sequential([
        layers.embedding({ inputDim: 7, outputDim: 3 }),
        layers.simpleRNN({ units: 4, returnSequences: true }),
        layers.timeDistributed({ layer: layers.layerNormalization() }),
        layers.rootMeanSquareNormalization(),
        dense(2),
      ])
      const { mapping } = await interop.loadPyTorch(file, { model: m })
      expect(mapping).toEqual({
        embedding: 'model.tokens',
        simple_rnn: 'model.rnn',
        time_distributed: 'model.norm',
        rms_normalization: 'model.scale',
        dense: 'model.head',
      })
      expect(weight(m, 'embedding/embeddings')).toEqual(Array.from(tensors['model.tokens.weight']?.data ?? []))
      expect(weight(m, 'simple_rnn/kernel')).toEqual(transposed(tensors['model.rnn.weight_ih_l0'] as FileTensor))
      const [a, b] = ['bias_ih_l0', 'bias_hh_l0'].map((name) => tensors[`model.rnn.${name}`] as FileTensor)
      const summed = Array.from({ length: 4 }, (_, i) => Math.fround(Number(a?.data[i]) + Number(b?.data[i])))
      expect(weight(m, 'simple_rnn/bias')).toEqual(summed)
      expect(weight(m, 'rms_normalization/scale')).toEqual(Array.from(tensors['model.scale.weight']?.data ?? []))
      expect(weight(m, 'dense/kernel')).toEqual(transposed(tensors['model.head.weight'] as FileTensor))
    }
  })

  it('reads float16, bfloat16 and float64', async () => {
    const words = (...bits: number[]) => new Uint8Array(Uint16Array.from(bits).buffer)
    const types: [string, Uint8Array, number[]][] = [
      ['F16', words(0x3c00, 0xc000, 0x0001, 0x7bff, 0x3555), [1, -2, 2 ** -24, 65504, 0.333251953125]],
      ['BF16', words(0x3f80, 0xc000, 0x4049, 0x0080, 0x3eab), [1, -2, 3.140625, 2 ** -126, 0.333984375]],
      ['F64', new Uint8Array(Float64Array.of(1, -2, 0.1, 1e30, 3).buffer), [1, -2, 0.1, 1e30, 3].map(Math.fround)],
    ]
    for (const [dtype, data, expected] of types) {
      const m = sequential([layers.rootMeanSquareNormalization({ inputShape: [5] })])
      await interop.loadPyTorch(torchFile({ 'norm.weight': { dtype, shape: [5], data } }), { model: m })
      expect(weight(m, 'rms_normalization/scale'), dtype).toEqual(expected)
    }
  })

  it('takes modules whose names differ in numbers in their order, however they lie in the file', async () => {
    const file = torchFile({ ...linear('10', 3, 3, 10), ...linear('2', 3, 3, 2), ...linear('0', 3, 3, 0) })
    const m = sequential([dense(3, 'a', 3), dense(3, 'b'), dense(3, 'c')])
    expect((await interop.loadPyTorch(file, { model: m })).mapping).toEqual({ a: '0', b: '2', c: '10' })
    expect(weight(m, 'c/kernel')).toEqual(transposed(of([3, 3], 10)))
    const deep = torchFile({ ...recurrent('rnn', 3, 4, 4, 1, 20), ...recurrent('rnn', 3, 4, 4, 0) })
    const stack = sequential([
      layers.gru({ units: 4, returnSequences: true, inputShape: [null, 4] }),
      layers.gru({ units: 4 }),
    ])
    const { mapping } = await interop.loadPyTorch(deep, { model: stack })
    expect(mapping).toEqual({ gru: 'rnn.l0', gru_1: 'rnn.l1' })
  })

  it('takes the module with the name that a layer was given, and leaves none to chance otherwise', async () => {
    const file = torchFile({ ...linear('net.value', 3, 3, 1), ...linear('net.key', 3, 3, 2) })
    const named = sequential([dense(3, 'key', 3), dense(3)])
    expect((await interop.loadPyTorch(file, { model: named })).mapping).toEqual({ key: 'net.key', dense: 'net.value' })
    const m = sequential([dense(3, undefined, 3), dense(3)])
    const before = m.getWeights().map(({ data }) => Array.from(data))
    await expect(interop.loadPyTorch(file, { model: m })).rejects.toEqual(
      coded('ERR_FORMAT', /'dense_1' \(Dense\) needs .*'net.value', 'net.key' could be it; .*mapping: \{ 'dense_1': /),
    )
    expect(m.getWeights().map(({ data }) => Array.from(data))).toEqual(before)
    await interop.loadPyTorch(file, { model: m, mapping: { dense: 'net.key', dense_1: 'net.value' } })
    expect(weight(m, 'dense/bias')).toEqual(Array.from(wave(3, 3)))
  })

  it('tells everything that cannot be mapped at once', async () => {
    const file = torchFile({
      ...linear('a', 3, 3),
      ...linear('b', 3, 3),
      ...linear('aux', 9, 9),
      ...recurrent('projected', 4, 3, 4),
      'projected.weight_hr_l0': of([2, 4]),
      'bn.num_batches_tracked': { dtype: 'I64', shape: [], data: new Uint8Array(8) },
      'line\nbreak.weight': of([8]),
    })
    const m = sequential([
      layers.lstm({ units: 4, activation: 'relu', returnSequences: true, inputShape: [null, 3] }),
      layers.gru({ units: 3, resetAfter: false, returnSequences: true }),
      layers.lstm({ units: 4, returnSequences: true }),
      layers.globalAveragePooling1d(),
      dense(3),
      dense(3, 'choose'),
    ])
    const error = (await interop
      .loadPyTorch(file, { model: m, mapping: { nowhere: 'a' } })
      .catch((reason) => reason)) as Error
    expect(error).toEqual(coded('ERR_FORMAT', /^the file does not fit the model:\n/))
    for (const part of [
      /^- 'lstm' \(LSTM\): PyTorch has no such module with the activation relu; with mapping: \{ 'lstm': null \}/m,
      /^- 'gru' \(GRU\): in PyTorch the reset gate acts after the product/m,
      /^- mapping: there is no layer 'nowhere'/m,
      /^- 'lstm_1' \(LSTM\) needs weight_ih \[16, 3\], .*; nothing in the file has these$/m,
      /^- 'dense' \(Dense\) needs weight \[3, 4\], bias \[3\]; nothing in the file has these$/m,
      /^- 'choose' \(Dense\) needs weight \[3, 3\], bias \[3\]; 'a', 'b' could be it/m,
      /^- 'aux', weight \[9, 9\], bias \[9\], belongs to no layer; with ignore: \['aux'\] it is left out$/m,
      /^- 'projected', .*weight_hr \[2, 4\].*belongs to no layer/m,
      /^- 'bn', num_batches_tracked \[\], belongs to no layer/m,
      /^- 'line\\nbreak', weight \[8\]/m,
    ]) {
      expect(error.message).toMatch(part)
    }
  })

  it('leaves out what is to be ignored, and layers that are to stay', async () => {
    const m = sequential([dense(3, 'body', 3), layers.reshape({ targetShape: [1, 3] })], { seed: 1 })
    m.add(layers.rnn({ cell: cells.lstm({ units: 2 }), name: 'ours' }))
    m.add(dense(2, 'head'))
    const head = weight(m, 'head/kernel')
    const file = torchFile({ ...linear('encoder', 3, 3), ...linear('decoder.out', 5, 5), position_ids: of([4]) })
    const options = { model: m, mapping: { head: null, ours: null }, ignore: ['decoder', 'position_ids'] }
    expect((await interop.loadPyTorch(file, options)).mapping).toEqual({ body: 'encoder' })
    expect(weight(m, 'body/kernel')).toEqual(transposed(of([3, 3])))
    expect(weight(m, 'head/kernel')).toEqual(head)
  })

  it('refuses wrong options, other types, other formats and values that are not finite', async () => {
    const m = sequential([dense(3, 'a', 3)])
    const file = torchFile(linear('a', 3, 3))
    const load = (given: unknown, options: object) => interop.loadPyTorch(given as Uint8Array, options as never)
    const cases: [unknown, object, string, RegExp][] = [
      [file, { mapping: {} }, 'ERR_OPTION', /mapping/],
      [file, { model: {} }, 'ERR_OPTION', /model must be a model/],
      [file, { model: m, mapping: { a: 5 } }, 'ERR_OPTION', /mapping/],
      [file, { model: m, ignore: 'a' }, 'ERR_OPTION', /ignore/],
      [file, { model: m, maping: {} }, 'ERR_OPTION', /maping/],
      [file, { model: m, mapping: { a: 'b' } }, 'ERR_FORMAT', /mapping: the file has no 'b'; it has 'a'/],
      [7, { model: m }, 'ERR_OPTION', /path/],
      ['/nowhere/at.all', { model: m }, 'ERR_IO', /at\.all/],
      [Buffer.from('PK\u0003\u0004 and so on, a zip file'), { model: m }, 'ERR_FORMAT', /archive/],
      [new Uint8Array(), { model: m }, 'ERR_FORMAT', /it is empty/],
      [new Uint8Array(64).fill(7), { model: m }, 'ERR_FORMAT', /safetensors/],
      [
        torchFile({
          'a.weight': { dtype: 'I32', shape: [3, 3], data: new Uint8Array(36) },
          'a.bias': of([3]),
        }),
        { model: m },
        'ERR_UNSUPPORTED',
        /'a.weight' has the type I32/,
      ],
      [
        torchFile({ 'a.weight': of([3, 3]), 'a.bias': { shape: [3], data: [0, Number.NaN, 1] } }),
        { model: m },
        'ERR_DATA',
        /./,
      ],
    ]
    for (const [given, options, code, message] of cases) {
      await expect(load(given, options)).rejects.toEqual(coded(code, message))
    }
  })

  it('refuses damaged files with a code: truncated, altered, with sizes that cannot be', async () => {
    const m = sequential([dense(2, 'a', 2)])
    const file = torchFile(linear('a', 2, 2), { format: 'pt' })
    const codeOf = async (bytes: Uint8Array) =>
      interop.loadPyTorch(bytes, { model: m }).then(
        () => undefined,
        (error: { code?: string }) => error.code ?? error,
      )
    for (let length = 0; length < file.length; length++) {
      expect(await codeOf(file.slice(0, length)), `${length} bytes`).toBe('ERR_FORMAT')
    }
    for (let at = 0; at < file.length; at++) {
      for (const value of [0, 0x22, 0x39, 255]) {
        const altered = file.slice()
        altered[at] = value
        expect([undefined, 'ERR_FORMAT', 'ERR_UNSUPPORTED', 'ERR_DATA']).toContain(await codeOf(altered))
      }
    }
    const huge = file.slice()
    huge.fill(255, 0, 8)
    expect(await codeOf(huge)).toBe('ERR_FORMAT')
    const header = (entry: object) => {
      const text = Buffer.from(
        JSON.stringify({ 'a.weight': { dtype: 'F32', shape: [1], data_offsets: [0, 4], ...entry } }),
      )
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(text.length))
      return new Uint8Array(Buffer.concat([length, text, Buffer.alloc(4)]))
    }
    for (const entry of [
      { shape: [2 ** 40, 2 ** 40] },
      { shape: [2 ** 53] },
      { shape: [-1] },
      { shape: [1.5] },
      { shape: 'all' },
      { data_offsets: [0, 2 ** 60] },
      { data_offsets: [4, 0] },
      { data_offsets: [1, 5] },
      { data_offsets: [0] },
      { dtype: 5 },
      { dtype: 'F64' },
    ]) {
      expect(await codeOf(header(entry)), JSON.stringify(entry)).toBe('ERR_FORMAT')
    }
  })
})

describe('interop.toPyTorch', () => {
  const make = () =>
    sequential([
      layers.embedding({ inputDim: 7, outputDim: 3, name: 'tokens' }),
      layers.bidirectional({ layer: layers.gru({ units: 4, returnSequences: true }), name: 'gru' }),
      layers.lstm({ units: 4, useBias: false, name: 'lstm' }),
      layers.layerNormalization({ name: 'norm' }),
      dense(2, 'head'),
    ])

  it('writes names that PyTorch knows, and what it wrote loads again', async () => {
    const m = make()
    const path = join(await folder(), 'model.safetensors')
    await interop.toPyTorch(m, path)
    const written = readTorchFile(await readFile(path))
    expect(Object.keys(written).sort()).toEqual(
      [
        'tokens.weight',
        ...['', '_reverse'].flatMap((end) =>
          ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].map((name) => `gru.${name}_l0${end}`),
        ),
        ...['weight_ih', 'weight_hh'].map((name) => `lstm.${name}_l0`),
        'norm.weight',
        'norm.bias',
        'head.weight',
        'head.bias',
      ].sort(),
    )
    expect(written['head.weight']?.shape).toEqual([2, 4])
    const again = make()
    expect((await interop.loadPyTorch(path, { model: again })).mapping).toMatchObject({ gru: 'gru', head: 'head' })
    expect(again.getWeights()).toEqual(m.getWeights())
    // It replaces what was there, and leaves nothing else behind.
    await interop.toPyTorch(again, path, { mapping: { tokens: 'net.0', gru: 'net.1', lstm: 'net.rnn.l2' } })
    const names = Object.keys(readTorchFile(await readFile(path)))
    expect(names).toEqual(expect.arrayContaining(['net.0.weight', 'net.1.bias_hh_l0_reverse', 'net.rnn.weight_ih_l2']))
    expect(await readdir(join(path, '..'))).toEqual(['model.safetensors'])
  })

  it('tells all layers that it cannot write, and where it cannot', async () => {
    const x = sequential([
      layers.gru({ units: 2, resetAfter: false, returnSequences: true, inputShape: [null, 3] }),
      layers.lstm({ units: 2, recurrentActivation: 'hardSigmoid' }),
    ])
    await expect(interop.toPyTorch(x, 'unused')).rejects.toEqual(
      coded('ERR_UNSUPPORTED', /- 'gru' \(GRU\): [^\n]*\n- 'lstm' \(LSTM\): [^\n]*hardSigmoid/),
    )
    const m = make()
    await expect(interop.toPyTorch(m, '/nowhere/at.all')).rejects.toEqual(coded('ERR_IO', /at\.all/))
    const wrong: [unknown, unknown, object][] = [
      [{}, 'unused', {}],
      [m, 5, {}],
      [m, 'unused', { mapping: { nothing: 'a' } }],
      [m, 'unused', { mappings: {} }],
    ]
    for (const [model, file, options] of wrong) {
      await expect(interop.toPyTorch(model as Model, file as string, options)).rejects.toEqual(coded('ERR_OPTION'))
    }
  })
})
