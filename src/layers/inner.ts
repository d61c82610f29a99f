import type { LayerScope, Value } from '../graph/builder.js'
import { type Shape, showShape, unifyShapes } from '../graph/shape.js'
import { InputLayer } from './input.js'
import type { AnyLayer, Call, SymbolicTensor } from './layer.js'

/** Layers and how they are connected. */
export interface Connections {
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
  /** All uses of layers, in an order in which they can run. */
  readonly calls: readonly Call[]
  readonly layers: readonly AnyLayer[]
  readonly names: ReadonlyMap<AnyLayer, string>
}

/** A model within a layer, as far as the layer needs to know it. */
export interface InnerModel {
  readonly name: string
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
  readonly layers: readonly AnyLayer[]
  toJSON(): object
}

/** How a model's layers are connected. */
export const connectionsOf = (model: InnerModel): Connections =>
  (model as InnerModel & { topology(): Connections }).topology()

/** Whether a value is a model. */
export const isInnerModel = (value: unknown): value is InnerModel =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { topology?: unknown }).topology === 'function' &&
  typeof (value as Partial<InnerModel>).toJSON === 'function'

/** The shapes of a model's outputs for inputs of some shapes; undefined if these do not fit its inputs. */
export function shapesThrough(
  { inputs, outputs, calls }: Connections,
  given: readonly Shape[],
): readonly Shape[] | { readonly wrong: string } {
  const shapes = new Map<SymbolicTensor, Shape>()
  for (const [at, input] of inputs.entries()) {
    const fitted = given[at] && unifyShapes(input.shape, given[at])
    if (!fitted) return { wrong: `${showShape(input.shape)}, got ${given[at] ? showShape(given[at]) : 'none'}` }
    shapes.set(input, fitted)
  }
  for (const call of calls) {
    if (call.layer instanceof InputLayer) continue
    const made = call.layer.outputShapes(call.inputs.map((value) => shapes.get(value) as Shape))
    for (const [at, value] of call.outputs.entries()) shapes.set(value, made[at] as Shape)
  }
  return outputs.map((value) => shapes.get(value) as Shape)
}

/** Lowers all uses of layers to operations; `values` holds those of the inputs, and then all others. */
export function lowerCalls(
  calls: readonly Call[],
  values: Map<SymbolicTensor, Value>,
  scopeOf: (layer: AnyLayer) => LayerScope,
): void {
  for (const { layer, inputs, outputs } of calls) {
    if (layer instanceof InputLayer) continue
    const scope = scopeOf(layer)
    const lowered = layer.lower(
      scope,
      inputs.map((value) => values.get(value) as Value),
    )
    layer.penalise(scope, lowered.slice(0, outputs.length))
    outputs.forEach((value, index) => {
      values.set(value, lowered[index] as Value)
    })
  }
}
