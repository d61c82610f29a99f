import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { type Check, flag, integer, oneOf } from '../options.js'
import { type ActivationName, activationCheck } from './activations.js'
import { Layer, type LayerOptions } from './layer.js'
import type { RuleOptions } from './weightRules.js'
import {
  axisNames,
  cut,
  cutAxis,
  eachAxis,
  flatCut,
  masked,
  type PerAxis,
  perAxis,
  placed,
  transposed,
  type Windows,
} from './windows.js'

/** Options of every convolution. */
export interface WindowedOptions extends LayerOptions {
  /** Steps of a window. */
  readonly kernelSize: PerAxis
  /** Steps from a window to the next; default 1. */
  readonly strides?: PerAxis
  /**
   * `'valid'`, the default: windows lie within the sequence. `'same'`: zeros are added at both ends, so that there is a
   * window for each stride. `'causal'`: they are added in front, so that a step depends on itself and earlier ones.
   */
  readonly padding?: 'valid' | 'same' | 'causal'
  /** Steps from an element of a window to the next; default 1. Above 1, `strides` must be 1. */
  readonly dilationRate?: PerAxis
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
  /** Default `'linear'`. */
  readonly activation?: ActivationName
  /** Whether there is a bias; default true. */
  readonly useBias?: boolean
  /** Default `'zeros'`. */
  readonly biasInitializer?: InitializerName | Initializer
}

/** Options of {@link conv1d}. */
export interface ConvolutionOptions extends WindowedOptions, RuleOptions<'kernel' | 'bias'> {
  /** The size of the output's last dimension. */
  readonly filters: number
  /** Into how many groups the channels are divided; each sees its own part of the input alone. Default 1. */
  readonly groups?: number
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
}

/** What a convolution's constructor is told. */
interface Kind {
  readonly where: string
  readonly axes: number
  readonly accepted?: Readonly<Record<string, Check>>
  readonly required?: readonly string[]
  readonly roles: readonly string[]
  readonly paddings: readonly string[]
  readonly refused?: Readonly<Record<string, readonly unknown[]>>
}

/** Layers that multiply windows with a kernel: their options, and how they end. */
export abstract class Windowed extends Layer {
  protected readonly axes: number
  protected readonly windows: readonly Windows[]
  readonly padding: 'valid' | 'same' | 'causal'
  protected readonly useBias: boolean
  readonly #activation: ActivationName
  readonly #bias: Initializer

