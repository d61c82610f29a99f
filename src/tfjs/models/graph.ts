import { SeqloomError } from '../../errors.js'
import type { Layer } from '../layers/layer.js'
import type { Node, SymbolicTensor } from '../layers/symbolic.js'

/** The layers between inputs and outputs, in tfjs's order, and their uses. */
export interface Graph {
  readonly layers: readonly Layer[]
  /** Uses by depth, those next to the inputs first. */
  readonly nodesByDepth: readonly (readonly Node[])[]
}

/** Finds what lies between inputs and outputs, from the inputs on; layers of one depth as they are found. */
export function graphOf(outputs: readonly SymbolicTensor[]): Graph {
  const order: Node[] = []
  const found = new Set<Layer>()
  const done = new Set<Node>()
  for (const output of outputs) {
    // Not recursive, since a long chain would overflow the stack: the open uses, and how many inputs of each are done.
    const open: { readonly node: Node; next: number }[] = [{ node: output.node, next: 0 }]
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const { node } = top
      found.add(node.layer)
      const input = done.has(node) ? undefined : node.inputs[top.next++]
      if (input) {
        open.push({ node: input.node, next: 0 })
        continue
      }
      if (!done.has(node)) order.push(node)
      done.add(node)
      open.pop()
    }
  }
  const nodeDepths = new Map<Node, number>()
  const layerDepths = new Map<Layer, number>()
  for (const node of order.toReversed()) {
    const depth = Math.max(nodeDepths.get(node) ?? 0, layerDepths.get(node.layer) ?? 0)
    layerDepths.set(node.layer, depth)
    nodeDepths.set(node, depth)
    for (const { node: source } of node.inputs) {
      nodeDepths.set(source, Math.max(depth + 1, nodeDepths.get(source) ?? 0))
      layerDepths.set(source.layer, Math.max(depth + 1, layerDepths.get(source.layer) ?? 0))
    }
  }
  const layers = [...found].toSorted((a, b) => (layerDepths.get(b) as number) - (layerDepths.get(a) as number))
  const names = layers.map(({ name }) => name)
  const repeated = names.find((name, at) => names.indexOf(name) !== at)
  if (repeated !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `The name "${repeated}" is used ${names.filter((name) => name === repeated).length} times in the model. All layer names should be unique. Layer names: ${JSON.stringify(names)}`,
    )
  }
  const byDepth = new Map<number, Node[]>()
  for (const node of order) {
    const depth = nodeDepths.get(node) as number
    byDepth.set(depth, [...(byDepth.get(depth) ?? []), node])
  }
  const depths = [...byDepth.keys()].toSorted((a, b) => b - a)
  return { layers, nodesByDepth: depths.map((depth) => byDepth.get(depth) as Node[]) }
}
