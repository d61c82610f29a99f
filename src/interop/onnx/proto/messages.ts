// The messages of the ONNX format, as far as models need them (`onnx.proto3`), and the fields by which they are encoded and decoded. What is not named
// here, as notes and training, is passed over.

/** Bytes of a file that is being read: where they are. Elements of tensors stay in the file until they are asked for. */
export interface Extent {
  readonly offset: number
  readonly length: number
}

/** Bytes to be written, made when their turn comes. */
export interface LateBytes {
  readonly length: number
  bytes(): Promise<Uint8Array>
}

export interface ModelProto {
  irVersion?: number
  producerName?: string
  producerVersion?: string
  domain?: string
  modelVersion?: number
  graph?: GraphProto
  opsetImport: OperatorSetId[]
  metadataProps: Entry[]
  functions: FunctionProto[]
}

export interface OperatorSetId {
  domain?: string
  version?: number
}

export interface Entry {
  key?: string
  value?: string
}

export interface GraphProto {
  name?: string
  node: NodeProto[]
  initializer: TensorProto[]
  sparseInitializer: SparseTensorProto[]
  input: ValueInfoProto[]
  output: ValueInfoProto[]
}

export interface NodeProto {
  input: string[]
  output: string[]
  name?: string
  opType?: string
  domain?: string
  overload?: string
  attribute: AttributeProto[]
}

export interface AttributeProto {
  name?: string
  /** One of {@link attributeTypes}. */
  type?: number
  f?: number
  i?: number
  s?: string
  t?: TensorProto
  g?: GraphProto
  floats: number[]
  ints: number[]
  strings: string[]
  tensors: TensorProto[]
  graphs: GraphProto[]
  refAttrName?: string
}

export interface TensorProto {
  name?: string
  /** One of {@link elementTypes}. */
  dataType?: number
  dims: number[]
  /** The elements, little-endian. Numbers in lists are those of the other fields, each a packed run or a single one. */
  rawData?: Extent | LateBytes
  floatData: (Extent | LateBytes)[]
  int32Data: (Extent | LateBytes)[]
  int64Data: (Extent | LateBytes)[]
  doubleData: (Extent | LateBytes)[]
  uint64Data: (Extent | LateBytes)[]
  stringData: string[]
  /** With `dataLocation` 1: `location` (a file beside the model), `offset`, `length`. */
  externalData: Entry[]
  dataLocation?: number
}

export interface SparseTensorProto {
  values?: TensorProto
  indices?: TensorProto
  dims: number[]
}

export interface ValueInfoProto {
  name?: string
  type?: TypeProto
}

export interface TypeProto {
  /** Missing for sequences, maps and options. */
  tensorType?: TensorTypeProto
}

export interface TensorTypeProto {
  elemType?: number
  shape?: TensorShapeProto
}

export interface TensorShapeProto {
  dim: DimensionProto[]
}

/** A size, or the name of one. */
export interface DimensionProto {
  dimValue?: number
  dimParam?: string
}

export interface FunctionProto {
  name?: string
  domain?: string
  overload?: string
  input: string[]
  output: string[]
  attribute: string[]
  attributeProto: AttributeProto[]
  node: NodeProto[]
  opsetImport: OperatorSetId[]
}

/** Types of elements by their numbers. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const

/** Types of attributes by their numbers. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
} as const

/** How a field is stored. `bytes` and the lists of elements stay where they are. */
export type FieldKind =
  | 'int'
  | 'float'
  | 'string'
  | 'bytes'
  | 'float32s'
  | 'float64s'
  | 'varints'
  | (() => MessageSchema)

export interface Field {
  readonly name: string
  readonly kind: FieldKind
  readonly repeated: boolean
}

/** The fields of a message by their numbers. */
export type MessageSchema = ReadonlyMap<number, Field>

const one = (name: string, kind: FieldKind): Field => ({ name, kind, repeated: false })
const many = (name: string, kind: FieldKind): Field => ({ name, kind, repeated: true })

const opsets: MessageSchema = new Map([
  [1, one('domain', 'string')],
  [2, one('version', 'int')],
])

const entries: MessageSchema = new Map([
  [1, one('key', 'string')],
  [2, one('value', 'string')],
])

const tensors: MessageSchema = new Map([
  [1, many('dims', 'int')],
  [2, one('dataType', 'int')],
  [4, many('floatData', 'float32s')],
  [5, many('int32Data', 'varints')],
  [6, many('stringData', 'string')],
  [7, many('int64Data', 'varints')],
  [8, one('name', 'string')],
  [9, one('rawData', 'bytes')],
  [10, many('doubleData', 'float64s')],
  [11, many('uint64Data', 'varints')],
  [13, many('externalData', () => entries)],
  [14, one('dataLocation', 'int')],
])

const sparseTensors: MessageSchema = new Map([
  [1, one('values', () => tensors)],
  [2, one('indices', () => tensors)],
  [3, many('dims', 'int')],
])

const dimensions: MessageSchema = new Map([
  [1, one('dimValue', 'int')],
  [2, one('dimParam', 'string')],
])

const shapes: MessageSchema = new Map([[1, many('dim', () => dimensions)]])

const tensorTypes: MessageSchema = new Map([
  [1, one('elemType', 'int')],
  [2, one('shape', () => shapes)],
])

const types: MessageSchema = new Map([[1, one('tensorType', () => tensorTypes)]])

const valueInfos: MessageSchema = new Map([
  [1, one('name', 'string')],
  [2, one('type', () => types)],
])

const attributes: MessageSchema = new Map([
  [1, one('name', 'string')],
  [2, one('f', 'float')],
  [3, one('i', 'int')],
  [4, one('s', 'string')],
  [5, one('t', () => tensors)],
  [6, one('g', () => graphs)],
  [7, many('floats', 'float')],
  [8, many('ints', 'int')],
  [9, many('strings', 'string')],
  [10, many('tensors', () => tensors)],
  [11, many('graphs', () => graphs)],
  [20, one('type', 'int')],
  [21, one('refAttrName', 'string')],
])

const nodes: MessageSchema = new Map([
  [1, many('input', 'string')],
  [2, many('output', 'string')],
  [3, one('name', 'string')],
  [4, one('opType', 'string')],
  [5, many('attribute', () => attributes)],
  [7, one('domain', 'string')],
  [8, one('overload', 'string')],
])

const graphs: MessageSchema = new Map([
  [1, many('node', () => nodes)],
  [2, one('name', 'string')],
  [5, many('initializer', () => tensors)],
  [11, many('input', () => valueInfos)],
  [12, many('output', () => valueInfos)],
  [15, many('sparseInitializer', () => sparseTensors)],
])

const functions: MessageSchema = new Map([
  [1, one('name', 'string')],
  [4, many('input', 'string')],
  [5, many('output', 'string')],
  [6, many('attribute', 'string')],
  [7, many('node', () => nodes)],
  [9, many('opsetImport', () => opsets)],
  [10, one('domain', 'string')],
  [11, many('attributeProto', () => attributes)],
  [13, one('overload', 'string')],
])

/** The fields of a whole file. */
export const modelSchema: MessageSchema = new Map([
  [1, one('irVersion', 'int')],
  [2, one('producerName', 'string')],
  [3, one('producerVersion', 'string')],
  [4, one('domain', 'string')],
  [5, one('modelVersion', 'int')],
  [7, one('graph', () => graphs)],
  [8, many('opsetImport', () => opsets)],
  [14, many('metadataProps', () => entries)],
  [25, many('functions', () => functions)],
])
