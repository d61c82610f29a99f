import type { AnyLayer, Call, SymbolicTensor } from './layer.js'

/** Names layers as Keras does: as they were given, else `lstm`, `lstm_1`, whatever is not taken. */
export function nameAutomatically(layers: Iterable<AnyLayer>): Map<AnyLayer, string> {
  const all = [...layers]
  const taken = new Set(all.flatMap(({ givenName }) => givenName ?? []))
  const names = new Map<AnyLayer, string>()
  const counts = new Map<string, number>()
  for (const layer of all) {
    let name = layer.givenName
    while (name === undefined) {
      const count = counts.get(layer.baseName) ?? 0
      counts.set(layer.baseName, count + 1)
      const candidate = count === 0 ? layer.baseName : `${layer.baseName}_${count}`
      if (!taken.has(candidate)) name = candidate
    }
    names.set(layer, name)
  }
  return names
}

/** The names of the layers that values come from, and of the layer that they go to, as a model of them would have them. */
export function namesUpTo(layer: AnyLayer, inputs: readonly SymbolicTensor[]): Map<AnyLayer, string> {
  const found = new Set<AnyLayer>()
  const entered = new Set<Call>()
  const pending: Call[] = inputs.map(({ call }) => call).reverse()
  while (pending.length > 0) {
    const call = pending.at(-1) as Call
    if (entered.has(call)) {
      found.add(call.layer)
      pending.pop()
      continue
    }
    entered.add(call)
    for (const { call: source } of [...call.inputs].reverse()) if (!entered.has(source)) pending.push(source)
  }
  return nameAutomatically(found.add(layer))
}

/** The recurrent layer that has dropped the steps of a value by returning the last one alone, if one has. */
export function stepsDroppedBy({ shape, call, index }: SymbolicTensor): AnyLayer | undefined {
  let [value, at] = [call, index]
  while (shape.length === 2) {
    if (value.layer.returnsLastStepAlone) return at === 0 ? value.layer : undefined
    const [source, ...others] = value.inputs
    if (!source || others.length > 0 || source.shape.length !== 2) return undefined
    ;[value, at] = [source.call, source.index]
  }
  return undefined
}
