import { Bidirectional } from '../../layers/bidirectional.js'
import type { AnyLayer, Call, SymbolicTensor } from '../../layers/layer.js'
import { Recurrence } from '../../layers/recurrence.js'
import type { Dialect } from './classes.js'

/** Where a value comes from, as Keras says it. */
export type Source = readonly [layer: string, use: number, output: number]

/** For layers whose states are in another order there: which of our states each of theirs is. */
export type StateOrders = ReadonlyMap<AnyLayer, readonly number[]>

/** Where values come from. */
export function sourcesOf(
  calls: readonly Call[],
  names: ReadonlyMap<AnyLayer, string>,
  orders: StateOrders,
): (value: SymbolicTensor) => Source {
  const uses = new Map<AnyLayer, number>()
  const places = new Map<Call, number>()
  for (const call of calls) {
    const use = uses.get(call.layer) ?? 0
    uses.set(call.layer, use + 1)
    places.set(call, use)
  }
  return ({ call, index }) => {
    const order = index === 0 ? undefined : orders.get(call.layer)
    return [names.get(call.layer) as string, places.get(call) as number, order ? 1 + order.indexOf(index - 1) : index]
  }
}

/** The uses of all layers. */
export function nodesOf(
  calls: readonly Call[],
  source: (value: SymbolicTensor) => Source,
  orders: StateOrders,
  dialect: Dialect,
): Map<AnyLayer, unknown[]> {
  const nodes = new Map<AnyLayer, unknown[]>()
  for (const call of calls) {
    const own = nodes.get(call.layer) ?? []
    nodes.set(call.layer, own)
    if (call.inputs.length === 0) continue
    const given = argumentsOf(call, orders)
    own.push(dialect === 'keras3' ? newNode(given, source) : oldNode(given, source))
  }
  return nodes
}

/** How a layer is called. */
interface Arguments {
  /** What it reads first. */
  readonly first: readonly SymbolicTensor[]
  /** The following arguments, by their names. */
  readonly named: Readonly<Record<string, SymbolicTensor>>
  readonly states: readonly SymbolicTensor[]
  readonly flags: Readonly<Record<string, boolean>>
}

function argumentsOf({ layer, inputs }: Call, orders: StateOrders): Arguments {
  const { returnAttentionScores, useCausalMask } = layer.className.endsWith('Attention') ? layer.config() : {}
  const flags = {
    ...(returnAttentionScores === true && { return_attention_scores: true }),
    ...(useCausalMask === true && { use_causal_mask: true }),
  }
  const [first, ...others] = inputs as [SymbolicTensor, ...SymbolicTensor[]]
  if (layer instanceof Recurrence || layer instanceof Bidirectional) {
    const order = others.length > 0 ? orders.get(layer) : undefined
    const states = order?.map((ours) => others[ours] as SymbolicTensor) ?? others
    return { first: [first], named: {}, states, flags }
  }
  if (layer.className === 'MultiHeadAttention') {
    const [value, key] = others as [SymbolicTensor, SymbolicTensor?]
    return { first: [first], named: { value, ...(key && { key }) }, states: [], flags }
  }
  return { first: inputs, named: {}, states: [], flags }
}

function newNode(
  { first, named, states, flags }: Arguments,
  source: (value: SymbolicTensor) => Source,
): Record<string, unknown> {
  const tensor = (value: SymbolicTensor) => ({
    class_name: '__keras_tensor__',
    config: { shape: value.shape, dtype: value.dtype, keras_history: source(value) },
  })
  return {
    args: [first.length === 1 ? tensor(first[0] as SymbolicTensor) : first.map(tensor)],
    kwargs: {
      ...Object.fromEntries(Object.entries(named).map(([name, value]) => [name, tensor(value)])),
      ...(states.length > 0 && { initial_state: states.map(tensor) }),
      ...flags,
    },
  }
}

function oldNode({ first, named, states, flags }: Arguments, source: (value: SymbolicTensor) => Source): unknown[] {
  const kwargs = {
    ...Object.fromEntries(Object.entries(named).map(([name, value]) => [name, source(value)])),
    ...flags,
  }
  // The first states stand among the inputs.
  return [...first, ...states].map((value) => [...source(value), kwargs])
}
