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
import type { Windows } from './windows.js'

/** Options of {@link conv1dTranspose} and the like. */
export interface ConvTransposeOptions extends WindowedOptions, RuleOptions<'kernel' | 'bias'> {
  /** The size of the output's last dimension. */
  readonly filters: number
  /** `'valid'`, the default: every step that a window reaches is kept. `'same'`: `time · strides` steps are. */
  readonly padding?: 'valid' | 'same'
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Only the default, null, is supported. */
  readonly outputPadding?: null
}

/** How many steps of a window lie beyond its stride. */
const beyond = ({ size, stride = 1, dilation = 1 }: Windows): number =>
  Math.max(reachOf({ size, dilation }) + 1 - stride, 0)

/** A transposed convolution over one axis or more. */
export abstract class ConvTranspose extends Windowed {
  readonly filters: number
  readonly #kernel: Initializer

  protected constructor(where: string, axes: number, options: ConvTransposeOptions) {
    super(options, {
      where,
      axes,
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

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch, ...places] = this.input1(inputs).slice(0, -1) as [Dim, ...Dim[]]
    const all = places.map((steps, at) => {
      const window = this.windows[at] as Windows
      return steps === null ? null : steps * (window.stride as number) + (this.padding === 'valid' ? beyond(window) : 0)
    })
    return [[batch, ...all, this.filters]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { filters, windows } = this
    const sizes = windows.map(({ size }) => size)
    const kernel = scope.weight('kernel', [...sizes, filters, this.features(x.shape)], this.#kernel)
    // Steps that are masked are zero.
    const known = scope.node('windows', [x], [], x.shape, windowSettings(1, { size: 1 }, true), 'windows')
    const width = sizes.reduce((product, size) => product * size, filters)
    const shape = x.shape.with(-1, width)
    const products = scope.node('dense', [known], [kernel], shape, { transposed: true }, 'products')
    const sum = windows.reduce((value, window, at) => this.#summed(scope, value, window, 1 + at), products)
    return this.activated(scope, this.biased(scope, sum))
  }

  /** Along an axis, the sum of what each element of the windows adds, moved to where it belongs. */
  #summed(scope: LayerScope, products: Value, window: Windows, axis: number): Value {
    const { size, stride = 1, dilation = 1 } = window
    const more = beyond(window)
    const apart = stride === 1 ? products : this.#spread(scope, products, stride, axis)
    const [front, behind] = this.padding === 'valid' ? [0, more] : [Math.floor(more / 2), 0]
    const last = apart.shape.length - 1
    const width = (apart.shape[last] as number) / size
    const own = apart.shape.with(last, width)
    const steps = own[axis] as Dim
    const shape = own.with(axis, steps === null ? null : steps + behind)
    const parts = Array.from({ length: size }, (_, k) => {
      const range = { axis: last, start: k * width, end: (k + 1) * width }
      const element = scope.node('slice', [apart], [], own, range, 'element')
      const before = k * dilation - front
      const settings = windowSettings(axis, { size: 1, padding: [before, behind - before] }, true)
      return scope.node('windows', [element], [], shape, settings, 'element')
    })
    return parts.length === 1 ? (parts[0] as Value) : scope.node('add', parts, [], shape, {})
  }

  /** The steps along an axis `stride` apart, with zeros in between. */
  #spread(scope: LayerScope, value: Value, stride: number, axis: number): Value {
    const single = value.shape.toSpliced(axis + 1, 0, 1)
    const apart = scope.node('windows', [value], [], single, windowSettings(axis, { size: 1 }), 'spread')
    const settings = windowSettings(axis + 1, { size: 1, padding: [0, stride - 1] }, true)
    const filled = scope.node('windows', [apart], [], single.with(axis + 1, stride), settings, 'spread')
    const steps = value.shape[axis] as Dim
    return reshaped(this, scope, filled, value.shape.with(axis, steps === null ? null : steps * stride).slice(1))
  }

  override config(): Record<string, unknown> {
    return { filters: this.filters, ...super.config(), kernelInitializer: this.#kernel }
  }
}
