import { GraphBuilder, LayerScope, type Value } from '../graph/builder.js'
import type { DType, Shape } from '../graph/shape.js'
import type { GraphSpec, WireInput } from '../graph/wire.js'
import type { ComputedInitializer } from '../initializers/computed.js'
import { lowerCalls } from '../layers/inner.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { Preprocessing } from '../layers/preprocessing/preprocessing.js'
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
  for (const value of topology.before.fed) {
    const name = topology.names.get(value.call.layer) as string
    values.set(value, builder.input({ name, dtype: value.dtype as DType, shape: anyBatch(value.shape) }))
  }
  const added = (extra ?? []).map((input) => builder.input(input))
  const calls = topology.calls.filter(({ layer }) => !(layer instanceof Preprocessing))
  lowerCalls(calls, values, (layer) => {
    return new LayerScope(builder, topology.names.get(layer) as string, layer, layer.trainable)
  })
  // What a layer before the graph gives may be an output as it is, but outputs are float32.
  const asOutput = (value: Value): Value =>
    value.dtype === 'int32' ? (builder.node('cast', 'output', [value], [], [value.shape], {})[0] as Value) : value
  return { builder, outputs: topology.outputs.map((value) => asOutput(values.get(value) as Value)), extra: added }
}

/** A shape for any number of rows. */
const anyBatch = ([, ...row]: Shape): Shape => [null, ...row]

/** The graph for predictions. */
export function modelGraph(topology: Topology): GraphSpec {
  return ownedGraph(topology).graph
}

/**
 * The graph for predictions, the owners of its weights, which of them training changes if nothing else is decided, and those whose
 * first values are computed.
 */
export function ownedGraph(topology: Topology): {
  readonly graph: GraphSpec
  readonly keys: readonly WeightKey[]
  readonly trained: readonly boolean[]
  readonly computed: ReadonlyMap<number, ComputedInitializer>
} {
  const { builder, outputs } = lower(topology)
  const { weightKeys: keys, trained, computed } = builder
  return { graph: builder.finish(outputs), keys, trained, computed }
}
