import type { Sliced } from '../../../data/index.js'
import type { Dim, Shape } from '../../../graph/shape.js'
import type { WireNode } from '../../../graph/wire.js'
import type { Constants, GraphWriter } from './writer.js'

/** Which steps of `[batch, time]` are valid. */
export interface Mask {
  /** A value of booleans `[batch, time]`. */
  readonly valid: string
  /** Where the valid steps are the first ones: how many, int32 `[batch]`. */
  readonly lengths?: string
  /** What was computed from it. */
  readonly derived: Map<string, string>
}

/** A value of the graph. */
export interface Value {
  readonly name: string
  readonly shape: Shape
  /** Whether its first dimension is the batch. */
  readonly batched: boolean
  /** Missing where all steps are valid. */
  readonly mask?: Mask | undefined
  /** Whether it is the mask of a value without one. */
  readonly ones?: boolean
  readonly integers?: boolean
}

/** Where operations are written to, and what they may ask for. */
export interface Place {
  readonly writer: GraphWriter
  readonly constants: Constants
  /** Whether it is one step of a scan: without time and masks. */
  readonly inBody: boolean
  /** A weight, by its index. */
  weight(index: number): Weight
  /** Whether anything reads a value of ours. */
  isRead(id: number): boolean
  /** Whether states are inputs and outputs of the graph. */
  readonly keepsStates: boolean
  /** In a graph with states as inputs: what a state begins with; else what is `given`, if anything is. */
  stateOf(node: WireNode, state: number, shape: Shape, given: Value | undefined): Value | undefined
  /** In a graph with states as inputs: where a state goes. */
  setState(node: WireNode, state: number, value: string): void
  /** Writes one step of a scan in its own graph. */
  inside(weights: readonly number[]): Place
}

/** A weight that is written as it is, or as something is made of it. */
export interface Weight {
  readonly shape: readonly number[]
  /** As it is. */
  whole(): string
  /** In another form, which `key` names. */
  as(key: string, shape: readonly number[], make: (data: Float32Array) => Sliced<Float32Array>): string
}

/** The shape of a result of values that are repeated where they have one element, as in numpy. */
export function broadcast(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map(({ length }) => length))
  return Array.from({ length: rank }, (_, axis): Dim => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length]).filter((dim) => dim !== undefined)
    const large = dims.find((dim) => dim !== null && dim !== 1)
    return large ?? (dims.includes(null) ? null : 1)
  })
}

/** An axis from the front. */
export const axisOf = (axis: number, { shape }: Value): number => (axis < 0 ? axis + shape.length : axis)
