import { SeqloomError } from '../../errors.js'
import { input as coreInput } from '../../layers/input.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { coreName } from './coreName.js'
import { type ConfigDict, Layer, type LayerArgs, toList } from './layer.js'
import { numbered } from './names.js'
import type { Shape, SymbolicTensor } from './symbolic.js'

/** Options of `tf.layers.inputLayer`. */
export interface InputLayerArgs {
  inputShape?: Shape | number
  batchSize?: number
  batchInputShape?: Shape
  dtype?: LayerArgs['dtype']
  sparse?: boolean
  name?: string
}

/** Where values enter a model. */
export class InputLayer extends Layer {
  static override className = 'InputLayer'
  readonly sparse: boolean

  constructor(args: InputLayerArgs) {
    super({ ...args, name: args.name ?? numbered('input') } as LayerArgs)
    if (this.batchInputShape === undefined) {
      throw new SeqloomError(
        'ERR_OPTION',
        'An InputLayer should be passed either a `batchInputShape` or an `inputShape`.',
      )
    }
    this.sparse = args.sparse ?? false
    this.built = true
    // What the values are, numbers or tokens, follows from the first layer that reads them.
    this.connect([], [coreInput({ shape: this.batchInputShape.slice(1), name: coreName(this.name) })])
    const [output] = this.inboundNodes[0]?.outputs ?? []
    if (output === undefined) return
    output.shape[0] = this.batchInputShape[0] ?? null
    output.dtype = this.dtype
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  override lower(): readonly Value[] {
    throw new SeqloomError(
      'ERR_STATE',
      `Cannot pass any input to an InputLayer's apply() method. InputLayer name: ${this.name}`,
    )
  }

  override getConfig(): ConfigDict {
    return { batchInputShape: this.batchInputShape, dtype: this.dtype, sparse: this.sparse, name: this.name }
  }
}

/** Options of `tf.input`. */
export interface InputConfig {
  /** The shape without the batch; a number for one dimension. */
  shape?: Shape | number
  /** The shape, batch first. */
  batchShape?: Shape
  name?: string
  dtype?: LayerArgs['dtype']
  sparse?: boolean
}

/** An input of a model: `tf.input({ shape: [null, 5] })`. */
export function input(config: InputConfig): SymbolicTensor {
  if (config?.batchShape == null && config?.shape == null) {
    throw new SeqloomError(
      'ERR_OPTION',
      'Please provide to Input either a `shape` or a `batchShape` argument. Note that `shape` does not include the batch dimension.',
    )
  }
  const batchInputShape = config.batchShape ?? [null, ...toList<number | null>(config.shape as Shape)]
  const layer = new InputLayer({
    batchInputShape,
    ...(config.name != null && { name: config.name }),
    ...(config.dtype != null && { dtype: config.dtype }),
    ...(config.sparse != null && { sparse: config.sparse }),
  })
  return layer.output as SymbolicTensor
}
