import { GraphBuilder, LayerScope, type Value } from '../graph/builder.js'
import type { GraphSpec, WireInput } from '../graph/wire.js'
import { InputLayer } from '../layers/input.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { WeightKey } from './ownership.js'
import type { Topology } from './topology.js'

/** A model's operations, to which losses can be added. */
export interface Lowered {
  readonly builder: GraphBuilder
  /** The model's outputs. */
  readonly outputs: readonly Value[]
  /** The additional inputs that were asked for. */
  readonly extra: readonly Value[]
}

/**
 * Lowers every use of a layer to operations: for predictions or, with `extra` inputs after the model's own, for training.
 * `trained` says which weights training changes, where that is not what their layers say.
 */
export function lower(topology: Topology, extra?: readonly WireInput[], trained?: readonly boolean[]): Lowered {
  const builder = new GraphBuilder(extra !== undefined, trained)
  const values = new Map<SymbolicTensor, Value>()
  for (const value of topology.inputs) {
    const name = topology.names.get(value.call.layer) as string
    values.set(value, builder.input({ name, dtype: value.dtype, shape: value.shape }))
  }
  const added = (extra ?? []).map((input) => builder.input(input))
  for (const { layer, inputs, outputs } of topology.calls) {
    if (layer instanceof InputLayer) continue
    const scope = new LayerScope(builder, topology.names.get(layer) as string, layer, layer.trainable)
    const lowered = layer.lower(
      scope,
      inputs.map((value) => values.get(value) as Value),
    )
    layer.penalise(scope, lowered.slice(0, outputs.length))
    outputs.forEach((value, index) => {
      values.set(value, lowered[index] as Value)
    })
  }
  return { builder, outputs: topology.outputs.map((value) => values.get(value) as Value), extra: added }
}

/** The graph for predictions. */
export function modelGraph(topology: Topology): GraphSpec {
  return ownedGraph(topology).graph
}

/** The graph for predictions, the owners of its weights, and which of them training changes if nothing else is decided. */
export function ownedGraph(topology: Topology): {
  readonly graph: GraphSpec
  readonly keys: readonly WeightKey[]
  readonly trained: readonly boolean[]
} {
  const { builder, outputs } = lower(topology)
  return { graph: builder.finish(outputs), keys: builder.weightKeys, trained: builder.trained }
}
