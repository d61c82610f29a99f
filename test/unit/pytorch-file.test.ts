import { readFileSync } from 'node:fs'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { Source, type StoredTensor, wholeOf } from '../../src/interop/format.js'
import { formatOf } from '../../src/interop/formats.js'
import { pytorchFile } from '../../src/interop/pytorchFile/index.js'
import { coded } from '../helpers/coded.js'

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/pytorch/${name}`, import.meta.url)))
const expected = JSON.parse(Buffer.from(fixture('expected.json')).toString('utf8'))

const elements = (tensor: StoredTensor | undefined) => wholeOf('the file', tensor as StoredTensor)

async function read(bytes: Uint8Array, key?: string[]) {
  const source = await Source.open('the file', bytes)
  return await (await formatOf(source)).read(source, key)
}

async function written(tensors: Parameters<typeof pytorchFile.write>[0]): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of pytorchFile.write(tensors)) parts.push(part)
  return Buffer.concat(parts)
}

/** A file whose pickle is made of texts and numbers of bytes. */
function pickled(...parts: (string | number[])[]): Uint8Array {
  const pickle = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  )
  return zipSync({ 'x/data.pkl': pickle, 'x/data/0': new Uint8Array(16), 'x/version': Buffer.from('3') }, { level: 0 })
}
const word = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return [...bytes]
}
const integer = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return [0x8a, 8, ...bytes]
}
const text = (value: string) => [0x58, ...word(value.length), ...Buffer.from(value)]
/** A state dict with one tensor 'a' of float32, whose storage has four elements. */
const one = ({
  count = 4n,
  offset = 0n,
  shape = [4n],
  strides = [1n],
  file = '0',
  type = 'torch\nFloatStorage',
} = {}) =>
  pickled(
    [0x80, 2],
    '}(',
    text('a'),
    'ctorch._utils\n_rebuild_tensor_v2\n((',
    text('storage'),
    `c${type}\n`,
    ...[text(file), text('cpu'), integer(count)],
    'tQ',
    integer(offset),
    '(',
    ...shape.map(integer),
    't(',
    ...strides.map(integer),
    't\x89NtRu.',
  )

describe('a file of torch.save', () => {
  it.each(['views.pt', 'oldViews.pt'])('gives the elements of views, of any order and type: %s', async (name) => {
    const tensors = await read(fixture(name))
    expect([...tensors.keys()]).toEqual(Object.keys(expected.views))
    for (const [each, { shape, data }] of Object.entries(
      expected.views as Record<string, { shape: number[]; data: number[] }>,
    )) {
      const tensor = tensors.get(each)
      expect(tensor?.shape, each).toEqual(shape)
      if (each === 'integers' || each === 'repeated') continue
      expect(Array.from(await elements(tensor)), each).toEqual(data)
    }
    await expect(elements(tensors.get('integers'))).rejects.toEqual(
      coded('ERR_UNSUPPORTED', /'integers' has the type I64/),
    )
    await expect(elements(tensors.get('repeated'))).rejects.toEqual(coded('ERR_UNSUPPORTED', /'repeated' repeats/))
  })

  it('is read with its bytes in the other order, as another machine writes them', async () => {
    const bytes = zipSync(
      {
        'x/data.pkl': Buffer.from(
          '\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89NtRs.',
          'latin1',
        ),
        'x/byteorder': Buffer.from('big'),
        'x/data/0': Buffer.from([0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]),
      },
      { level: 0 },
    )
    expect(Array.from(await elements((await read(bytes)).get('a')))).toEqual([1, -2])
  })

  it('is written as it is read, each file at a multiple of 64 bytes', async () => {
    const data = Float32Array.of(1, -2, 3.5, 1e-40, 0, -0)
    const bytes = await written([
      { name: 'rnn.weight_ih_l0', shape: [2, 3], data: async () => data },
      { name: 'ä.bias', shape: [], data: async () => Float32Array.of(7) },
    ])
    const tensors = await read(bytes)
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['rnn.weight_ih_l0', 'F32', [2, 3]],
      ['ä.bias', 'F32', []],
    ])
    expect(await elements(tensors.get('rnn.weight_ih_l0'))).toEqual(data)
    expect(bytes.indexOf(Buffer.from(data.buffer)) % 64).toBe(0)
    expect(await written([])).toEqual(await written([]))
  })
})

describe('a file that torch.save did not write', () => {
  it('calls nothing and says what it would have needed', async () => {
    const names = ['builtins\neval', 'os\nsystem', 'posix\nsystem', '__main__\nNet', 'torch.nn.modules.rnn\nLSTM']
    names.push('numpy.core.multiarray\n_reconstruct', 'torch.storage\n_load_from_bytes', '__builtin__\ngetattr')
    for (const name of names) {
      const call = pickled([0x80, 2], `c${name}\n(`, text('process.exit()'), 'tR.')
      await expect(read(call), name).rejects.toEqual(
        coded('ERR_UNSUPPORTED', /^the file: it needs '[\w.]+', which is .*torch\.save/),
      )
      const hidden = pickled(
        [0x80, 4],
        '}(',
        text('a'),
        text(name.split('\n')[0] ?? ''),
        text(name.split('\n')[1] ?? ''),
        '\x93)\x81u.',
      )
      await expect(read(hidden), name).rejects.toEqual(coded('ERR_UNSUPPORTED', /it needs/))
    }
  })

  it('is ERR_FORMAT where its tensors are not in their storages', async () => {
    expect((await read(one())).get('a')?.shape).toEqual([4])
    const huge = 2n ** 62n
    for (const wrong of [
      { count: 5n },
      { count: huge },
      { count: -1n },
      { offset: 1n },
      { offset: huge },
      { offset: -1n },
      { shape: [5n] },
      { shape: [huge] },
      { shape: [-4n] },
      { shape: [2n, 2n] },
      { shape: [2n ** 32n, 2n ** 32n], strides: [0n, 1n] },
      { strides: [2n] },
      { strides: [huge] },
      { strides: [-1n] },
      { strides: [] },
      { file: '1' },
      { file: '../0' },
      { type: 'torch\nDoubleStorage' },
    ]) {
      const tensor = read(one(wrong)).then((tensors) => elements(tensors.get('a')))
      await expect(
        tensor,
        JSON.stringify(wrong, (_, value) => String(value)),
      ).rejects.toEqual(coded('ERR_FORMAT'))
    }
    // One element, repeated to more than there is memory for.
    const bomb = (await read(one({ shape: [2n ** 50n], strides: [0n] }))).get('a')
    await expect(elements(bomb)).rejects.toEqual(coded('ERR_UNSUPPORTED'))
  })

  it('is ERR_FORMAT for programs that go wrong or on and on', async () => {
    const programs: (string | number[])[][] = [
      [''],
      ['.'],
      ['N'],
      ['0.'],
      ['e.'],
      ['}a.'],
      [']NNs.'],
      ['(Nu.'],
      ['}(Nu.'],
      ['h\x05.'],
      ['j', word(2 ** 32 - 1), '.'],
      ['R.'],
      [')NR.'],
      ['))R.'],
      ['X', word(2 ** 32 - 1), 'a.'],
      [[0x8d, ...integer(2n ** 62n).slice(2)], '.'],
      [[0x8d, ...integer(-1n).slice(2)], '.'],
      [[0x8b, ...word(2 ** 31)], '.'],
      [[0x80, 9], '.'],
      ['NQ.'],
      ['c\n\n.'],
      ['\xff.'],
      ['ctorch\nFloatStorage\n)R.'],
      ['ctorch._utils\n_rebuild_tensor_v2\n)R.'],
      [']q\x00h\x00a.'],
      ['}q\x00', text('a'), 'h\x00s.'],
      ['('.repeat(1000000), '.'],
      [']'.repeat(1000000), 'a'.repeat(999999), '.'],
      ['N2'.repeat(3000001), '.'],
    ]
    for (const program of programs) {
      const shown = JSON.stringify(program).slice(0, 40)
      await expect(read(pickled(...program)), shown).rejects.toEqual(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_(FORMAT|UNSUPPORTED)$/) }),
      )
    }
  })

  it('is refused by name: other archives, TorchScript, tar archives, other pickles, compressed ones', async () => {
    const tar = new Uint8Array(1024)
    tar.set(Buffer.from('ustar'), 257)
    tar.set(Buffer.from('sys_info'))
    const cases: [Uint8Array, string, RegExp][] = [
      [
        zipSync({ 'config.json': new Uint8Array(3) }),
        'ERR_FORMAT',
        /no data\.pkl; interop\.loadKeras reads \.keras files/,
      ],
      [
        zipSync({ 'a/data.pkl': new Uint8Array(3), 'b/data.pkl': new Uint8Array(3) }),
        'ERR_FORMAT',
        /not one of PyTorch/,
      ],
      [zipSync({ 'fc.weight.npy': new Uint8Array(3) }), 'ERR_FORMAT', /arrays of NumPy; .*numpy\.load/],
      [zipSync({ 'm/archive_format': new Uint8Array(3) }), 'ERR_FORMAT', /torch\.export; .*state_dict/],
      [zipSync({ 'a/data.pkl': new Uint8Array(3000) }), 'ERR_UNSUPPORTED', /compressed/],
      [fixture('scripted.pt'), 'ERR_UNSUPPORTED', /TorchScript.*torch\.jit\.load/],
      [fixture('module.pt'), 'ERR_UNSUPPORTED', /'__main__\.Tagger'.*model\.state_dict/],
      [tar, 'ERR_UNSUPPORTED', /tar archive/],
      [Buffer.from('\x80\x02}q\x00.', 'latin1'), 'ERR_FORMAT', /torch\.save did not write/],
      [pickled('}.'), 'ERR_FORMAT', /holds no state dict/],
      [pickled('K\x05.'), 'ERR_FORMAT', /holds no state dict/],
    ]
    for (const [bytes, code, message] of cases) await expect(read(bytes)).rejects.toEqual(coded(code, message))
  })
})
