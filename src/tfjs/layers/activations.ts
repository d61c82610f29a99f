import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import type { InitializerIdentifier } from './basic.js'
import { coreName } from './coreName.js'
import { type ConfigDict, Layer, type LayerArgs, StandardLayer } from './layer.js'
import { type PenaltyOptions, penalties } from './penalties.js'
import { written } from './written.js'

/** An activation with settings of its own. */
abstract class WrittenActivation extends Layer {
  override supportsMasking = true

  override cores(): readonly AnyLayer[] {
    return []
  }

  protected abstract activate(x: SymbolicValue): SymbolicValue
  protected abstract settings(): ConfigDict

  override lower(values: readonly Value[]): readonly Value[] {
    return [written('activation', values, ([x]) => this.activate(x as SymbolicValue))]
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), ...this.settings() }
  }
}

/** max(x, 0), and at most `maxValue`. */
export class ReLU extends WrittenActivation {
  static override className = 'ReLU'
  readonly maxValue: number | null

  constructor(args: LayerArgs & { maxValue?: number } = {}) {
    super(args)
    this.maxValue = args?.maxValue ?? null
  }

  protected override activate(x: SymbolicValue): SymbolicValue {
    return this.maxValue === null ? x.relu() : x.relu().minimum(this.maxValue)
  }

  protected override settings(): ConfigDict {
    return { maxValue: this.maxValue }
  }
}

/** x, or `alpha` · x below 0; `alpha` is 0.3 by default. */
export class LeakyReLU extends WrittenActivation {
  static override className = 'LeakyReLU'
  readonly alpha: number

  constructor(args: LayerArgs & { alpha?: number } = {}) {
    super(args)
    this.alpha = args?.alpha ?? 0.3
  }

  protected override activate(x: SymbolicValue): SymbolicValue {
    return x.relu().add(x.minimum(0).mul(this.alpha))
  }

  protected override settings(): ConfigDict {
    return { alpha: this.alpha }
  }
}

/** Options of `tf.layers.prelu`. */
export interface PReLULayerArgs extends LayerArgs, PenaltyOptions<'alpha'> {
  alphaInitializer?: InitializerIdentifier
  /** Dimensions along which alpha is the same, counted from 1. */
  sharedAxes?: number | number[]
}

/** x, or `alpha` · x below 0, where alpha is learned. */
export class PReLU extends StandardLayer<PReLULayerArgs> {
  static override className = 'PReLU'
  protected override readonly initializers = { alpha: 'zeros' } as const
  override supportsMasking = true

  constructor(args: PReLULayerArgs = {}) {
    super(args)
  }

  protected override make(): AnyLayer {
    const { where, args } = this
    return layers.prelu({
      name: coreName(this.name),
      alphaInitializer: this.initializer('alpha'),
      sharedAxes: args.sharedAxes ?? null,
      ...penalties(where, args, ['alpha']),
    } as never) as AnyLayer
  }
}

/** x, or `alpha` · (exp(x) - 1) below 0. */
export class ELU extends WrittenActivation {
  static override className = 'ELU'
  readonly alpha: number

  constructor(args: LayerArgs & { alpha?: number } = {}) {
    super(args)
    this.alpha = args?.alpha ?? 1
  }

  protected override activate(x: SymbolicValue): SymbolicValue {
    return x.relu().add(x.minimum(0).exp().sub(1).mul(this.alpha))
  }

  protected override settings(): ConfigDict {
    return { alpha: this.alpha }
  }
}

/** x where it is above `theta`, else 0. */
export class ThresholdedReLU extends WrittenActivation {
  static override className = 'ThresholdedReLU'
  readonly theta: number

  constructor(args: LayerArgs & { theta?: number } = {}) {
    super(args)
    this.theta = args?.theta ?? 1
  }

  protected override activate(x: SymbolicValue): SymbolicValue {
    return x.mul(x.greater(this.theta))
  }

  protected override settings(): ConfigDict {
    return { theta: this.theta }
  }
}

/** exp(x) over its sum along an axis, by default the last. */
export class Softmax extends WrittenActivation {
  static override className = 'Softmax'
  readonly axis: number

  constructor(args: LayerArgs & { axis?: number } = {}) {
    super(args)
    this.axis = args?.axis ?? -1
  }

  protected override activate(x: SymbolicValue): SymbolicValue {
    return x.softmax({ axis: this.axis })
  }

  protected override settings(): ConfigDict {
    return { axis: this.axis }
  }
}

/** The values times a number, plus another. */
export class Rescaling extends WrittenActivation {
  static override className = 'Rescaling'
  readonly scale: number
  readonly offset: number

  constructor(args: LayerArgs & { scale: number; offset?: number }) {
    super(args)
    this.scale = args.scale
    this.offset = args.offset ?? 0
  }

  protected override activate(x: SymbolicValue): SymbolicValue {
    return x.mul(this.scale).add(this.offset)
  }

  protected override settings(): ConfigDict {
    return { scale: this.scale, offset: this.offset }
  }
}
