import type { AnyLayer, Call } from '../../layers/layer.js'
import type { Topology } from '../../model/topology.js'

/**
 * The layers of a functional model in the order in which Keras lists them, whatever order a description gives: those that are farthest from the outputs first,
 * and among equals those that a search from the outputs finds first. Files name and number weights in that order.
 */
export function kerasOrder({ inputs, outputs, layers }: Topology): AnyLayer[] {
  const found = new Map<AnyLayer, number>()
  const finished: Call[] = []
  const entered = new Set<Call>()
  for (const { call: wanted } of outputs) {
    // Not recursive, since a long chain of layers would overflow the stack.
    const open: { readonly call: Call; next: number }[] = [{ call: wanted, next: 0 }]
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const { call } = top
      if (top.next === 0) {
        if (entered.has(call)) {
          open.pop()
          continue
        }
        entered.add(call)
        if (!found.has(call.layer)) found.set(call.layer, found.size)
      }
      const source = call.inputs[top.next++]
      if (source) open.push({ call: source.call, next: 0 })
      else {
        finished.push(call)
        open.pop()
      }
    }
  }
  const [ofCalls, ofLayers] = [new Map<Call, number>(), new Map<AnyLayer, number>()]
  for (const call of finished.reverse()) {
    const depth = Math.max(ofCalls.get(call) ?? 0, ofLayers.get(call.layer) ?? 0)
    ofLayers.set(call.layer, depth)
    for (const { call: source } of call.inputs) ofCalls.set(source, Math.max(ofCalls.get(source) ?? 0, depth + 1))
  }
  // Inputs that no output needs stand before everything else at the end.
  for (const { call } of inputs) if (!found.has(call.layer)) found.set(call.layer, -1)
  const depthOf = (layer: AnyLayer) => ofLayers.get(layer) ?? 0
  return layers.toSorted((a, b) => depthOf(b) - depthOf(a) || (found.get(a) ?? 0) - (found.get(b) ?? 0))
}
