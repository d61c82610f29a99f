import type { Layer } from '../layers/layer.js'
import type { Node, SymbolicTensor } from '../layers/symbolic.js'
import type { Graph } from './graph.js'

/** @inline Prints a line. */
// biome-ignore lint/suspicious/noExplicitAny: as in tfjs, where it is console.log by default.
export type PrintFn = (message?: any, ...optionalParams: any[]) => void

/** What of a model is printed. */
export interface Summarized {
  readonly layers: readonly Layer[]
  readonly graph: Graph
  readonly trainableCount: number
  readonly nonTrainableCount: number
}

/** Prints a table of a model's layers, as tfjs does. */
export function printSummary(
  { layers, graph, trainableCount, nonTrainableCount }: Summarized,
  lineLength: number | undefined,
  positions: readonly number[] | undefined,
  print: PrintFn,
): void {
  const nodes = graph.nodesByDepth.flat()
  const inSequence = isSequence(layers, graph)
  const length = lineLength || (inSequence ? 90 : 115)
  const given = positions ?? (inSequence ? [0.32, 0.61, 0.89, 1] : [0.24, 0.48, 0.7, 0.8, 1])
  const columns = (given.at(-1) ?? 1) <= 1 ? given.map((position) => Math.floor(length * position)) : given
  const header = ['Layer (type)', 'Input Shape', 'Output shape', 'Param #']
  const line = (character: string) => print(character.repeat(length))
  line('_')
  printRow(inSequence ? header : [...header, 'Receives inputs'], columns, print)
  line('=')
  layers.forEach((layer, at) => {
    printLayer(layer, columns, inSequence ? undefined : nodes, print)
    line(at === layers.length - 1 ? '=' : '_')
  })
  print(`Total params: ${trainableCount + nonTrainableCount}`)
  print(`Trainable params: ${trainableCount}`)
  print(`Non-trainable params: ${nonTrainableCount}`)
  line('_')
}

/** Whether every layer is used once and reads one other. */
function isSequence(layers: readonly Layer[], { nodesByDepth }: Graph): boolean {
  const nodes = nodesByDepth.flat()
  return (
    nodesByDepth.every((all) => all.length === 1 && (all[0]?.inputs.length ?? 0) <= 1) &&
    layers.every((layer) => layer.inboundNodes.filter((node) => nodes.includes(node)).length <= 1)
  )
}

function printLayer(
  layer: Layer,
  columns: readonly number[],
  nodes: readonly Node[] | undefined,
  print: PrintFn,
): void {
  // A model has a use of its own; where values enter, the output is the input.
  const own = (layer as { readonly inputs?: readonly SymbolicTensor[] }).inputs
  const uses = layer.inboundNodes.map((node) => (node.inputs.length > 0 ? node.inputs : node.outputs))
  const inputs = [...(own ? [own] : []), ...uses].map((all) => JSON.stringify(all.map(({ shape }) => shape))).join(',')
  const ends = (layer as { readonly outputs?: readonly SymbolicTensor[] }).outputs ?? layer.inboundNodes[0]?.outputs
  const shapes = ends?.map(({ shape }) => shape) ?? []
  const output = JSON.stringify(shapes.length === 1 ? shapes[0] : shapes)
  const fields = [`${layer.name} (${layer.getClassName()})`, inputs, output, String(layer.countParams())]
  if (nodes === undefined) {
    printRow(fields, columns, print)
    return
  }
  const sources = layer.inboundNodes
    .filter((node) => nodes.length === 0 || nodes.includes(node))
    .flatMap((node) =>
      node.inputs.map(({ sourceLayer, nodeIndex, tensorIndex }) => {
        return `${sourceLayer.name}[${nodeIndex + ('inputs' in sourceLayer ? 1 : 0)}][${tensorIndex}]`
      }),
    )
  printRow([...fields, sources[0] ?? ''], columns, print)
  for (const source of sources.slice(1)) printRow(['', '', '', '', source], columns, print)
}

function printRow(fields: readonly string[], columns: readonly number[], print: PrintFn): void {
  let line = ''
  fields.forEach((field, at) => {
    const end = columns[at] as number
    line = `${at > 0 ? `${line.slice(0, -1)} ` : ''}${field}`.slice(0, end).padEnd(end)
  })
  print(line)
}