  protected constructor(options: WindowedOptions, kind: Kind) {
    const { where, axes, accepted, required = [], roles, paddings, refused } = kind
    super(where, options, {
      accepted: {
        kernelSize: perAxis(axes),
        strides: perAxis(axes),
        padding: oneOf(paddings),
        dilationRate: perAxis(axes),
        activation: activationCheck,
        useBias: flag,
        biasInitializer: initializerCheck,
        ...accepted,
      },
      required: [...required, 'kernelSize'],
      roles,
      refused: { dataFormat: ['channelsLast', null], ...refused },
    })
    const [sizes, strides, rates] = [options.kernelSize, options.strides ?? 1, options.dilationRate ?? 1].map((each) =>
      eachAxis(each, axes),
    ) as [readonly number[], readonly number[], readonly number[]]
    if (strides.some((stride) => stride > 1) && rates.some((rate) => rate > 1)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: strides and dilationRate cannot both be above 1; got ${strides.join(', ')} and ${rates.join(', ')}`,
      )
    }
    this.axes = axes
    this.padding = options.padding ?? 'valid'
    this.windows = sizes.map((size, axis) => ({
      size,
      stride: strides[axis] as number,
      dilation: rates[axis] as number,
      padding: this.padding,
    }))
    this.useBias = options.useBias ?? true
    this.#activation = options.activation ?? 'linear'
    this.#bias = resolveInitializer(options.biasInitializer ?? 'zeros')
  }

  /** The size of the output's last dimension. */
  protected abstract units(channels: number): number

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.input1(inputs)
    const places = placed(shape.slice(0, -1), this.windows, (message) => this.shapeError(message))
    return [[...places, this.units(this.features(shape))]]
  }

  /** The only input's shape. */
  protected input1(inputs: readonly Shape[]): Shape {
    const shape = this.single(inputs, `[batch, ${axisNames(this.axes)}, channels]`, this.axes + 2)
    this.features(shape)
    return shape
  }

  protected biasWeight(scope: LayerScope, units: number): number[] {
    return this.useBias ? [scope.weight('bias', [units], this.#bias)] : []
  }

  /** Adds the bias to a value that has none yet. */
  protected biased(scope: LayerScope, y: Value): Value {
    const [bias] = this.biasWeight(scope, y.shape.at(-1) as number)
    if (bias === undefined) return y
    const b = scope.node('parameter', [], [bias], [y.shape.at(-1) as number], {}, 'bias')
    return scope.node('elementwise', [y, b], [], y.shape, { kind: 'add' }, 'bias')
  }

  protected activated(scope: LayerScope, y: Value): readonly Value[] {
    if (this.#activation === 'linear') return [y]
    return [scope.node('activation', [y], [], y.shape, { kind: this.#activation }, 'activation')]
  }

  override config(): Record<string, unknown> {
    const list = (name: 'size' | 'stride' | 'dilation') => this.windows.map((window) => window[name])
    return {
      kernelSize: list('size'),
      strides: list('stride'),
      padding: this.padding,
      dilationRate: list('dilation'),
      activation: this.#activation,
      useBias: this.useBias,
      biasInitializer: this.#bias,
    }
  }
}

/** A convolution over one axis or more. */
export abstract class Convolution extends Windowed {
  readonly filters: number
  readonly groups: number
  readonly #kernel: Initializer

  protected constructor(where: string, axes: number, options: ConvolutionOptions) {
    super(options, {
      where,
      axes,
      accepted: { filters: integer(1), groups: integer(1), kernelInitializer: initializerCheck },
      required: ['filters'],
      roles: ['kernel', 'bias'],
      paddings: axes === 1 ? ['valid', 'same', 'causal'] : ['valid', 'same'],
    })
    this.filters = options.filters
    this.groups = options.groups ?? 1
    this.#kernel = resolveInitializer(options.kernelInitializer ?? 'glorotUniform')
    if (this.filters % this.groups !== 0) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: filters must be a multiple of groups; got ${this.filters} and ${this.groups}`,
      )
    }
  }

  protected override units(channels: number): number {
    if (channels % this.groups !== 0) {
      throw this.shapeError(`${channels} channels cannot be divided into ${this.groups} groups`)
    }
    return this.filters
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { filters, groups, windows } = this
    const channels = this.features(x.shape)
    const shape = [...windows.map(({ size }) => size), channels / groups, filters]
    const kernel = scope.weight('kernel', shape, this.#kernel)
    if (groups === 1) {
      const weights = [kernel, ...this.biasWeight(scope, filters)]
      const rows = this.#rows(scope, x)
      return this.activated(scope, scope.node('dense', [rows], weights, [...rows.shape.slice(0, -1), filters], {}))
    }
    return this.activated(scope, this.biased(scope, this.#grouped(scope, x, kernel, shape)))
  }

  /** Each window as one row: one axis after the other, the last one first, is cut, and its windows joined to the channels. */
  #rows(scope: LayerScope, x: Value): Value {
    const isPlain = this.windows.every(({ size, stride }) => size === 1 && stride === 1)
    if (isPlain) return x
    const flat = flatCut(scope, x, this.windows.at(-1) as Windows)
    return this.windows.slice(0, -1).reduceRight((value, window, at) => {
      const parts = cutAxis(scope, value, window, 1 + at)
      const places = [0, ...this.windows.map((_, axis) => (axis <= at ? 1 + axis : 2 + axis))]
      const behind = transposed(scope, parts, [...places, 2 + at, places.length + 1])
      const width = window.size * (value.shape.at(-1) as number)
      return reshaped(this, scope, behind, [...behind.shape.slice(1, -2), width])
    }, flat)
  }

  /**
   * For each group the sum over the elements of a window, which are in front of the places, of products with the
   * kernel: `[window, places, channels]` times `[window, channels, filters]`.
   */
  #grouped(scope: LayerScope, x: Value, kernel: number, kernelShape: readonly number[]): Value {
    const { groups, filters, axes } = this
    const parts = cut(scope, x, this.windows)
    const [batch, ...rest] = parts.shape as [Dim, ...Dim[]]
    const [places, window] = [rest.slice(0, axes), rest.slice(axes, 2 * axes)]
    const permutation = [0, ...window.map((_, at) => 1 + axes + at), ...places.map((_, at) => 1 + at), 1 + 2 * axes]
    const inFront = transposed(scope, parts, permutation)
    const channels = this.features(x.shape)
    const count = places.reduce((product, dim) => (product === null || dim === null ? null : product * dim), 1)
    const rows = axes === 1 ? inFront : reshaped(this, scope, inFront, [...window, count, channels])
    const weight = scope.node('parameter', [], [kernel], kernelShape, {}, 'kernel')
    const part = (value: Value, axis: number, group: number, width: number) => {
      const settings = { axis, start: group * width, end: (group + 1) * width }
      return scope.node('slice', [value], [], value.shape.with(axis, width), settings, 'group')
    }
    const outer = filters / groups
    const sums = Array.from({ length: groups }, (_, group) => {
      const factors = [part(rows, axes + 2, group, channels / groups), part(weight, axes + 1, group, outer)]
      const settings = { transposeA: false, transposeB: false }
      const products = scope.node('matmul', factors, [], [batch, ...window, count, outer], settings, 'products')
      const reduce = { kind: 'sum', axes: window.map((_, at) => 1 + at), keepDims: false } as const
      return scope.node('reduce', [products], [], [batch, count, outer], reduce, 'sum')
    })
    const joined = scope.node('concatenate', sums, [], [batch, count, filters], { axis: -1 }, 'groups')
    return axes === 1 ? masked(scope, joined, parts) : reshaped(this, scope, joined, [...places, filters])
  }

  override config(): Record<string, unknown> {
    return { filters: this.filters, groups: this.groups, ...super.config(), kernelInitializer: this.#kernel }
  }
}

/** Rows under another shape, of which one size may be known only per call. */
export function reshaped(layer: Layer, scope: LayerScope, value: Value, shape: readonly Dim[]): Value {
  if (shape.filter((dim) => dim === null).length > 1) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `layer '${layer.label}' (${layer.className}): only one size of its input may be known per call alone`,
    )
  }
  return scope.node('reshape', [value], [], [value.shape[0] as Dim, ...shape], { shape }, 'rows')
}
