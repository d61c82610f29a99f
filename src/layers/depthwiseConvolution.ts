import type { LayerScope, Value } from '../graph/builder.js'
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
import { cut, cutAxis, type Windows } from './windows.js'

/** Options of {@link depthwiseConv1d} and {@link depthwiseConv2d}. */
export interface DepthwiseConvOptions extends WindowedOptions, RuleOptions<'depthwise' | 'bias'> {
  /** How many results there are of each channel; default 1. */
  readonly depthMultiplier?: number
  /** Default `'glorotUniform'`. */
  readonly depthwiseInitializer?: InitializerName | Initializer
  /** `'valid'`, the default: windows lie within the input. `'same'`: zeros are added at its ends. */
  readonly padding?: 'valid' | 'same'
}

/** Convolutions that keep channels apart. */
export abstract class DepthwiseConvolution extends Windowed {
  readonly #multiplier: number
  readonly #kernel: Initializer

  protected constructor(where: string, axes: number, options: DepthwiseConvOptions) {
    super(options, {
      where,
      axes,
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
    const shape = [...this.windows.map(({ size }) => size), this.features(x.shape), this.#multiplier]
    const kernel = scope.weight('depthwise_kernel', shape, this.#kernel)
    return this.activated(scope, this.biased(scope, depthwise(scope, x, this.windows, kernel, shape)))
  }

  override config(): Record<string, unknown> {
    return { depthMultiplier: this.#multiplier, ...super.config(), depthwiseInitializer: this.#kernel }
  }
}

/**
 * Each channel's windows times its own kernels, `[…window, channels, multiplier]`:
 * `[batch, …places, channels · multiplier]`.
 */
export function depthwise(
  scope: LayerScope,
  x: Value,
  windows: readonly Windows[],
  weight: number,
  shape: readonly number[],
): Value {
  const axes = windows.length
  const [channels, multiplier] = shape.slice(-2) as [number, number]
  const sum = (value: Value, over: number[], part: string) => {
    const settings = { kind: 'sum', axes: over, keepDims: false } as const
    const left = value.shape.filter((_, axis) => !over.includes(axis))
    return scope.node('reduce', [value], [], left, settings, part)
  }
  const parts = cut(scope, x, windows)
  const window = windows.map((_, at) => 1 + axes + at)
  const kernel = scope.node('parameter', [], [weight], shape, {}, 'kernel')
  const multiply = { kind: 'multiply' } as const
  if (multiplier === 1) {
    const single = sum(kernel, [axes + 1], 'kernel')
    return sum(scope.node('elementwise', [parts, single], [], parts.shape, multiply, 'products'), window, 'sum')
  }
  const apart = cutAxis(scope, parts, { size: 1 }, 1 + 2 * axes)
  const products = scope.node('elementwise', [apart, kernel], [], [...parts.shape, multiplier], multiply, 'products')
  const sums = sum(products, window, 'sum')
  // All channels are one window, whose elements are one axis with the results of each.
  const joined = [...x.shape.slice(0, 1), ...sums.shape.slice(1, 1 + axes), 1, channels * multiplier]
  const whole = windowSettings(1 + axes, { size: channels }, true)
  return sum(scope.node('windows', [sums], [], joined, whole, 'joined'), [1 + axes], 'joined')
}
