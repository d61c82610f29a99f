import { SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { coreName } from './coreName.js'
import { type ConfigDict, type Kwargs, type LayerArgs, StandardLayer, toList } from './layer.js'
import { activationName, activationOf } from './options.js'
import { type PenaltyOptions, penalties } from './penalties.js'
import type { Shape } from './symbolic.js'
import { activated, written } from './written.js'

/** @inline An initializer: a name, or what `tf.initializers.*` returns. */
export type InitializerIdentifier = string | object

/** Options of `tf.layers.dense`. */
export interface DenseLayerArgs extends LayerArgs, PenaltyOptions<'kernel' | 'bias'> {
  units: number
  activation?: string | null
  useBias?: boolean
  kernelInitializer?: InitializerIdentifier
  biasInitializer?: InitializerIdentifier
  /** The size of the input, for the first layer. */
  inputDim?: number
  activityRegularizer?: string | object
}

/** `activation(input · kernel + bias)`. */
export class Dense extends StandardLayer<DenseLayerArgs> {
  static override className = 'Dense'
  protected override readonly initializers = { kernel: 'glorotNormal', bias: 'zeros' } as const
  readonly units: number
  readonly activation: string
  readonly useBias: boolean

  constructor(args: DenseLayerArgs) {
    super(args)
    requireGiven(this.where, 'units', args?.units)
    this.units = args.units
    this.activation = activationName(this.where, args.activation)
    this.useBias = args.useBias ?? true
    if (this.batchInputShape === undefined && args.inputDim != null) {
      this.batchInputShape = [args.batchSize ?? null, args.inputDim]
    }
  }

  protected override make(): AnyLayer {
    const { where, args } = this
    return layers.dense({
      name: coreName(this.name),
      units: this.units,
      activation: activationOf(this.activation).fused as 'linear',
      useBias: this.useBias,
      kernelInitializer: this.initializer('kernel'),
      biasInitializer: this.initializer('bias'),
      ...penalties(where, args, ['kernel', 'bias', 'activity']),
    }) as AnyLayer
  }

  override lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    const { after } = activationOf(this.activation)
    return super.lower(values, kwargs).map((value) => activated(value, after))
  }

  override getConfig(): ConfigDict {
    const { inputDim: _, ...config } = super.getConfig()
    return { ...config, units: this.units, activation: this.activation, useBias: this.useBias }
  }
}

/** Options of `tf.layers.activation`. */
export interface ActivationLayerArgs extends LayerArgs {
  activation: string
}

/** An activation function. */
export class Activation extends StandardLayer<ActivationLayerArgs> {
  static override className = 'Activation'
  override supportsMasking = true
  readonly activation: string

  constructor(args: ActivationLayerArgs) {
    super(args)
    this.activation = activationName(this.where, args?.activation)
  }

  protected override make(): AnyLayer {
    const { fused } = activationOf(this.activation)
    return layers.activation({ name: coreName(this.name), activation: fused as 'linear' }) as AnyLayer
  }

  override lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    const { after } = activationOf(this.activation)
    return after ? [activated(values[0] as Value, after)] : super.lower(values, kwargs)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), activation: this.activation }
  }
}

/** Options of `tf.layers.dropout`. */
export interface DropoutLayerArgs extends LayerArgs {
  rate: number
  noiseShape?: Shape
  seed?: number
}

/** Sets a share of the values to zero while training. */
export class Dropout extends StandardLayer<DropoutLayerArgs> {
  static override className = 'Dropout'
  override supportsMasking = true
  readonly rate: number

  constructor(args: DropoutLayerArgs) {
    super(args)
    // As in tfjs, where a rate below 0 drops nothing.
    this.rate = Math.max(Math.min(args?.rate ?? 0, 1), 0)
  }

  protected override make(): AnyLayer {
    const [batch, steps, features] = this.args.noiseShape ?? []
    const byStep = (batch ?? null) === null && steps === 1 && (features ?? null) === null
    if (this.args.noiseShape !== undefined && !byStep) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `${this.where}: noiseShape may be [null, 1, null], the same features at every step`,
      )
    }
    return layers.dropout({
      name: coreName(this.name),
      rate: this.rate,
      ...(byStep && this.args.noiseShape && { noiseShape: [null, 1, null] as const }),
    }) as AnyLayer
  }
}

/** Drops the same features at every step of a sequence. */
export class SpatialDropout1D extends StandardLayer<DropoutLayerArgs> {
  static override className = 'SpatialDropout1D'
  override supportsMasking = true

  protected override make(): AnyLayer {
    return layers.dropout({
      name: coreName(this.name),
      rate: this.args.rate ?? 0,
      noiseShape: [null, 1, null],
    }) as AnyLayer
  }
}

/** Options of `tf.layers.embedding`. */
export interface EmbeddingLayerArgs extends LayerArgs, PenaltyOptions<'embeddings'> {
  inputDim: number
  outputDim: number
  embeddingsInitializer?: InitializerIdentifier
  activityRegularizer?: string | object
  /** Whether token 0 is padding, which recurrent layers skip. */
  maskZero?: boolean
  inputLength?: number | number[] | null
}

/** Looks up a vector for each token. */
export class Embedding extends StandardLayer<EmbeddingLayerArgs> {
  static override className = 'Embedding'
  protected override readonly initializers = { embeddings: 'randomUniform' } as const

  constructor(args: EmbeddingLayerArgs) {
    super(args)
    requireGiven(this.where, 'inputDim', args?.inputDim)
    requireGiven(this.where, 'outputDim', args.outputDim)
    this.supportsMasking = args.maskZero ?? false
    if (this.batchInputShape === undefined) {
      const length = args.inputLength == null ? [null] : toList(args.inputLength)
      this.batchInputShape = [args.batchSize ?? null, ...length]
    }
  }

