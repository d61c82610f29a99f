import type { Shape } from '../../../graph/shape.js'
import type { WireNode } from '../../../graph/wire.js'

/** One step as it is described. */
export interface Body {
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[]
  readonly nodes: readonly WireNode[]
  readonly outputs: readonly number[]
}

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

/** Whether a step reads one of its inputs: what is kept for the last step's output alone is no state. */
export const isUsed = ({ nodes, outputs }: Body, id: number): boolean =>
  outputs.includes(id) || nodes.some(({ inputs }) => inputs.includes(id))
