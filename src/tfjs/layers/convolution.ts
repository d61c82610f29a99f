import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { type InitializerIdentifier, requireGiven } from './basic.js'
import { coreName } from './coreName.js'
import { type ConfigDict, type Kwargs, type LayerArgs, StandardLayer } from './layer.js'
import { maskedLike, unmasked } from './masks.js'
import { activationName, activationOf } from './options.js'
import { type PenaltyOptions, penalties } from './penalties.js'
import { eachAxis, requireAxes, requireChannelsLast, type Sizes } from './sizes.js'
import { activated } from './written.js'

/** Options that all convolutions have. */
export interface BaseConvLayerArgs extends LayerArgs, PenaltyOptions<'bias'> {
  kernelSize: Sizes
  strides?: Sizes
  padding?: 'valid' | 'same' | 'causal'
  dataFormat?: string
  dilationRate?: Sizes
  activation?: string | null
  useBias?: boolean
  biasInitializer?: InitializerIdentifier
  activityRegularizer?: string | object
}

/** Options of `tf.layers.conv1d`, `conv2d` and `conv3d`, and of the transposed ones. */
export interface ConvLayerArgs extends BaseConvLayerArgs, PenaltyOptions<'kernel'> {
  filters: number
  kernelInitializer?: InitializerIdentifier
}

/** What convolutions have in common: windows along axes, and what follows their product with a kernel. */
abstract class Windowed<Args extends BaseConvLayerArgs> extends StandardLayer<Args> {
  protected abstract readonly axes: number
  readonly activation: string
  readonly useBias: boolean
  readonly padding: 'valid' | 'same' | 'causal'

  constructor(args: Args) {
    super(args)
    requireGiven(this.where, 'kernelSize', args?.kernelSize)
    requireChannelsLast(this.where, args.dataFormat)
    this.activation = activationName(this.where, args.activation)
    this.useBias = args.useBias ?? true
    this.padding = args.padding ?? 'valid'
  }

  protected sizes(name: 'kernelSize' | 'strides' | 'dilationRate'): number[] {
    return eachAxis(this.where, name, this.args[name] ?? 1, this.axes)
  }

  get kernelSize(): number[] {
    return this.sizes('kernelSize')
  }

  get strides(): number[] {
    return this.sizes('strides')
  }

  get dilationRate(): number[] {
    return this.sizes('dilationRate')
  }

  override lower([x]: readonly Value[], kwargs: Kwargs): readonly Value[] {
    requireAxes(`layer ${this.name}`, (x as Value).shape, this.axes)
    const { after } = activationOf(this.activation)
    const made = super.lower([unmasked(x as Value)], kwargs).map((value) => activated(value, after))
    return made.map((value) => maskedLike(value, [x as Value]))
  }

  override getConfig(): ConfigDict {
    const { kernelSize, strides, dilationRate, padding, activation, useBias } = this
    return { ...super.getConfig(), kernelSize, strides, padding, dilationRate, activation, useBias }
  }
}

/** A convolution by a layer of ours. */
abstract class Conv extends Windowed<ConvLayerArgs> {
  protected override readonly initializers = { kernel: 'glorotNormal', bias: 'zeros' } as const
  readonly filters: number
  protected abstract readonly maker: (options: never) => AnyLayer

  constructor(args: ConvLayerArgs) {
    super(args)
    requireGiven(this.where, 'filters', args.filters)
    this.filters = args.filters
  }

  protected override make(): AnyLayer {
    const { where, args, filters, kernelSize, strides, dilationRate, padding, useBias } = this
    return this.maker({
      name: coreName(this.name),
      filters,
      kernelSize,
      strides,
      dilationRate,
      padding: padding as 'valid',
      activation: activationOf(this.activation).fused as 'linear',
      useBias,
      kernelInitializer: this.initializer('kernel'),
      biasInitializer: this.initializer('bias'),
      ...penalties(where, args, ['kernel', 'bias', 'activity']),
    } as never)
  }
}

