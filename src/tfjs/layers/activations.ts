import { SeqloomError } from '../../errors.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import type { InitializerIdentifier } from './basic.js'
import { coreName } from './coreName.js'
import { type ConfigDict, Layer, type LayerArgs, StandardLayer, toList } from './layer.js'
import { maskedLike, unmasked } from './masks.js'
import { initializerOf } from './options.js'
import { type PenaltyOptions, rulesOf } from './penalties.js'
import { written, writtenLayer } from './written.js'

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

/** x, or `alpha` · x below 0, where alpha is learned for each feature. */
export class PReLU extends StandardLayer<PReLULayerArgs> {
  static override className = 'PReLU'
  override supportsMasking = true
  #written: AnyLayer | undefined

  constructor(args: PReLULayerArgs = {}) {
    super(args)
  }

  protected override make(): AnyLayer {
    throw new SeqloomError('ERR_STATE', `${this.where} is not built`)
  }

  override cores(): readonly AnyLayer[] {
    return this.#written ? [this.#written] : []
  }

  override lower([x]: readonly Value[]): readonly Value[] {
    const { where, args } = this
    const shared = toList(args.sharedAxes ?? [])
    const shape = (x as Value).shape.slice(1).map((size, at) => (shared.includes(at + 1) ? 1 : size))
    if (shape.includes(null)) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `${where}: every dimension that alpha has must be known; share the others by sharedAxes`,
      )
    }
    const alpha = {
      shape: shape as number[],
      initializer: initializerOf(where, args.alphaInitializer ?? 'zeros'),
      ...rulesOf(where, args, 'alpha'),
    }
    this.#written ??= writtenLayer(
      'prelu',
      [x as Value],
      ([given], weights) => {
        const value = given as SymbolicValue
        return value.relu().add(value.minimum(0).mul(weights.alpha as SymbolicValue))
      },
      { alpha },
      { name: coreName(this.name), trainable: this.trainable },
    ) as AnyLayer
    const made = toList(this.#written.apply(unmasked(x as Value))) as Value[]
    return made.map((value) => maskedLike(value, [x as Value]))
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
