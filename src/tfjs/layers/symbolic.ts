import type { SymbolicTensor as Value } from '../../layers/layer.js'
import type { Layer } from './layer.js'

/** A shape, batch first; null for a size that is not known. */
export type Shape = (number | null)[]

/** One use of a layer. */
export interface Node {
  readonly layer: Layer
  readonly index: number
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
}

/** A value that is known only by its shape: what `tf.input` and a layer's `apply` return. */
export class SymbolicTensor {
  readonly name: string
  readonly rank: number
  /** @internal The same value in a model of ours. */
  readonly value: Value
  /** @internal The use of a layer that makes it. */
  readonly node: Node

  constructor(
    readonly shape: Shape,
    public dtype: 'float32' | 'int32' | 'bool' | 'string' | 'complex64',
    value: Value,
    node: Node,
    readonly tensorIndex: number,
  ) {
    this.rank = shape.length
    this.value = value
    this.node = node
    this.name = node.index === 0 ? node.layer.name : `${node.layer.name}_${node.index}`
  }

  get sourceLayer(): Layer {
    return this.node.layer
  }

  get nodeIndex(): number {
    return this.node.index
  }

  get inputs(): readonly SymbolicTensor[] {
    return this.node.inputs
  }
}
