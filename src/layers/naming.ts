import type { AnyLayer, Call, SymbolicTensor } from './layer.js'

/** Names layers as Keras does: by their given names, else `lstm`, `lstm_1`, and so on, whichever is free. */
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

/** The names that a model would give to the layers that values come from, and to the layer that they go to. */
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

/** The recurrent layer that dropped the steps of a value by returning only the last one, if there is one. */
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
