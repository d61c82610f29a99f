import { describe, SeqloomError } from '../../errors.js'
import * as ops from '../../graph/trace/ops.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import type { InitializerIdentifier } from './basic.js'
import { requireGiven } from './basic.js'
import { coreName } from './input.js'
import { type ConfigDict, Layer, type LayerArgs, StandardLayer } from './layer.js'
import { activationName, activationOf, initializerOf } from './options.js'
import { type PenaltyOptions, rulesOf } from './penalties.js'
import { larger, largest } from './ties.js'
import { unmasked } from './wrappers.js'
import { activated, written, writtenLayer } from './written.js'

/** Reduces the steps; as in tfjs, padded ones count. */
abstract class GlobalPooling1D extends Layer {
  constructor(args: LayerArgs = {}) {
    super(args)
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  protected abstract pooled(x: Value): Value

  override lower([x]: readonly Value[]): readonly Value[] {
    return [this.pooled(unmasked(x as Value))]
  }
}

export class GlobalAveragePooling1D extends GlobalPooling1D {
  static override className = 'GlobalAveragePooling1D'

  protected override pooled(x: Value): Value {
    return layers.globalAveragePooling1d().apply(x) as Value
  }
}

export class GlobalMaxPooling1D extends GlobalPooling1D {
  static override className = 'GlobalMaxPooling1D'

  protected override pooled(x: Value): Value {
    return written('global_max_pooling1d', [x], ([steps]) => largest(steps as SymbolicValue, 1))
  }
}

/** How the borders are treated. */
type Padding = 'valid' | 'same' | 'causal'

/** Options of the pooling layers with windows. */
export interface Pooling1DLayerArgs extends LayerArgs {
  poolSize?: number | [number]
  strides?: number | [number]
  padding?: 'valid' | 'same'
}

/** How many steps a window may reach over: each is an operation of its own. */
const longestWindow = 4096

/** A size of windows. `ERR_OPTION` for what is none. */
function windowSize(where: string, name: string, given: number | readonly number[]): number {
  const size = Array.isArray(given) ? given[0] : given
  if (Number.isInteger(size) && size > 0 && size <= longestWindow) return size
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: ${name} must be an integer from 1 to ${longestWindow}, not ${describe(given)}`,
  )
}

/** The length of a sequence, which must be known. */
function lengthOf(where: string, x: Value): number {
  const [, steps, ...features] = x.shape
  if (features.length !== 1 || features[0] === null) {
    throw new SeqloomError('ERR_SHAPE', `${where}: expected sequences [batch, time, features], got [${x.shape}]`)
  }
  if (typeof steps === 'number') return steps
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `${where}: the number of steps must be known, so give it in the input's shape`,
  )
}

/** Where windows begin, and how many steps of filling there must be on both sides. */
function windows(steps: number, size: number, stride: number, padding: Padding) {
  const span = padding === 'valid' ? steps : Math.max(0, (Math.ceil(steps / stride) - 1) * stride + size)
  const missing = padding === 'valid' ? 0 : padding === 'causal' ? size - 1 : Math.max(0, span - steps)
  const before = padding === 'causal' ? missing : Math.floor(missing / 2)
  const after = missing - before
  const count = Math.floor((steps + missing - size) / stride) + 1
  return { before, after, count }
}

/** Each place of the windows, for all of them: `[batch, count, features]`. */
function places(x: SymbolicValue, size: number, stride: number, count: number, dilation = 1): SymbolicValue[] {
  return Array.from({ length: size }, (_, at) => {
    const from = at * dilation
    if (stride === 1) return x.slice(from, from + count, 1)
    return ops.concat(
      Array.from({ length: count }, (_, index) => x.slice(from + index * stride, from + index * stride + 1, 1)),
      1,
    )
  })
}

/** A sequence with steps of a value before and after it. */
function filled(x: SymbolicValue, before: number, after: number, value: number): SymbolicValue {
  const step = x.slice(0, 1, 1).mul(0).add(value)
  const all = [...Array<SymbolicValue>(before).fill(step), x, ...Array<SymbolicValue>(after).fill(step)]
  return all.length === 1 ? x : ops.concat(all, 1)
}

abstract class Pooling1D extends Layer {
  readonly poolSize: number
  readonly strides: number
  readonly padding: 'valid' | 'same'

  constructor(args: Pooling1DLayerArgs = {}) {
    super(args)
    const where = `layer '${this.name}'`
    this.poolSize = windowSize(where, 'poolSize', args?.poolSize ?? 2)
    this.strides = windowSize(where, 'strides', args?.strides ?? this.poolSize)
    this.padding = args?.padding ?? 'valid'
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  protected abstract readonly filling: number
  protected abstract reduced(all: readonly SymbolicValue[], sizes: readonly number[]): SymbolicValue

  override lower([x]: readonly Value[]): readonly Value[] {
    const where = `layer '${this.name}'`
    const { poolSize, strides } = this
    const steps = lengthOf(where, x as Value)
    const { before, after, count } = windows(steps, poolSize, strides, this.padding)
    if (count < 1) throw new SeqloomError('ERR_SHAPE', `${where}: ${steps} steps are fewer than poolSize ${poolSize}`)
    // How many steps of each window are not filling.
    const sizes = Array.from({ length: count }, (_, at) => {
      const start = at * strides - before
      return Math.min(start + poolSize, steps) - Math.max(start, 0)
    })
    const pooled = written('pooling', [x as Value], ([given]) =>
      this.reduced(
        places(filled(given as SymbolicValue, before, after, this.filling), poolSize, strides, count),
        sizes,
      ),
    )
    return [pooled]
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), poolSize: [this.poolSize], strides: [this.strides], padding: this.padding }
  }
}

