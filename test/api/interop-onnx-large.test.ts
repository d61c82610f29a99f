import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interop, layers, type Model, sequential, type Tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { writeModel } from '../../src/interop/onnx/export/write.js'
import { elementTypes, type NodeProto, type TensorProto } from '../../src/interop/onnx/proto/messages.js'
import { coded } from '../helpers/coded.js'
import { wave } from '../helpers/models.js'
import {
  attributeOf,
  bytesOf,
  float32,
  graphOf,
  initializer,
  ints,
  modelOf,
  nodeOf,
  value,
} from '../helpers/onnxFiles.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-onnx-large-'))
afterAll(() => rmSync(folder, { recursive: true }))

const numbers = (count: number, phase = 0) => Array.from(wave(count, phase), (each, at) => each + (at % 1009) / 1000)
const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)

/** Raw elements as two runs of numbers, which are read as a whole and not where they lie. */
function inRuns(tensor: TensorProto, values: readonly number[]): TensorProto {
  const runs = [values.slice(0, 3), values.slice(3)].map((some) => {
    const bytes = new Uint8Array(Float32Array.from(some).buffer)
    return { length: bytes.length, bytes: async () => bytes }
  })
  const { rawData, ...rest } = tensor
  return { ...rest, floatData: runs }
}

interface Case {
  readonly nodes: NodeProto[]
  readonly input: readonly (string | number)[]
  readonly isInteger?: boolean
  readonly tensors: Readonly<Record<string, readonly number[]>>
  readonly values?: Readonly<Record<string, number[]>>
  readonly ints?: Readonly<Record<string, readonly number[]>>
}

const cases: Record<string, Case> = {
  'a matrix that stands there turned': {
    nodes: [nodeOf('Gemm', ['x', 'w', 'b'], ['y'], '', [attributeOf('transB', 1)])],
    input: ['batch', 300],
    tensors: { w: [310, 300], b: [310] },
  },
  'a matrix as it is': {
    nodes: [nodeOf('MatMul', ['x', 'w'], ['y'])],
    input: ['batch', 300],
    tensors: { w: [300, 310] },
  },
  'a matrix that a node turns': {
    nodes: [nodeOf('Transpose', ['w'], ['t'], '', [attributeOf('perm', [1, 0])]), nodeOf('MatMul', ['x', 't'], ['y'])],
    input: ['batch', 300],
    tensors: { w: [310, 300] },
  },
  'a matrix that is cut out of another, in one piece': {
    nodes: [nodeOf('Slice', ['w', 'from', 'to', 'axes'], ['t']), nodeOf('MatMul', ['x', 't'], ['y'])],
    input: ['batch', 300],
    tensors: { w: [320, 310] },
    ints: { from: [7], to: [307], axes: [0] },
  },
  'a matrix that is cut out of another, in many pieces': {
    nodes: [nodeOf('Slice', ['w', 'from', 'to', 'axes'], ['t']), nodeOf('MatMul', ['x', 't'], ['y'])],
    input: ['batch', 300],
    tensors: { w: [300, 310] },
    ints: { from: [7], to: [307], axes: [1] },
  },
  'gates of an LSTM in both directions': {
    nodes: [
      nodeOf('LSTM', ['x', 'w', 'r', 'b'], ['y'], '', [
        attributeOf('hidden_size', 130),
        attributeOf('direction', 'bidirectional'),
      ]),
    ],
    input: ['time', 'batch', 140],
    tensors: { w: [2, 520, 140], r: [2, 520, 130], b: [2, 1040] },
  },
  'gates of a GRU': {
    nodes: [
      nodeOf('GRU', ['x', 'w', 'r', 'b'], ['y'], '', [
        attributeOf('hidden_size', 150),
        attributeOf('linear_before_reset', 1),
      ]),
    ],
    input: ['time', 'batch', 150],
    tensors: { w: [1, 450, 150], r: [1, 450, 150], b: [1, 900] },
  },
  'a table': {
    nodes: [nodeOf('Gather', ['w', 'x'], ['y'])],
    input: ['batch', 'time'],
    isInteger: true,
    tensors: { w: [700, 100] },
  },
  'infinities of a mask': {
    nodes: [nodeOf('Add', ['x', 'w'], ['y'])],
    input: ['batch', 70_000],
    tensors: { w: [70_000] },
    values: { w: numbers(70_000).map((each, at) => (at % 3 === 0 ? Number.NEGATIVE_INFINITY : each)) },
  },
}

