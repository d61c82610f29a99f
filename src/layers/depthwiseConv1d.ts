import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim } from '../graph/shape.js'
import { windowSettings } from '../graph/trace/windows.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { integer } from '../options.js'
import { Windowed, type WindowedOptions } from './convolution.js'
import type { RuleOptions } from './weightRules.js'
import { cut, type Windows } from './windows.js'

/** Options of {@link depthwiseConv1d}. */
export interface DepthwiseConv1DOptions extends WindowedOptions, RuleOptions<'depthwise' | 'bias'> {
  /** How many results there are of each channel; default 1. */
  readonly depthMultiplier?: number
  /** Default `'glorotUniform'`. */
  readonly depthwiseInitializer?: InitializerName | Initializer
  readonly padding?: 'valid' | 'same'
}

/** The layer that {@link depthwiseConv1d} makes. */
export class DepthwiseConv1D extends Windowed {
  static override readonly className = 'DepthwiseConv1D'
  override readonly baseName = 'depthwise_conv1d'
  readonly #multiplier: number
  readonly #kernel: Initializer

  constructor(options: DepthwiseConv1DOptions) {
    super(options, {
      where: 'layers.depthwiseConv1d',
      axes: 1,
      accepted: { depthMultiplier: integer(1), depthwiseInitializer: initializerCheck },
      roles: ['depthwise', 'bias'],
      paddings: ['valid', 'same'],
    })
    this.#multiplier = options.depthMultiplier ?? 1
    this.#kernel = resolveInitializer(options.depthwiseInitializer ?? 'glorotUniform')
  }

  protected override units(channels: number): number {
    return channels * this.#multiplier
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [window] = this.windows as readonly [Windows]
    const shape = [window.size, this.features(x.shape), this.#multiplier] as const
    const kernel = scope.weight('depthwise_kernel', shape, this.#kernel)
    return this.activated(scope, this.biased(scope, depthwise(scope, x, window, kernel, shape)))
  }

  override config(): Record<string, unknown> {
    return { depthMultiplier: this.#multiplier, ...super.config(), depthwiseInitializer: this.#kernel }
  }
}

/** Each channel's windows times its own kernels, `[window, channels, multiplier]`: `[batch, places, channels · multiplier]`. */
export function depthwise(
  scope: LayerScope,
  x: Value,
  window: Windows,
  weight: number,
  shape: readonly [size: number, channels: number, multiplier: number],
): Value {
  const [size, channels, multiplier] = shape
  const sum = (value: Value, axis: number, part: string) => {
    const settings = { kind: 'sum', axes: [axis], keepDims: false } as const
    return scope.node('reduce', [value], [], value.shape.toSpliced(axis, 1), settings, part)
  }
  const parts = cut(scope, x, [window])
  const [batch, places] = parts.shape as [Dim, Dim]
  const kernel = scope.node('parameter', [], [weight], shape, {}, 'kernel')
  const multiply = { kind: 'multiply' } as const
  if (multiplier === 1) {
    const single = sum(kernel, 2, 'kernel')
    return sum(scope.node('elementwise', [parts, single], [], parts.shape, multiply, 'products'), 2, 'sum')
  }
  const one = [batch, places, size, channels, 1]
  const apart = scope.node('windows', [parts], [], one, windowSettings(3, { size: 1 }), 'windows')
  const all = [batch, places, size, channels, multiplier]
  const sums = sum(scope.node('elementwise', [apart, kernel], [], all, multiply, 'products'), 2, 'sum')
  // All channels are one window, whose elements are one axis with the results of each.
  const joined = [batch, places, 1, channels * multiplier]
  const whole = windowSettings(2, { size: channels }, true)
  return sum(scope.node('windows', [sums], [], joined, whole, 'joined'), 2, 'joined')
}

/**
 * A convolution over the steps of a sequence that keeps channels apart: each is convolved with `depthMultiplier`
 * kernels of its own.
 *
 * Input `[batch, time, channels]`; output `[batch, places, channels · depthMultiplier]`, the results of a channel side
 * by side. Weights: depthwise_kernel `[kernelSize, channels, depthMultiplier]` and bias. Masks and lengths as in
 * `conv1d`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function depthwiseConv1d(options: DepthwiseConv1DOptions): DepthwiseConv1D {
  return new DepthwiseConv1D(options)
}