export class MaxPooling1D extends Pooling1D {
  static override className = 'MaxPooling1D'
  protected override readonly filling = -3.4e38

  protected override reduced(all: readonly SymbolicValue[]): SymbolicValue {
    return all.reduce(larger)
  }
}

export class AveragePooling1D extends Pooling1D {
  static override className = 'AveragePooling1D'
  protected override readonly filling = 0

  protected override reduced(all: readonly SymbolicValue[], sizes: readonly number[]): SymbolicValue {
    const sum = all.reduce((a, b) => a.add(b))
    if (new Set(sizes).size === 1) return sum.div(sizes[0] as number)
    return ops.concat(
      sizes.map((size, at) => sum.slice(at, at + 1, 1).div(size)),
      1,
    )
  }
}

/** Options of `tf.layers.conv1d`. */
export interface ConvLayerArgs extends LayerArgs, PenaltyOptions<'kernel' | 'bias'> {
  filters: number
  kernelSize: number | number[]
  strides?: number | number[]
  padding?: Padding
  dataFormat?: string
  dilationRate?: number | [number]
  activation?: string | null
  useBias?: boolean
  kernelInitializer?: InitializerIdentifier
  biasInitializer?: InitializerIdentifier
}

/** A convolution over the steps of sequences whose number is known. */
export class Conv1D extends StandardLayer<ConvLayerArgs> {
  static override className = 'Conv1D'
  readonly filters: number
  readonly kernelSize: number
  readonly strides: number
  readonly padding: Padding
  readonly dilationRate: number
  readonly activation: string
  readonly useBias: boolean
  #conv: AnyLayer | undefined
  #shape: string | undefined

  constructor(args: ConvLayerArgs) {
    super(args)
    requireGiven(this.where, 'filters', args?.filters)
    requireGiven(this.where, 'kernelSize', args.kernelSize)
    this.filters = args.filters
    this.kernelSize = windowSize(this.where, 'kernelSize', args.kernelSize)
    this.strides = windowSize(this.where, 'strides', args.strides ?? 1)
    this.padding = args.padding ?? 'valid'
    this.dilationRate = windowSize(this.where, 'dilationRate', args.dilationRate ?? 1)
    windowSize(this.where, '(kernelSize - 1) · dilationRate + 1', (this.kernelSize - 1) * this.dilationRate + 1)
    this.activation = activationName(this.where, args.activation)
    this.useBias = args.useBias ?? true
    if (args.dataFormat === 'channelsFirst') {
      throw new SeqloomError('ERR_UNSUPPORTED', `${this.where}: dataFormat must be 'channelsLast'`)
    }
  }

  protected override make(): AnyLayer {
    throw new SeqloomError('ERR_STATE', `${this.where} is not built`)
  }

  override cores(): readonly AnyLayer[] {
    return this.#conv ? [this.#conv] : []
  }

  override lower([x]: readonly Value[]): readonly Value[] {
    const { where, args, kernelSize, strides, dilationRate } = this
    const steps = lengthOf(where, x as Value)
    const features = x?.shape[2] as number
    const span = (kernelSize - 1) * dilationRate + 1
    const { before, after, count } = windows(steps, span, strides, this.padding)
    if (count < 1) throw new SeqloomError('ERR_SHAPE', `${where}: ${steps} steps are fewer than the kernel's ${span}`)
    const shape = `${steps},${features}`
    if (this.#shape !== undefined && this.#shape !== shape) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `${where}: applied to sequences of ${shape} after ${this.#shape} (steps, features)`,
      )
    }
    this.#shape = shape
    const kernel = {
      shape: [kernelSize, features, this.filters],
      initializer: initializerOf(where, args.kernelInitializer ?? 'glorotNormal'),
      ...rulesOf(where, args, 'kernel'),
    }
    const bias = {
      shape: [this.filters],
      initializer: initializerOf(where, args.biasInitializer ?? 'zeros'),
      ...rulesOf(where, args, 'bias'),
    }
    this.#conv ??= writtenLayer(
      'conv1d',
      [x as Value],
      ([given], weights) => {
        const all = places(filled(given as SymbolicValue, before, after, 0), kernelSize, strides, count, dilationRate)
        const products = all.map((each, at) =>
          each.matmul((weights.kernel as SymbolicValue).slice(at, at + 1, 0).sum({ axis: 0 })),
        )
        const sum = products.reduce((a, b) => a.add(b))
        return this.useBias ? sum.add(weights.bias as SymbolicValue) : sum
      },
      this.useBias ? { kernel, bias } : { kernel },
      { name: coreName(this.name), trainable: this.trainable },
    ) as AnyLayer
    const value = this.#conv.apply(x as Value) as Value
    const { fused, after: composed } = activationOf(this.activation)
    const active =
      fused === 'linear' ? value : (layers.activation({ activation: fused as 'relu' }).apply(value) as Value)
    return [activated(active, composed)]
  }

  override getConfig(): ConfigDict {
    return {
      ...super.getConfig(),
      kernelSize: [this.kernelSize],
      strides: [this.strides],
      dilationRate: [this.dilationRate],
      activation: this.activation,
    }
  }
}