const fileOf = async ({ nodes, input, isInteger, tensors, values, ints: whole = {} }: Case, isStored: boolean) => {
  const x = value('x', input)
  if (isInteger && x.type?.tensorType) x.type.tensorType.elemType = elementTypes.int64
  const initializers = Object.entries(tensors).map(([name, shape], at) => {
    const own = values?.[name] ?? numbers(elements(shape), at)
    const raw = initializer(name, shape, float32(own))
    return isStored ? raw : inRuns(raw, own)
  })
  const sizes = Object.entries(whole).map(([name, own]) => initializer(name, [own.length], ints(own)))
  return await bytesOf(modelOf(graphOf(nodes, [x], ['y'], [...initializers, ...sizes]), 17))
}

describe('large tensors of an ONNX file', () => {
  it.each(Object.keys(cases))('go to their places piece by piece as they do at once: %s', async (name) => {
    const given = cases[name] as Case
    const [stored, whole] = await Promise.all(
      [true, false].map(async (isStored) => (await interop.loadOnnx(await fileOf(given, isStored))) as Model),
    )
    const weights = (m: Model | undefined) => m?.getWeights().map(({ data, shape }) => ({ data, shape }))
    expect(weights(stored)?.some(({ data }) => data.length > 65_536)).toBe(true)
    expect(weights(stored)).toEqual(weights(whole))
  })

  it('that are no numbers are refused', async () => {
    const given = cases['a matrix as it is'] as Case
    const w = numbers(300 * 310)
    w[77_777] = Number.NaN
    await expect(interop.loadOnnx(await fileOf({ ...given, values: { w } }, true))).rejects.toEqual(
      coded('ERR_DATA', /NaN/),
    )
  })
})

describe('interop.toOnnx with tensors beside the model', () => {
  const make = () => sequential([layers.lstm({ units: 20, inputShape: [null, 30] }), layers.dense({ units: 3 })])

  it('writes what loads again, each tensor at a page, small ones in the model', async () => {
    const m = make()
    const path = join(folder, 'beside.onnx')
    await interop.toOnnx(m, path, { externalData: true })
    const bytes = readFileSync(path)
    expect(bytes.includes('beside.onnx.data')).toBe(true)
    expect(bytes.length).toBeLessThan(3000)
    expect(statSync(`${path}.data`).size).toBeGreaterThan(4 * 30 * 80)
    const again = await interop.loadOnnx<Tensor>(path)
    const x = { data: wave(2 * 5 * 30), shape: [2, 5, 30] }
    expect((await again.predict(x)).data).toEqual((await m.predict(x)).data)
  })

  it('does so for a model that is too large for one file, and replaces what was there', async () => {
    const path = join(folder, 'large.onnx')
    const w = numbers(600)
    const model = modelOf(
      graphOf(
        [nodeOf('MatMul', ['x', 'w'], ['y'])],
        [value('x', ['batch', 30])],
        ['y'],
        [initializer('w', [30, 20], float32(w))],
      ),
      17,
    )
    await writeModel(path, model, false, 2400)
    expect(statSync(`${path}.data`).size).toBe(2400)
    expect(Array.from((await interop.loadOnnx(path)).getWeights()[0]?.data ?? [])).toEqual(w.map(Math.fround))
    await writeModel(path, model, false)
    expect(statSync(path).size).toBeGreaterThan(2400)
  })

  it('needs a file', async () => {
    await expect(interop.toOnnx(make(), undefined, { externalData: true })).rejects.toEqual(
      coded('ERR_OPTION', /externalData/),
    )
  })
})
