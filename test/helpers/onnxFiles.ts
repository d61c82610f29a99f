import { encodeModel } from '../../src/interop/onnx/proto/encode.js'
import {
  type AttributeProto,
  elementTypes,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../src/interop/onnx/proto/messages.js'

/** The bytes of an ONNX file. */
export async function bytesOf(model: ModelProto): Promise<Uint8Array> {
  const pieces = await encodeModel(model)
  return Buffer.concat(await Promise.all(pieces.map((piece) => (piece instanceof Uint8Array ? piece : piece.bytes()))))
}

/** Elements with their type. */
export interface Elements {
  readonly type: number
  readonly bytes: Uint8Array
}

export const float32 = (values: readonly number[]): Elements => ({
  type: elementTypes.float32,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
})

export const ints = (values: readonly number[]): Elements => ({
  type: elementTypes.int64,
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
})

export function initializer(name: string, dims: readonly number[], { type, bytes }: Elements): TensorProto {
  return {
    name,
    dims: [...dims],
    dataType: type,
    rawData: { length: bytes.length, bytes: async () => bytes },
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    stringData: [],
    externalData: [],
  }
}

/** An attribute that is a whole number, a number, a text, or a list of one kind. */
export function attributeOf(
  name: string,
  given: number | string | readonly number[] | readonly string[],
): AttributeProto {
  const lists = { floats: [], ints: [], strings: [], tensors: [], graphs: [] }
  if (typeof given === 'string') return { ...lists, name, type: 3, s: given }
  if (typeof given === 'number') return { ...lists, name, type: 2, i: given }
  return typeof given[0] === 'string'
    ? { ...lists, name, type: 8, strings: [...(given as string[])] }
    : { ...lists, name, type: 7, ints: [...(given as number[])] }
}

export function nodeOf(
  opType: string,
  input: string[],
  output: string[],
  name = '',
  attribute: readonly Partial<AttributeProto>[] = [],
  domain = '',
): NodeProto {
  const lists = { floats: [], ints: [], strings: [], tensors: [], graphs: [] }
  return { opType, input, output, name, domain, attribute: attribute.map((each) => ({ ...lists, ...each })) }
}

/** A float32 input; names stand for sizes that are known only per call. */
export function value(name: string, dims: readonly (number | string)[]): ValueInfoProto {
  const dim = dims.map((each) => (typeof each === 'number' ? { dimValue: each } : { dimParam: each }))
  return { name, type: { tensorType: { elemType: elementTypes.float32, shape: { dim } } } }
}

export function graphOf(
  node: NodeProto[],
  input: ValueInfoProto[],
  outputs: readonly string[],
  tensors: TensorProto[] = [],
): GraphProto {
  return {
    name: 'graph',
    node,
    input,
    output: outputs.map((name) => ({ name })),
    initializer: tensors,
    sparseInitializer: [],
  }
}

export function modelOf(graph: GraphProto, opset: number): ModelProto {
  return { irVersion: 8, opsetImport: [{ domain: '', version: opset }], metadataProps: [], functions: [], graph }
}
