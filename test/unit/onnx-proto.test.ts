import { describe, expect, it } from 'vitest'
import { type FileOrBytes, Source } from '../../src/interop/format.js'
import { decodeModel } from '../../src/interop/onnx/proto/decode.js'
import { encodeModel } from '../../src/interop/onnx/proto/encode.js'
import {
  attributeTypes,
  elementTypes,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../src/interop/onnx/proto/messages.js'

const emptyTensor = {
  dims: [],
  floatData: [],
  int32Data: [],
  int64Data: [],
  doubleData: [],
  uint64Data: [],
  stringData: [],
  externalData: [],
}
const weights: TensorProto = {
  ...emptyTensor,
  name: 'weights',
  dataType: elementTypes.float32,
  dims: [2, 1],
  rawData: { length: 8, bytes: async () => new Uint8Array(Float32Array.of(1.5, -2).buffer) },
}
const emptyAttribute = { floats: [], ints: [], strings: [], tensors: [], graphs: [] }
const node: NodeProto = {
  name: 'first',
  opType: 'LSTM',
  input: ['x', '', 'weights'],
  output: ['y'],
  attribute: [
    { ...emptyAttribute, name: 'hidden_size', type: attributeTypes.int, i: 0 },
    { ...emptyAttribute, name: 'clip', type: attributeTypes.float, f: -0.5 },
    { ...emptyAttribute, name: 'direction', type: attributeTypes.string, s: 'réverse' },
    { ...emptyAttribute, name: 'starts', type: attributeTypes.ints, ints: [-1, 0, 2 ** 40] },
    { ...emptyAttribute, name: 'activations', type: attributeTypes.strings, strings: ['Tanh', ''] },
    { ...emptyAttribute, name: 'body', type: attributeTypes.graph, g: graphOf([]) },
  ],
}
const model: ModelProto = {
  irVersion: 8,
  producerName: 'test',
  opsetImport: [{ domain: '', version: 17 }],
  metadataProps: [{ key: 'k', value: 'v' }],
  functions: [],
  graph: graphOf([node]),
}

function graphOf(nodes: NodeProto[]): GraphProto {
  return {
    name: 'main',
    node: nodes,
    initializer: [weights],
    sparseInitializer: [],
    input: [
      {
        name: 'x',
        type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: 3 }, {}] } } },
      },
    ],
    output: [],
  }
}

async function bytesOf(given: ModelProto): Promise<Uint8Array> {
  const pieces = await encodeModel(given)
  return Buffer.concat(await Promise.all(pieces.map((piece) => (piece instanceof Uint8Array ? piece : piece.bytes()))))
}

async function decoded(file: FileOrBytes): Promise<ModelProto> {
  return decodeModel(await Source.open('test', file))
}

describe('the messages of ONNX', () => {
  it('come back as they were written, with elements left where they are', async () => {
    const bytes = await bytesOf(model)
    const back = await decoded(bytes)
    const { rawData } = (back.graph as GraphProto).initializer[0] as TensorProto
    const { offset, length } = rawData as { offset: number; length: number }
    expect([...new Float32Array(Uint8Array.from(bytes.subarray(offset, offset + length)).buffer)]).toEqual([1.5, -2])
    expect(JSON.parse(JSON.stringify(back, replaced))).toEqual(JSON.parse(JSON.stringify(model, replaced)))
  })

  it('are read packed, and those that are not known are passed over', async () => {
    // An attribute `ints` (8), packed: 1, 300; then a field 99 of four bytes.
    const attribute = [0x42, 3, 1, 0xac, 2, 0x9d, 6, 1, 2, 3, 4]
    const nodes = [0x2a, attribute.length, ...attribute]
    const graph = [0x0a, nodes.length, ...nodes]
    const back = await decoded(Uint8Array.of(0x3a, graph.length, ...graph))
    expect(back.graph?.node[0]?.attribute[0]?.ints).toEqual([1, 300])
  })

  it.each([
    ['a file cut off', [0x3a, 10, 0x0a]],
    ['a length of 2 ** 63', [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a number of eleven bytes', [8, ...Array<number>(10).fill(0xff), 1]],
    ['a number cut off', [8, 0xff]],
    ['a field without a number', [0, 0]],
    ['a group', [0x3b, 0x3c]],
    ['a name that is a number', [0x10, 1]],
    ['a number that is bytes', [0x0a, 1, 1]],
  ])('are refused with ERR_FORMAT: %s', async (_, bytes) => {
    await expect(decoded(Uint8Array.from(bytes))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })

  it('are refused when they are too deep or too many', async () => {
    let inner: number[] = []
    for (let level = 0; level < 40; level++) {
      for (const tag of [0x32, 0x2a, 0x0a]) inner = [tag, ...varint(inner.length), ...inner]
    }
    await expect(decoded(Uint8Array.from([0x3a, ...varint(inner.length), ...inner]))).rejects.toThrow(/deep/)
    const many = new Uint8Array(1_000_000).fill(0)
    for (let at = 0; at < many.length; at += 2) many[at] = 0x0a
    await expect(decoded(Buffer.concat([Uint8Array.from([0x3a, ...varint(many.length)]), many]))).rejects.toThrow(
      /more messages than a model may have/,
    )
  })
})

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}

function replaced(key: string, value: unknown): unknown {
  return key === 'rawData' ? null : value
}
