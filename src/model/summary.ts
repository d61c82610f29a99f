import { type Shape, showShape } from '../graph/shape.js'
import type { WireWeight } from '../graph/wire.js'
import type { Call } from '../layers/layer.js'
import { modelGraph } from './lower.js'
import type { Topology } from './topology.js'
import { countValues } from './weights.js'

/**
 * The table of a model's layers with their output shapes and numbers of parameters, as Keras prints it; `int8` says of a
 * quantized model which weights are integers.
 */
export function summarize(name: string, topology: Topology, int8: readonly boolean[] = []): string {
  const graph = modelGraph(topology)
  const { calls: all } = topology
  const follows = (call: Call, index: number) => call.inputs.length === 1 && call.inputs[0]?.call === all[index - 1]
  const connected = all.some((call, index) => index > 0 && !follows(call, index))
  const header = ['Layer (type)', 'Output Shape', 'Param #', ...(connected ? ['Connected to'] : [])]
  const rows = topology.layers.map((layer) => {
    const calls = topology.calls.filter((call) => call.layer === layer)
    const layerName = topology.names.get(layer) as string
    const shapes = [...new Set(calls.flatMap((call) => call.outputs.map((value) => showOutput(value.shape))))]
    const sources = calls.flatMap((call) => call.inputs.map((value) => topology.names.get(value.call.layer) as string))
    const parameters = countValues(weightsOf(layerName, graph.weights)).toLocaleString('en-US')
    return [
      `${layerName} (${layer.className})`,
      shapes.join(', '),
      parameters,
      ...(connected ? [sources.join(', ')] : []),
    ]
  })
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  const width = widths.reduce((sum, each) => sum + each + 2, -2)
  const quantized = countValues(graph.weights.filter((_, index) => int8[index]))
  const trained = countValues(graph.weights.filter(({ trainable }) => trainable && int8.length === 0))
  const total = countValues(graph.weights)
  return [
    `Model: "${name}"`,
    '─'.repeat(width),
    line(header),
    '═'.repeat(width),
    ...rows.map(line),
    '═'.repeat(width),
    `Total params: ${total.toLocaleString('en-US')}`,
    `Trainable params: ${trained.toLocaleString('en-US')}`,
    `Non-trainable params: ${(total - trained).toLocaleString('en-US')}`,
    ...(int8.length > 0 ? [`Params stored as int8: ${quantized.toLocaleString('en-US')}`] : []),
  ].join('\n')
}

function weightsOf(layerName: string, weights: readonly WireWeight[]): WireWeight[] {
  return weights.filter((weight) => weight.name.startsWith(`${layerName}/`))
}

function showOutput(shape: Shape): string {
  return showShape(shape).replaceAll('null', 'None').replace('[', '(').replace(']', ')')
}
