import { input as coreInput } from '../../layers/input.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { model as coreModel, type Model } from '../../model/index.js'
import { type Layer, toList } from '../layers/layer.js'
import { runCores, type Stateful } from '../layers/recurrent.js'
import type { SymbolicTensor } from '../layers/symbolic.js'
import { type Rows, sliceRows } from '../training/data.js'
import type { Graph } from './graph.js'

/** A stateful layer, what runs in its place, and its states, those of the last cell first. */
interface Carrier {
  readonly layer: Stateful
  readonly cores: readonly AnyLayer[]
  readonly sizes: readonly number[]
}

const isStateful = (layer: Layer): layer is Stateful => layer.stateful && 'remade' in layer

/**
 * Predictions of a model with stateful layers, which go on where the last ones ended: the same layers, but for those
 * that are stateful. In their place stand others with the same weights that take their states as inputs and return
 * them.
 */
export class CarriedPredictions {
  readonly #model: Model
  readonly #carriers: Carrier[] = []
  readonly #outputs: number

  constructor(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[], { nodesByDepth }: Graph) {
    const values = new Map<SymbolicTensor, Value>(inputs.map((each) => [each, each.value]))
    const states: Value[] = []
    const ends: Value[] = []
    for (const node of nodesByDepth.flat()) {
      if (node.inputs.length === 0) continue
      const { layer } = node
      const read = node.inputs.map((each) => values.get(each) as Value)
      const made =
        isStateful(layer) && read.length === 1
          ? this.#carry(layer, read[0] as Value, states, ends)
          : layer.lower(read, {})
      node.outputs.forEach((each, at) => {
        values.set(each, made[at] as Value)
      })
    }
    this.#outputs = outputs.length
    this.#model = coreModel({
      inputs: [...inputs.map(({ value }) => value), ...states],
      outputs: [...outputs.map((each) => values.get(each) as Value), ...ends],
    }) as unknown as Model
  }

  #carry(layer: Stateful, x: Value, states: Value[], ends: Value[]): readonly Value[] {
    const cores = layer.remade(`${layer.name}.carried`, { returnState: true })
    const each = layer.stateSizes()
    const counts = each.map(({ length }) => length)
    const sizes = each.toReversed().flat()
    const given = sizes.map((size) => coreInput({ shape: [size] }))
    const [output, ...last] = runCores(cores, counts, [x, ...given], true)
    states.push(...given)
    ends.push(...last)
    this.#carriers.push({ layer, cores, sizes })
    return layer.returnState ? [output as Value, ...last] : [output as Value]
  }

  /** The outputs for rows, so many at once. */
  predict(inputs: readonly Rows[], batchSize: number): Rows[] {
    for (const { layer, cores } of this.#carriers) {
      const weights = layer.getWeights()
      let next = 0
      for (const core of cores) {
        const count = weights.length / cores.length
        core.setWeights(
          weights.slice(next, next + count).map(({ shape, values }) => ({ data: values as Float32Array, shape })),
        )
        next += count
      }
    }
    const total = inputs[0]?.shape[0] ?? 0
    const parts: Rows[][] = []
    for (let start = 0; start < total; start += batchSize) {
      parts.push(this.#step(inputs.map((each) => sliceRows(each, start, Math.min(start + batchSize, total)))))
    }
    return Array.from({ length: this.#outputs }, (_, at) => joined(parts.map((part) => part[at] as Rows)))
  }

  #step(inputs: readonly Rows[]): Rows[] {
    const rows = inputs[0]?.shape[0] ?? 0
    const states = this.#carriers.flatMap(({ layer: { kept }, sizes }) =>
      kept?.[0]?.shape[0] === rows
        ? kept
        : sizes.map((size) => ({ data: new Float32Array(rows * size), shape: [rows, size] })),
    )
    const outputs = toList(this.#model.predictSync([...inputs, ...states], { batchSize: Math.max(1, rows) })) as Rows[]
    let next = this.#outputs
    for (const { layer, sizes } of this.#carriers) {
      layer.kept = outputs.slice(next, next + sizes.length).map(({ data, shape }) => ({ data, shape }))
      next += sizes.length
    }
    return outputs.slice(0, this.#outputs)
  }
}

function joined(parts: readonly Rows[]): Rows {
  const [first] = parts as [Rows, ...Rows[]]
  if (parts.length === 1) return first
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  return { data, shape: [parts.reduce((sum, { shape }) => sum + (shape[0] as number), 0), ...first.shape.slice(1)] }
}