  protected override make(): AnyLayer {
    const { where, args } = this
    return layers.embedding({
      name: coreName(this.name),
      inputDim: args.inputDim as number,
      outputDim: args.outputDim as number,
      maskZero: args.maskZero ?? false,
      embeddingsInitializer: this.initializer('embeddings'),
      ...penalties(where, args, ['embeddings', 'activity']),
    }) as AnyLayer
  }

  override readsTokens(): boolean {
    return true
  }
}

/** Options of `tf.layers.masking`. */
export interface MaskingArgs extends LayerArgs {
  maskValue?: number
}

/** Makes recurrent layers skip the steps all of whose features have a value, by default 0. */
export class Masking extends StandardLayer<MaskingArgs> {
  static override className = 'Masking'
  override supportsMasking = true

  constructor(args: MaskingArgs = {}) {
    super(args)
  }

  protected override make(): AnyLayer {
    return layers.masking({ name: coreName(this.name), maskValue: this.args.maskValue ?? 0 }) as AnyLayer
  }
}

/** Joins all dimensions but the batch. */
export class Flatten extends StandardLayer<LayerArgs & { dataFormat?: string }> {
  static override className = 'Flatten'

  constructor(args: LayerArgs & { dataFormat?: string } = {}) {
    super(args)
    if (args?.dataFormat === 'channelsFirst') {
      throw new SeqloomError('ERR_UNSUPPORTED', `${this.where}: dataFormat must be 'channelsLast'`)
    }
  }

  protected override make(): AnyLayer {
    return layers.flatten({ name: coreName(this.name) }) as AnyLayer
  }
}

/** Options of `tf.layers.reshape`. */
export interface ReshapeLayerArgs extends LayerArgs {
  targetShape: Shape
}

/** Gives each row another shape. */
export class Reshape extends StandardLayer<ReshapeLayerArgs> {
  static override className = 'Reshape'
  readonly targetShape: Shape

  constructor(args: ReshapeLayerArgs) {
    super(args)
    requireGiven(this.where, 'targetShape', args?.targetShape)
    this.targetShape = args.targetShape.map((size) => (size === null || size < 0 ? null : size))
  }

  protected override make(): AnyLayer {
    return layers.reshape({ name: coreName(this.name), targetShape: this.targetShape }) as AnyLayer
  }
}

/** Options of `tf.layers.repeatVector`. */
export interface RepeatVectorLayerArgs extends LayerArgs {
  n: number
}

/** Repeats a vector as the steps of a sequence. */
export class RepeatVector extends StandardLayer<RepeatVectorLayerArgs> {
  static override className = 'RepeatVector'

  protected override make(): AnyLayer {
    return layers.repeatVector({ name: coreName(this.name), n: this.args.n as number }) as AnyLayer
  }
}

/** Options of `tf.layers.permute`. */
export interface PermuteLayerArgs extends LayerArgs {
  dims: number[]
}

/** The dimensions of each row in another order, counted from 1. */
export class Permute extends StandardLayer<PermuteLayerArgs> {
  static override className = 'Permute'

  constructor(args: PermuteLayerArgs) {
    super(args)
    const { dims } = args ?? {}
    if (!Array.isArray(dims) || dims.toSorted((a, b) => a - b).some((dim, at) => dim !== at + 1)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `Invalid permutation \`dims\`: ${dims}; \`dims\` must contain consecutive integers starting from 1.`,
      )
    }
  }

  protected override make(): AnyLayer {
    throw new SeqloomError('ERR_STATE', 'it has no weights')
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  override lower(values: readonly Value[]): readonly Value[] {
    return [written('permute', values, ([x]) => x?.transpose([0, ...(this.args.dims as number[])]) as never)]
  }
}

/** Options of `tf.layers.layerNormalization`. */
export interface LayerNormalizationLayerArgs extends LayerArgs {
  axis?: number | number[]
  epsilon?: number
  center?: boolean
  scale?: boolean
  betaInitializer?: InitializerIdentifier
  gammaInitializer?: InitializerIdentifier
  betaRegularizer?: string | object
  gammaRegularizer?: string | object
}

/** Normalizes the features of each step. */
export class LayerNormalization extends StandardLayer<LayerNormalizationLayerArgs> {
  static override className = 'LayerNormalization'
  protected override readonly initializers = { beta: 'zeros', gamma: 'ones' } as const
  override supportsMasking = true

  constructor(args: LayerNormalizationLayerArgs = {}) {
    super(args)
  }

  protected override make(): AnyLayer {
    const { where, args } = this
    return layers.layerNormalization({
      name: coreName(this.name),
      epsilon: args.epsilon ?? 1e-3,
      center: args.center ?? true,
      scale: args.scale ?? true,
      betaInitializer: this.initializer('beta'),
      gammaInitializer: this.initializer('gamma'),
      ...penalties(where, args as never, ['beta', 'gamma']),
    } as never) as AnyLayer
  }

  override lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    const rank = values[0]?.shape.length ?? 0
    const axes = toList(this.args.axis ?? -1)
    if (axes.some((axis) => axis !== -1 && axis !== rank - 1)) {
      throw new SeqloomError('ERR_UNSUPPORTED', `${this.where}: axis must be the last one, -1, not ${axes}`)
    }
    return super.lower(values, kwargs)
  }
}

/** `ERR_OPTION` for an option that must be given. */
export function requireGiven(where: string, name: string, value: unknown): void {
  if (value !== undefined && value !== null) return
  throw new SeqloomError('ERR_OPTION', `${where}: ${name} must be given`)
}
