import { SeqloomError } from '../../errors.js'
import { input } from '../layers/input.js'
import { Layer, toList } from '../layers/layer.js'
import { numbered } from '../layers/names.js'
import type { Shape, SymbolicTensor } from '../layers/symbolic.js'
import { type ContainerArgs, LayersModel } from './model.js'

/** Options of `tf.sequential`. */
export interface SequentialArgs {
  layers?: Layer[]
  name?: string
}

/** A model whose layers follow each other. */
export class Sequential extends LayersModel {
  static override className = 'Sequential'
  #layers: Layer[] = []

  constructor(args: SequentialArgs = {}) {
    super({ name: args?.name ?? numbered('sequential_') })
    for (const layer of args?.layers ?? []) this.add(layer)
  }

  override get layers(): Layer[] {
    return [...this.#layers]
  }

  /** Adds a layer, or a model as a layer, at the end. */
  add(layer: Layer): void {
    if (!(layer instanceof Layer)) {
      throw new SeqloomError('ERR_OPTION', `model.add: expected a layer of tf.layers or a model, got ${typeof layer}`)
    }
    const [last] = this.outputs
    if (last !== undefined) {
      const result = layer.apply(last) as SymbolicTensor | SymbolicTensor[]
      this.#append(layer, this.inputs, toList(result))
      return
    }
    if (layer instanceof LayersModel) {
      this.#append(layer, layer.inputs, layer.outputs)
      return
    }
    if (layer.inboundNodes.length === 0) {
      if (layer.batchInputShape === undefined) {
        throw new SeqloomError(
          'ERR_SHAPE',
          'The first layer in a Sequential model must get an `inputShape` or `batchInputShape` argument.',
        )
      }
      const source = input({ batchShape: layer.batchInputShape, dtype: layer.dtype, name: `${layer.name}_input` })
      layer.apply(source)
    }
    const [node, ...others] = layer.inboundNodes
    if (node === undefined || others.length > 0) {
      throw new SeqloomError(
        'ERR_OPTION',
        `A layer added to a Sequential model must not already be connected somewhere else. LayersModel received layer ${layer.name} which has ${layer.inboundNodes.length} pre-existing inbound connections.`,
      )
    }
    this.#append(layer, sourcesOf(node.outputs), node.outputs)
  }

  #append(layer: Layer, inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): void {
    if (outputs.length !== 1 || inputs.length !== 1) {
      throw new SeqloomError(
        'ERR_SHAPE',
        'All layers in a Sequential model should have a single output tensor. For multi-output layers, use the functional API.',
      )
    }
    this.#layers.push(layer)
    this.setEnds(inputs, outputs)
  }

  /** Removes the last layer. */
  pop(): void {
    const layer = this.#layers.pop()
    if (layer === undefined) throw new SeqloomError('ERR_STATE', 'There are no layers in the model.')
    const before = this.#layers.at(-1)
    const node = layer.inboundNodes.pop()
    if (before === undefined || node === undefined) {
      this.clearEnds()
      return
    }
    this.setEnds(this.inputs, node.inputs)
  }

  override build(_inputShape?: Shape | Shape[]): void {
    this.built = true
  }
}

function sourcesOf(outputs: readonly SymbolicTensor[]): SymbolicTensor[] {
  const sources = new Set<SymbolicTensor>()
  const pending = [...outputs]
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value.inputs.length === 0) sources.add(value)
    else pending.push(...value.inputs)
  }
  return [...sources]
}

/** A model whose layers follow each other: `tf.sequential({ layers: [...] })`, or with layers added one by one. */
export const sequential = (config?: SequentialArgs): Sequential => new Sequential(config)

/** A model of layers that were connected by `apply`. */
export const model = (args: ContainerArgs): LayersModel => new LayersModel(args)
