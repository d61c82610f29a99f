import type { AttributeProto, GraphProto, NodeProto } from '../proto/messages.js'
import type { Constant, Value } from './values.js'
import { malformed, unsupported } from './values.js'

/** Operators of onnxruntime's own that are mapped: those of the standard with the same names mean the same. */
const contributed: ReadonlySet<string> = new Set([
  ...['Gelu', 'BiasGelu', 'FastGelu', 'QuickGelu', 'FusedMatMul', 'TransposeMatMul'],
  ...['QuantizeLinear', 'DequantizeLinear'],
])

/** A node of a graph, its attributes by name. */
export class Node {
  readonly op: string
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly #attributes: ReadonlyMap<string, AttributeProto>
  /** Tensors among the attributes, read before. */
  readonly tensors = new Map<string, Constant>()
  /** Graphs among the attributes. */
  readonly graphs = new Map<string, Graph>()

  constructor(proto: NodeProto) {
    this.op = proto.opType ?? ''
    this.name = proto.name ?? ''
    const { domain = '' } = proto
    this.domain = domain === 'ai.onnx' || (domain === 'com.microsoft' && contributed.has(this.op)) ? '' : domain
    this.inputs = proto.input
    this.outputs = proto.output
    this.#attributes = new Map(proto.attribute.map((attribute) => [attribute.name ?? '', attribute]))
  }

  get attributes(): Iterable<readonly [string, AttributeProto]> {
    return this.#attributes
  }

  has(name: string): boolean {
    return this.#attributes.has(name)
  }

  int(name: string, standard: number): number {
    const found = this.#attributes.get(name)
    return found ? (found.i ?? 0) : standard
  }

  float(name: string, standard: number): number {
    const found = this.#attributes.get(name)
    return found ? (found.f ?? 0) : standard
  }

  text(name: string, standard: string): string {
    const found = this.#attributes.get(name)
    return found ? (found.s ?? '') : standard
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attributes.get(name)?.ints
  }

  floats(name: string): readonly number[] | undefined {
    return this.#attributes.get(name)?.floats
  }

  texts(name: string): readonly string[] | undefined {
    return this.#attributes.get(name)?.strings
  }

  graph(name: string): Graph {
    const found = this.graphs.get(name)
    if (found) return found
    throw malformed(`it has no graph '${name}'`)
  }

  /** Refuses attributes of other values than one. */
  only(name: string, value: number): void {
    if (this.int(name, value) !== value) throw unsupported(`${name} ${this.int(name, value)}`)
  }
}

/** A graph with its constants read. */
export interface Graph {
  readonly proto: GraphProto
  readonly nodes: readonly Node[]
  readonly constants: ReadonlyMap<string, Constant>
  /** Names of the graphs around it that it, or a graph inside of it, reads. */
  readonly outer: ReadonlySet<string>
}

/** The inputs of a node: undefined for those left out. */
export type Inputs = readonly (Value | undefined)[]
