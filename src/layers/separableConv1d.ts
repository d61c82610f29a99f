import type { LayerScope, Value } from '../graph/builder.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { integer } from '../options.js'
import { Windowed, type WindowedOptions } from './convolution.js'
import { depthwise } from './depthwiseConv1d.js'
import type { RuleOptions } from './weightRules.js'
import type { Windows } from './windows.js'

/** Options of {@link separableConv1d}. */
export interface SeparableConv1DOptions extends WindowedOptions, RuleOptions<'depthwise' | 'pointwise' | 'bias'> {
  /** The size of the output's last dimension. */
  readonly filters: number
  /** How many results there are of each channel before they are combined; default 1. */
  readonly depthMultiplier?: number
  /** Default `'glorotUniform'`. */
  readonly depthwiseInitializer?: InitializerName | Initializer
  /** Default `'glorotUniform'`. */
  readonly pointwiseInitializer?: InitializerName | Initializer
}

/** The layer that {@link separableConv1d} makes. */
export class SeparableConv1D extends Windowed {
  static override readonly className = 'SeparableConv1D'
  override readonly baseName = 'separable_conv1d'
  readonly filters: number
  readonly #multiplier: number
  readonly #depthwise: Initializer
  readonly #pointwise: Initializer

  constructor(options: SeparableConv1DOptions) {
    super(options, {
      where: 'layers.separableConv1d',
      axes: 1,
      accepted: {
        filters: integer(1),
        depthMultiplier: integer(1),
        depthwiseInitializer: initializerCheck,
        pointwiseInitializer: initializerCheck,
      },
      required: ['filters'],
      roles: ['depthwise', 'pointwise', 'bias'],
      paddings: ['valid', 'same', 'causal'],
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
    const [window] = this.windows as readonly [Windows]
    const shape = [window.size, this.features(x.shape), this.#multiplier] as const
    const kernel = scope.weight('depthwise_kernel', shape, this.#depthwise)
    const width = shape[1] * shape[2]
    const pointwise = scope.weight('pointwise_kernel', [1, width, this.filters], this.#pointwise)
    const weights = [pointwise, ...this.biasWeight(scope, this.filters)]
    const rows = depthwise(scope, x, window, kernel, shape)
    return this.activated(scope, scope.node('dense', [rows], weights, rows.shape.with(2, this.filters), {}))
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

/**
 * A convolution over the steps of a sequence that first keeps channels apart, like `depthwiseConv1d`, and then combines
 * them at every step.
 *
 * Input `[batch, time, channels]`; output `[batch, places, filters]`. Weights: depthwise_kernel
 * `[kernelSize, channels, depthMultiplier]`, pointwise_kernel `[1, channels · depthMultiplier, filters]`, bias
 * `[filters]`. Masks, lengths and sessions as in `conv1d`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function separableConv1d(options: SeparableConv1DOptions): SeparableConv1D {
  return new SeparableConv1D(options)
}