/** A convolution over the steps of sequences. */
export class Conv1D extends Conv {
  static override className = 'Conv1D'
  protected override readonly axes = 1
  protected override readonly maker = layers.conv1d
}

/** A convolution over the height and the width of images. */
export class Conv2D extends Conv {
  static override className = 'Conv2D'
  protected override readonly axes = 2
  protected override readonly maker = layers.conv2d
}

/** A convolution over the depth, the height and the width of volumes. */
export class Conv3D extends Conv {
  static override className = 'Conv3D'
  protected override readonly axes = 3
  protected override readonly maker = layers.conv3d
}

/** The opposite of a strided convolution of images. */
export class Conv2DTranspose extends Conv {
  static override className = 'Conv2DTranspose'
  protected override readonly axes = 2
  protected override readonly maker = layers.conv2dTranspose
}

/** The opposite of a strided convolution of volumes. */
export class Conv3DTranspose extends Conv {
  static override className = 'Conv3DTranspose'
  protected override readonly axes = 3
  protected override readonly maker = layers.conv3dTranspose
}

/** Options of `tf.layers.depthwiseConv2d`. */
export interface DepthwiseConv2DLayerArgs extends BaseConvLayerArgs, PenaltyOptions<'depthwise'> {
  /** How many outputs each channel has; default 1. */
  depthMultiplier?: number
  depthwiseInitializer?: InitializerIdentifier
}

/** Options of `tf.layers.separableConv2d`. */
export interface SeparableConvLayerArgs extends DepthwiseConv2DLayerArgs, PenaltyOptions<'pointwise'> {
  filters: number
  pointwiseInitializer?: InitializerIdentifier
}

/** What convolutions of each channel alone have in common. */
abstract class Depthwise<Args extends DepthwiseConv2DLayerArgs> extends Windowed<Args> {
  protected override readonly axes = 2
  readonly depthMultiplier: number

  constructor(args: Args) {
    super(args)
    this.depthMultiplier = args.depthMultiplier ?? 1
  }

  /** Options of both layers of ours. */
  protected options(names: readonly string[]) {
    const { where, args, depthMultiplier, kernelSize, strides, dilationRate, padding, useBias } = this
    return {
      name: coreName(this.name),
      depthMultiplier,
      kernelSize,
      strides,
      dilationRate,
      padding: padding as 'valid',
      activation: activationOf(this.activation).fused as 'linear',
      useBias,
      depthwiseInitializer: this.initializer('depthwise'),
      biasInitializer: this.initializer('bias'),
      ...penalties(where, args, ['depthwise', 'bias', 'activity', ...names]),
    }
  }
}

/** A convolution of each channel alone. */
export class DepthwiseConv2D extends Depthwise<DepthwiseConv2DLayerArgs> {
  static override className = 'DepthwiseConv2D'
  protected override readonly initializers = { depthwise: 'glorotNormal', bias: 'zeros' } as const

  protected override make(): AnyLayer {
    return layers.depthwiseConv2d(this.options([]) as never) as AnyLayer
  }
}

/** A convolution of each channel alone, then a dense layer at each place. */
export class SeparableConv2D extends Depthwise<SeparableConvLayerArgs> {
  static override className = 'SeparableConv2D'
  protected override readonly initializers = {
    depthwise: 'glorotUniform',
    pointwise: 'glorotUniform',
    bias: 'zeros',
  } as const
  readonly filters: number

  constructor(args: SeparableConvLayerArgs) {
    super(args)
    requireGiven(this.where, 'filters', args.filters)
    this.filters = args.filters
  }

  protected override make(): AnyLayer {
    return layers.separableConv2d({
      ...this.options(['pointwise']),
      filters: this.filters,
      pointwiseInitializer: this.initializer('pointwise'),
    } as never) as AnyLayer
  }
}
