import type { LayerScope, Value } from '../graph/builder.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { integer } from '../options.js'
import { Windowed, type WindowedOptions } from './convolution.js'
import { depthwise } from './depthwiseConvolution.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link separableConv1d}; those of {@link separableConv2d} are the same, without causal padding. */
export interface SeparableConvOptions extends WindowedOptions, RuleOptions<'depthwise' | 'pointwise' | 'bias'> {
  /** The size of the output's last dimension. */
  readonly filters: number
  /** How many results there are of each channel before they are combined; default 1. */
  readonly depthMultiplier?: number
  /** Default `'glorotUniform'`. */
  readonly depthwiseInitializer?: InitializerName | Initializer
  /** Default `'glorotUniform'`. */
  readonly pointwiseInitializer?: InitializerName | Initializer
}

/** Convolutions that keep channels apart at first, and then combine them at every place. */
export abstract class SeparableConvolution extends Windowed {
  readonly filters: number
  readonly #multiplier: number
  readonly #depthwise: Initializer
  readonly #pointwise: Initializer

  protected constructor(where: string, axes: number, options: SeparableConvOptions) {
    super(options, {
      where,
      axes,
      accepted: {
        filters: integer(1),
        depthMultiplier: integer(1),
        depthwiseInitializer: initializerCheck,
        pointwiseInitializer: initializerCheck,
      },
      required: ['filters'],
      roles: ['depthwise', 'pointwise', 'bias'],
      paddings: axes === 1 ? ['valid', 'same', 'causal'] : ['valid', 'same'],
    })
    this.filters = options.filters
    this.#multiplier = options.depthMultiplier ?? 1
    this.#depthwise = resolveInitializer(options.depthwiseInitializer ?? 'glorotUniform')
    this.#pointwise = resolveInitializer(options.pointwiseInitializer ?? 'glorotUniform')
  }

  protected override units(): number {
    return this.filters
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { windows, filters } = this
    const channels = this.features(x.shape)
    const shape = [...windows.map(({ size }) => size), channels, this.#multiplier]
    const kernel = scope.weight('depthwise_kernel', shape, this.#depthwise)
    const single = [...windows.map(() => 1), channels * this.#multiplier, filters]
    const pointwise = scope.weight('pointwise_kernel', single, this.#pointwise)
    const weights = [pointwise, ...this.biasWeight(scope, filters)]
    const rows = depthwise(scope, x, windows, kernel, shape)
    return this.activated(scope, scope.node('dense', [rows], weights, rows.shape.with(-1, filters), {}))
  }

  override config(): Record<string, unknown> {
    return {
      filters: this.filters,
      depthMultiplier: this.#multiplier,
      ...super.config(),
      depthwiseInitializer: this.#depthwise,
      pointwiseInitializer: this.#pointwise,
    }
  }
}
