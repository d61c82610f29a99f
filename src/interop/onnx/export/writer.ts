import { runSliced, type Sliced } from '../../../data/index.js'
import {
  type AttributeProto,
  attributeTypes,
  elementTypes,
  type GraphProto,
  type LateBytes,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../proto/messages.js'

/** Settings of a node, by their type. */
export type Settings = Readonly<
  Record<
    string,
    | { int: number }
    | { float: number }
    | { ints: readonly number[] }
    | { strings: readonly string[] }
    | { floats: readonly number[] }
    | { string: string }
    | { graph: GraphProto }
  >
>

/** What all graphs of a file have in common: names, of which each is used once, and constants, which inner graphs see too. */
export class Names {
  readonly #taken = new Set<string>()
  readonly #next = new Map<string, number>()

  /** A name that is like the one wanted, and nobody else's. */
  unique(wanted: string): string {
    let name = wanted
    let count = this.#next.get(wanted) ?? 1
    while (this.#taken.has(name)) name = `${wanted}_${count++}`
    this.#next.set(wanted, count)
    this.#taken.add(name)
    return name
  }
}

/** The tensors that a file holds. */
export class Constants {
  readonly #known = new Map<string, string>()
  readonly tensors: TensorProto[] = []

  constructor(readonly names: Names) {}

  /** A tensor whose elements are made when they are written, in slices; asked for twice under one key, it is there once. */
  late(key: string, shape: readonly number[], make: () => Sliced<Float32Array>): string {
    const count = shape.reduce((product, size) => product * size, 1)
    return this.#add(key, key, elementTypes.float32, shape, {
      length: 4 * count,
      bytes: async () => bytesOf(await runSliced(make())),
    })
  }

  /** The same number so many times. */
  floats(value: number, count: number): string {
    const name = `numbers_${value}_${count}`
    return this.#add(name, name, elementTypes.float32, [count], now(new Float32Array(count).fill(value)))
  }

  /** Numbers as int64: sizes, axes, places. A single one without brackets has rank 0. */
  ints(values: readonly number[] | number): string {
    const list = typeof values === 'number' ? [values] : values
    const data = BigInt64Array.from(list, BigInt)
    const shape = typeof values === 'number' ? [] : [list.length]
    return this.#add(`int ${JSON.stringify(values)}`, `int_${list.join('_')}`, elementTypes.int64, shape, now(data))
  }

  /** The same as int32, of rank 0. */
  int32(value: number): string {
    return this.#add(`int32 ${value}`, `int_${value}`, elementTypes.int32, [], now(Int32Array.of(value)))
  }

  /** A number of rank 0. */
  float(value: number): string {
    return this.#add(`float ${value}`, `number_${value}`, elementTypes.float32, [], now(Float32Array.of(value)))
  }

  #add(key: string, name: string, dataType: number, dims: readonly number[], rawData: LateBytes): string {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const unique = this.names.unique(name)
    this.#known.set(key, unique)
    this.tensors.push({ ...emptyTensor(), name: unique, dataType, dims: [...dims], rawData })
    return unique
  }
}

const emptyTensor = (): TensorProto => ({
  dims: [],
  floatData: [],
  int32Data: [],
  int64Data: [],
  doubleData: [],
  uint64Data: [],
  stringData: [],
  externalData: [],
})

type Elements = Float32Array | Int32Array | BigInt64Array

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

function now(elements: Elements): LateBytes {
  return { length: elements.byteLength, bytes: () => Promise.resolve(bytesOf(elements)) }
}

/** The nodes of a graph, in the order in which they are added. */
export class GraphWriter {
  readonly nodes: NodeProto[] = []

  constructor(
    readonly constants: Constants,
    readonly opset: number,
  ) {}

  /** Adds a node; gives the name of its result, made of `like`. An input that is left out is ''. */
  node(opType: string, input: readonly string[], like: string, settings: Settings = {}): string {
    return this.results(opType, input, [like], settings)[0] as string
  }

  /** Adds a node with several results; one that nobody reads is named ''. */
  results(opType: string, input: readonly string[], likes: readonly string[], settings: Settings = {}): string[] {
    const output = likes.map((like) => (like === '' ? '' : this.constants.names.unique(like)))
    this.named(opType, input, output, settings)
    return output
  }

  /** Adds a node whose results have names already. */
  named(opType: string, input: readonly string[], output: readonly string[], settings: Settings = {}): void {
    const trimmed = [...input]
    while (trimmed.at(-1) === '') trimmed.pop()
    this.nodes.push({
      name: output.find((name) => name !== '') ?? '',
      opType,
      input: trimmed,
      output: [...output],
      attribute: Object.entries(settings).map(attributeOf),
    })
  }

  /** A graph of these nodes. */
  graph(
    name: string,
    input: readonly ValueInfoProto[],
    output: readonly ValueInfoProto[],
    initializer: TensorProto[],
  ): GraphProto {
    return { name, node: this.nodes, initializer, sparseInitializer: [], input: [...input], output: [...output] }
  }
}

function attributeOf([name, setting]: [string, Settings[string]]): AttributeProto {
  const empty = { name, floats: [], ints: [], strings: [], tensors: [], graphs: [] }
  if ('int' in setting) return { ...empty, type: attributeTypes.int, i: setting.int }
  if ('float' in setting) return { ...empty, type: attributeTypes.float, f: setting.float }
  if ('ints' in setting) return { ...empty, type: attributeTypes.ints, ints: [...setting.ints] }
  if ('floats' in setting) return { ...empty, type: attributeTypes.floats, floats: [...setting.floats] }
  if ('strings' in setting) return { ...empty, type: attributeTypes.strings, strings: [...setting.strings] }
  if ('string' in setting) return { ...empty, type: attributeTypes.string, s: setting.string }
  return { ...empty, type: attributeTypes.graph, g: setting.graph }
}

/** What is said of an input or output: sizes, their names, or null for one that is open. */
export function valueInfo(name: string, elemType: number, dims?: readonly (number | string | null)[]): ValueInfoProto {
  const dim = dims?.map((size) => {
    if (size === null) return {}
    return typeof size === 'string' ? { dimParam: size } : { dimValue: size }
  })
  return { name, type: { tensorType: { elemType, ...(dim ? { shape: { dim } } : {}) } } }
}
