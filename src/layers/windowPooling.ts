import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { oneOf } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'
import { axisNames, cutAxis, eachAxis, type PerAxis, perAxis, placed, type Windows } from './windows.js'

/** Options of {@link maxPooling1d} and the like. */
export interface WindowPoolingOptions extends LayerOptions {
  /** Steps of a window; default 2. */
  readonly poolSize?: PerAxis
  /** Steps from a window to the next; default `poolSize`. */
  readonly strides?: PerAxis | null
  /** `'valid'`, the default: windows lie within the sequence. `'same'`: there is one for each stride. */
  readonly padding?: 'valid' | 'same'
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
}

/** The lowest number of float32, which no maximum sees. */
const lowest = -3.4028234663852886e38

/** What the pooling layers have in common: they reduce windows. */
export abstract class WindowPooling extends Layer {
  readonly #axes: number
  readonly #windows: readonly Windows[]
  readonly #kind: 'max' | 'mean'

  protected constructor(where: string, axes: number, kind: 'max' | 'mean', options: WindowPoolingOptions) {
    const sizes = perAxis(axes)
    super(where, options, {
      accepted: {
        poolSize: sizes,
        strides: { expected: `${sizes.expected}, or null`, accepts: (v) => v === null || sizes.accepts(v) },
        padding: oneOf(['valid', 'same']),
      },
      refused: { dataFormat: ['channelsLast', null] },
    })
    const size = options.poolSize ?? 2
    const strides = eachAxis(options.strides ?? size, axes)
    const { padding = 'valid' } = options
    this.#axes = axes
    this.#kind = kind
    this.#windows = eachAxis(size, axes).map((each, axis) => ({ size: each, stride: strides[axis] as number, padding }))
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, `[batch, ${axisNames(this.#axes)}, channels]`, this.#axes + 2)
    return [placed(shape, this.#windows, (message) => this.shapeError(message))]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    if (this.#kind === 'max') return [this.#reduced(scope, x, lowest, 'max')]
    if (this.#windows[0]?.padding === 'valid') return [this.#reduced(scope, x, 0, 'mean')]
    // Only elements of the input count.
    const sums = this.#reduced(scope, x, 0, 'sum')
    const ones = [...x.shape.slice(0, -1), 1]
    const one = scope.node('slice', [x], [], ones, { axis: x.shape.length - 1, start: 0, end: 1 }, 'ones')
    const [zeros, unit] = [
      scope.node('elementwise', [one, one], [], ones, { kind: 'less' }, 'ones'),
      scope.node('scalar', [], [], [], { value: 1 }, 'one'),
    ]
    const counted = this.#reduced(
      scope,
      scope.node('elementwise', [zeros, unit], [], ones, { kind: 'add' }, 'ones'),
      0,
      'sum',
    )
    const count = scope.node('elementwise', [counted, unit], [], counted.shape, { kind: 'maximum' }, 'count')
    return [scope.node('elementwise', [sums, count], [], sums.shape, { kind: 'divide' }, 'mean')]
  }

  /** One number for each window: one axis after the other is cut and reduced, which is less work than all of them at once. */
  #reduced(scope: LayerScope, x: Value, filler: number, kind: 'max' | 'mean' | 'sum'): Value {
    return this.#windows.reduceRight((value, window, at) => {
      const axis = 1 + at
      const parts = cutAxis(scope, value, { ...window, filler }, axis)
      const shape = parts.shape.toSpliced(axis + 1, 1)
      return scope.node('reduce', [parts], [], shape, { kind, axes: [axis + 1], keepDims: false })
    }, x)
  }

  override config(): Record<string, unknown> {
    return {
      poolSize: this.#windows.map(({ size }) => size),
      strides: this.#windows.map(({ stride }) => stride as number),
      padding: this.#windows[0]?.padding,
    }
  }
}
