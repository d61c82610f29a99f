import type { WireNode } from '../../../graph/wire.js'
import { write } from './operations.js'
import type { Place, Value } from './values.js'

/** Those operations that outputs are computed from. */
export function neededFor(nodes: readonly WireNode[], outputs: Iterable<number>): WireNode[] {
  const wanted = new Set(outputs)
  const needed = nodes.toReversed().filter((node) => {
    const isNeeded = node.outputs.some((id) => wanted.has(id))
    if (isNeeded) for (const id of node.inputs) wanted.add(id)
    return isNeeded
  })
  return needed.reverse()
}

/** Writes operations in their order; their results are added to `values`. */
export function run(place: Place, nodes: readonly WireNode[], values: Map<number, Value>): void {
  for (const node of nodes) {
    const inputs = node.inputs.map((id) => values.get(id) as Value)
    const results = write(place, node, inputs)
    results.forEach((value, index) => {
      values.set(node.outputs[index] as number, value)
    })
  }
}
