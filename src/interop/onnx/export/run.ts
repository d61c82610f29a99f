import type { WireNode } from '../../../graph/wire.js'
import { write } from './operations.js'
import type { Place, Value } from './values.js'

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
