import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { reachOf, windowSettings } from '../graph/trace/windows.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { integer } from '../options.js'
import { reshaped, Windowed, type WindowedOptions } from './convolution.js'
import type { RuleOptions } from './weightRules.js'
import { flatCut } from './windows.js'

/** Options of {@link conv1dTranspose}. */
export interface Conv1DTransposeOptions extends WindowedOptions, RuleOptions<'kernel' | 'bias'> {
  /** The size of the output's last dimension. */
  readonly filters: number
  /** `'valid'`, the default: every step that a window reaches is kept. `'same'`: `time · strides` steps are. */
  readonly padding?: 'valid' | 'same'
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Only the default, null, is supported. */
  readonly outputPadding?: null
}

/** The layer that {@link conv1dTranspose} makes. */
export class Conv1DTranspose extends Windowed {
  static override readonly className = 'Conv1DTranspose'
  override readonly baseName = 'conv1d_transpose'
  readonly filters: number
  readonly #kernel: Initializer

  constructor(options: Conv1DTransposeOptions) {
    super(options, {
      where: 'layers.conv1dTranspose',
      axes: 1,
      accepted: { filters: integer(1), kernelInitializer: initializerCheck },
      required: ['filters'],
      roles: ['kernel', 'bias'],
      paddings: ['valid', 'same'],
      refused: { outputPadding: [null] },
    })
    this.filters = options.filters
    this.#kernel = resolveInitializer(options.kernelInitializer ?? 'glorotUniform')
  }

  protected override units(): number {
    return this.filters
  }

  /** The window, and how many of its steps lie beyond its stride. */
  get #window() {
    const { size = 1, stride = 1, dilation = 1 } = this.windows[0] ?? {}
    return { size, stride, dilation, beyond: Math.max(reachOf({ size, dilation }) + 1 - stride, 0) }
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch, time] = this.input1(inputs) as [Dim, Dim]
    const { stride, beyond } = this.#window
    const steps = time === null ? null : time * stride + (this.padding === 'valid' ? beyond : 0)
    return [[batch, steps, this.filters]]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { filters } = this
    const { size, stride, dilation, beyond } = this.#window
    const kernel = scope.weight('kernel', [size, filters, this.features(x.shape)], this.#kernel)
    const [batch, time] = x.shape as [Dim, Dim]
    // Steps that are masked are zero.
    const known = flatCut(scope, x, { size: 1 })
    const width = size * filters
    const products = scope.node('dense', [known], [kernel], [batch, time, width], { transposed: true }, 'products')
    const apart = stride === 1 ? products : this.#spread(scope, products, stride)
    // What each element of the windows adds, moved to where it belongs.
    const [front, behind] = this.padding === 'valid' ? [0, beyond] : [Math.floor(beyond / 2), 0]
    const steps = apart.shape[1] === null ? null : (apart.shape[1] as number) + behind
    const parts = Array.from({ length: size }, (_, k) => {
      const range = { axis: 2, start: k * filters, end: (k + 1) * filters }
      const [start, end] = [[batch, apart.shape[1] as Dim, filters], [batch, steps, filters]] as const
      const own = scope.node('slice', [apart], [], start, range, 'element')
      const before = k * dilation - front
      const settings = windowSettings(1, { size: 1, padding: [before, behind - before] }, true)
      return scope.node('windows', [own], [], end, settings, 'element')
    })
    const sum = parts.length === 1 ? (parts[0] as Value) : scope.node('add', parts, [], [batch, steps, filters], {})
    return this.activated(scope, this.biased(scope, sum))
  }

  /** The steps `stride` apart, with zeros in between. */
  #spread(scope: LayerScope, value: Value, stride: number): Value {
    const [batch, time, width] = value.shape as [Dim, Dim, number]
    const single = scope.node('windows', [value], [], [batch, time, 1, width], windowSettings(1, { size: 1 }), 'spread')
    const settings = windowSettings(2, { size: 1, padding: [0, stride - 1] }, true)
    const filled = scope.node('windows', [single], [], [batch, time, stride, width], settings, 'spread')
    return reshaped(this, scope, filled, [time === null ? null : time * stride, width])
  }

  override config(): Record<string, unknown> {
    return { filters: this.filters, ...super.config(), kernelInitializer: this.#kernel }
  }
}

/**
 * The opposite of a strided convolution, as decoders have it: each step adds its products with the kernel to
 * `kernelSize` steps of the output, of which the first is `strides` times as far on.
 *
 * Input `[batch, time, channels]`; output `[batch, time · strides, filters]`, with `padding: 'valid'` and windows that
 * are longer than a stride as many steps more. Weights: kernel `[kernelSize, filters, channels]` and bias `[filters]`.
 * Masked steps add nothing; with strides above 1 the output has no mask. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function conv1dTranspose(options: Conv1DTransposeOptions): Conv1DTranspose {
  return new Conv1DTranspose(options)
}
