import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { type InitializerIdentifier, requireGiven } from './basic.js'
import { coreName } from './coreName.js'
import { type ConfigDict, type Kwargs, type LayerArgs, StandardLayer } from './layer.js'
import { maskedLike, unmasked } from './masks.js'
import { activationName, activationOf, initializerOf } from './options.js'
import { type PenaltyOptions, penalties, rulesOf } from './penalties.js'
import { eachAxis, requireAxes, requireChannelsLast, type Sizes } from './sizes.js'
import { activated, type WrittenWeight, writtenLayer } from './written.js'

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
    const made = this.convolved(unmasked(x as Value), kwargs).map((value) => activated(value, after))
    return made.map((value) => maskedLike(value, [x as Value]))
  }

  protected convolved(x: Value, kwargs: Kwargs): readonly Value[] {
    return super.lower([x], kwargs)
  }

  override getConfig(): ConfigDict {
    const { kernelSize, strides, dilationRate, padding, activation, useBias } = this
    return { ...super.getConfig(), kernelSize, strides, padding, dilationRate, activation, useBias }
  }
}

/** A convolution by a layer of ours. */
abstract class Conv extends Windowed<ConvLayerArgs> {
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
      kernelInitializer: initializerOf(where, args.kernelInitializer ?? 'glorotNormal'),
      biasInitializer: initializerOf(where, args.biasInitializer ?? 'zeros'),
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

/** A convolution of each channel alone. */
abstract class Depthwise<Args extends DepthwiseConv2DLayerArgs> extends Windowed<Args> {
  protected override readonly axes = 2
  readonly depthMultiplier: number
  #written: AnyLayer | undefined

  constructor(args: Args) {
    super(args)
    this.depthMultiplier = args.depthMultiplier ?? 1
  }

  override cores(): readonly AnyLayer[] {
    return this.#written ? [this.#written] : []
  }

  protected override make(): AnyLayer {
    return this.#written as AnyLayer
  }

  protected weight(role: string, shape: readonly number[], standard: string): WrittenWeight {
    const { where, args } = this
    const initializer = (args as unknown as Readonly<Record<string, unknown>>)[`${role}Initializer`] ?? standard
    return { shape, initializer: initializerOf(where, initializer), ...rulesOf(where, args, role) }
  }

  /** The weights after the first one, without the bias. */
  protected abstract mixing(channels: number): Readonly<Record<string, WrittenWeight>>
  protected abstract mixed(x: SymbolicValue, weights: Readonly<Record<string, SymbolicValue>>): SymbolicValue
  protected abstract units(channels: number): number

  protected override convolved(x: Value): readonly Value[] {
    const { depthMultiplier, kernelSize, strides, dilationRate, padding } = this
    const channels = x.shape[3] as number
    this.#written ??= writtenLayer(
      'depthwise',
      [x],
      ([given], weights) => {
        const cut = kernelSize.reduce(
          (value, size, at) =>
            value.windows(size, {
              axis: 1 + 2 * at,
              stride: strides[at] as number,
              dilation: dilationRate[at] as number,
              padding,
            }),
          given as SymbolicValue,
        )
        // One product for each element of the windows, `[batch, rows, columns, channels, 1]` times `[channels, multiplier]`.
        const [height, width] = kernelSize as [number, number]
        const products = Array.from({ length: height * width }, (_, at) => {
          const [row, column] = [Math.floor(at / width), at % width]
          const element = cut
            .slice(column, column + 1, 4)
            .squeeze(4)
            .slice(row, row + 1, 2)
            .squeeze(2)
          const kernel = (weights.depthwise_kernel as SymbolicValue).slice(row, row + 1, 0).slice(column, column + 1, 1)
          return element.expandDims(4).mul(kernel.sum({ axis: [0, 1] }))
        })
        const sums = products.reduce((sum, each) => sum.add(each))
        const [, rows, columns] = sums.shape as [string, number, number]
        const all = this.mixed(sums.reshape([rows, columns, channels * depthMultiplier]), weights)
        return this.useBias ? all.add(weights.bias as SymbolicValue) : all
      },
      {
        depthwise_kernel: this.weight('depthwise', [...kernelSize, channels, depthMultiplier], 'glorotNormal'),
        ...this.mixing(channels * depthMultiplier),
        ...(this.useBias && { bias: this.weight('bias', [this.units(channels * depthMultiplier)], 'zeros') }),
      },
      { name: coreName(this.name), trainable: this.trainable },
    ) as AnyLayer
    const value = this.#written.apply(x) as Value
    const { fused } = activationOf(this.activation)
    return [fused === 'linear' ? value : (layers.activation({ activation: fused as 'relu' }).apply(value) as Value)]
  }
}

export class DepthwiseConv2D extends Depthwise<DepthwiseConv2DLayerArgs> {
  static override className = 'DepthwiseConv2D'

  protected override mixing(): Readonly<Record<string, WrittenWeight>> {
    return {}
  }

  protected override mixed(x: SymbolicValue): SymbolicValue {
    return x
  }

  protected override units(channels: number): number {
    return channels
  }
}

/** A convolution of each channel alone, then a dense layer at each place. */
export class SeparableConv2D extends Depthwise<SeparableConvLayerArgs> {
  static override className = 'SeparableConv2D'
  readonly filters: number

  constructor(args: SeparableConvLayerArgs) {
    super(args)
    requireGiven(this.where, 'filters', args.filters)
    this.filters = args.filters
  }

  protected override mixing(channels: number): Readonly<Record<string, WrittenWeight>> {
    return { pointwise_kernel: this.weight('pointwise', [1, 1, channels, this.filters], 'glorotNormal') }
  }

  protected override mixed(x: SymbolicValue, weights: Readonly<Record<string, SymbolicValue>>): SymbolicValue {
    return x.matmul((weights.pointwise_kernel as SymbolicValue).sum({ axis: [0, 1] }))
  }

  protected override units(): number {
    return this.filters
  }
}
