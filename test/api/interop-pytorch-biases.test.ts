import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, interop, layers, type Model, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { wave } from '../helpers/models.js'
import { type FileTensor, readTorchFile, torchFile } from '../helpers/torchFile.js'

const folder = () => mkdtemp(join(tmpdir(), 'seqloom-'))

/** Numbers whose sums are not exact. */
const of = (shape: readonly number[], phase: number): FileTensor => ({
  shape,
  data: wave(
    shape.reduce((a, b) => a * b, 1),
    phase,
  ).map((value, at) => value * 10 ** (at % 5)),
})

/** A recurrent module of one layer and direction, with sizes of what is read and what is given. */
const module = (name: string, gates: number, inputs: number, units: number, end: string, projection = units) => ({
  [`${name}.weight_ih_${end}`]: of([gates * units, inputs], 1),
  [`${name}.weight_hh_${end}`]: of([gates * units, projection], 2),
  [`${name}.bias_ih_${end}`]: of([gates * units], 3 + end.length),
  [`${name}.bias_hh_${end}`]: of([gates * units], 4 + end.length),
  ...(projection === units ? {} : { [`${name}.weight_hr_${end}`]: of([projection, units], 5) }),
})

const tensorsOf = (file: Uint8Array) => readTorchFile(Buffer.from(file))

/** What a model writes, in both forms. */
async function written(m: Model, mapping: Readonly<Record<string, string>>) {
  const path = join(await folder(), 'model')
  await interop.toPyTorch(m, `${path}.safetensors`, { mapping })
  await interop.toPyTorch(m, `${path}.pt`, { mapping })
  // The archive's own reader is tested elsewhere; here it has to hold the same.
  const copy = m.clone()
  await interop.loadPyTorch(`${path}.pt`, { model: copy, mapping })
  await interop.toPyTorch(copy, `${path}-again.safetensors`, { mapping })
  const [plain, archived] = await Promise.all(
    [`${path}.safetensors`, `${path}-again.safetensors`].map(async (name) => tensorsOf(await readFile(name))),
  )
  expect(archived).toEqual(plain)
  return plain as ReturnType<typeof tensorsOf>
}

describe('both biases of a recurrent module', () => {
  const files: [string, Record<string, FileTensor>, () => Model][] = [
    [
      'a deep nn.LSTM in both directions',
      {
        ...module('net.rnn', 4, 3, 4, 'l0'),
        ...module('net.rnn', 4, 3, 4, 'l0_reverse'),
        ...module('net.rnn', 4, 8, 4, 'l1'),
        ...module('net.rnn', 4, 8, 4, 'l1_reverse'),
      },
      () =>
        sequential([
          layers.bidirectional({ layer: layers.lstm({ units: 4, returnSequences: true }), inputShape: [null, 3] }),
          layers.bidirectional({ layer: layers.lstm({ units: 4 }) }),
        ]),
    ],
    ['nn.RNN', module('rnn', 1, 3, 5, 'l0'), () => sequential([layers.simpleRNN({ units: 5, inputShape: [null, 3] })])],
    [
      'nn.LSTM with proj_size',
      module('rnn', 4, 3, 5, 'l0', 2),
      () => sequential([layers.rnn({ cell: cells.projectedLSTM({ units: 5, projection: 2 }), inputShape: [null, 3] })]),
    ],
    [
      'a traced cell',
      module('rnn', 4, 3, 5, 'l0'),
      () => sequential([layers.rnn({ cell: cells.lstm({ units: 5 }), inputShape: [null, 3] })]),
    ],
    [
      'nn.GRU, which has both here',
      module('rnn', 3, 3, 5, 'l0'),
      () => sequential([layers.gru({ units: 5, inputShape: [null, 3] })]),
    ],
  ]

  for (const [name, tensors, make] of files) {
    it(`go out as they came: ${name}`, async () => {
      const file = torchFile(tensors)
      const m = make()
      const { mapping } = await interop.loadPyTorch(file, { model: m })
      expect(await written(m, mapping)).toEqual(tensorsOf(file))
      const made = await interop.loadPyTorch(file)
      expect(await written(made.model, made.mapping)).toEqual(tensorsOf(file))
    })
  }

  it('are the sum and zeros once the weights have changed, and themselves where they have not', async () => {
    const file = torchFile(module('rnn', 4, 3, 4, 'l0'))
    const theirs = tensorsOf(file)
    const { model: m, mapping } = await interop.loadPyTorch(file)
    const weights = m.getWeights()
    const changed = weights.map(({ data, shape }) => ({ data: data.map((value) => value + 1), shape }))
    m.setWeights(changed)
    const { 'rnn.bias_ih_l0': first, 'rnn.bias_hh_l0': second } = await written(m, mapping)
    expect(first?.data).toEqual(changed[2]?.data)
    expect(second?.data).toEqual(new Float32Array(16))
    // Back to what the file has.
    m.setWeights(weights)
    expect(await written(m, mapping)).toEqual(theirs)
    // Only the kernel has changed.
    m.setWeights([changed[0], weights[1], weights[2]] as typeof weights)
    const { 'rnn.bias_hh_l0': kept, 'rnn.weight_ih_l0': kernel } = await written(m, mapping)
    expect(kept).toEqual(theirs['rnn.bias_hh_l0'])
    expect(kernel).not.toEqual(theirs['rnn.weight_ih_l0'])
  })

  it('are those of the last file that was loaded, and none of one that failed', async () => {
    const [one, other] = [module('rnn', 4, 3, 4, 'l0'), module('rnn', 4, 3, 4, 'l0_')].map((each) =>
      Object.fromEntries(Object.entries(each).map(([name, tensor]) => [name.replace('l0_', 'l0'), tensor])),
    ) as [Record<string, FileTensor>, Record<string, FileTensor>]
    const { model: m, mapping } = await interop.loadPyTorch(torchFile(one))
    const bad = { ...other, 'rnn.weight_hh_l0': { shape: [16, 4], data: wave(64).fill(Number.NaN) } }
    await expect(interop.loadPyTorch(torchFile(bad), { model: m })).rejects.toMatchObject({ code: 'ERR_DATA' })
    expect(await written(m, mapping)).toEqual(tensorsOf(torchFile(one)))
    await interop.loadPyTorch(torchFile(other), { model: m })
    expect(await written(m, mapping)).toEqual(tensorsOf(torchFile(other)))
  })
})
