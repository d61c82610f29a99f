import { describe } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape } from '../graph/shape.js'
import { lowerOfValue } from '../graph/trace/expression.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { custom, flag, number } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link layerNormalization}. */
export interface LayerNormalizationOptions extends LayerOptions, RuleOptions<'gamma' | 'beta'> {
  /** Added to the variance; default 1e-3. */
  readonly epsilon?: number
  /** Whether to add a learned offset; default true. */
  readonly center?: boolean
  /** Whether to multiply by a learned factor; default true. */
  readonly scale?: boolean
  /** Default `'zeros'`. */
  readonly betaInitializer?: InitializerName | Initializer
  /** Default `'ones'`. */
  readonly gammaInitializer?: InitializerName | Initializer
  /** The dimension that is normalized, counting the batch, or several that are normalized together; default -1, the last. Their sizes must be known. */
  readonly axis?: number | readonly number[]
}

const axis = custom('an axis or an array of different axes, none of them 0, the batch', (value) => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return (
    list.length > 0 && new Set(list).size === list.length && list.every((each) => Number.isInteger(each) && each !== 0)
  )
})

/** The layer that {@link layerNormalization} makes. */
export class LayerNormalization extends Layer {
  static override readonly className = 'LayerNormalization'
  override readonly baseName = 'layer_normalization'
  override readonly stepwise: boolean
  readonly #attributes: { readonly epsilon: number; readonly center: boolean; readonly scale: boolean }
  readonly #axis: number | readonly number[]
  readonly #beta: Initializer
  readonly #gamma: Initializer

  constructor(options: LayerNormalizationOptions) {
    super('layers.layerNormalization', options, {
      accepted: {
        epsilon: number(0),
        center: flag,
        scale: flag,
        betaInitializer: initializerCheck,
        gammaInitializer: initializerCheck,
        axis,
      },
      roles: ['gamma', 'beta'],
      refused: { rmsScaling: [false] },
    })
    this.#attributes = {
      epsilon: options.epsilon ?? 1e-3,
      center: options.center ?? true,
      scale: options.scale ?? true,
    }
    this.#axis = options.axis ?? -1
    this.stepwise = this.#axis === -1
    this.#beta = resolveInitializer(options.betaInitializer ?? 'zeros')
    this.#gamma = resolveInitializer(options.gammaInitializer ?? 'ones')
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, …, features]', 2, 8)
    this.#sizes(shape)
    return [shape]
  }

  /** The dimensions that are normalized, counted from the front, and their sizes. */
  #sizes(shape: Shape): { readonly axes: readonly number[]; readonly sizes: readonly number[] } {
    const given = typeof this.#axis === 'number' ? [this.#axis] : this.#axis
    const axes = given.map((each) => (each < 0 ? shape.length + each : each)).sort((a, b) => a - b)
    if (axes.some((each) => each < 1 || each >= shape.length) || new Set(axes).size < axes.length) {
      throw this.shapeError(`axis ${describe(this.#axis)} does not fit an input of shape ${showShape(shape)}`)
    }
    const sizes = axes.map((each) => shape[each] as Dim)
    const free = axes.find((each) => shape[each] === null)
    if (free === shape.length - 1) this.features(shape)
    if (free !== undefined)
      throw this.shapeError(`dimension ${free} is normalized, so it must be known, got ${showShape(shape)}`)
    return { axes, sizes: sizes as number[] }
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const { axes, sizes } = this.#sizes(x.shape)
    const size = sizes[0] as number
    if (axes.length > 1 || axes[0] !== x.shape.length - 1) return [this.#lowerAxes(scope, x, axes, sizes)]
    const weights: number[] = []
    if (this.#attributes.scale) weights.push(scope.weight('gamma', [size], this.#gamma))
    if (this.#attributes.center) weights.push(scope.weight('beta', [size], this.#beta))
    return [scope.node('layerNorm', [x], weights, x.shape, this.#attributes)]
  }

  /** Any dimensions, operation by operation. */
  #lowerAxes(scope: LayerScope, x: Value, axes: readonly number[], sizes: readonly number[]): Value {
    const { epsilon, scale, center } = this.#attributes
    let y = lowerOfValue(scope.builder, `${scope.path}/normalized`, x, (value) => {
      const centred = value.sub(value.mean({ axis: axes, keepDims: true }))
      const variance = centred.square().mean({ axis: axes, keepDims: true })
      return centred.div(variance.add(epsilon).sqrt())
    })
    const shaped = (name: 'gamma' | 'beta', initializer: Initializer): Value => {
      const values = scope.node('parameter', [], [scope.weight(name, sizes, initializer)], sizes, {}, name)
      return axes[0] === x.shape.length - axes.length ? values : alongAxes(scope, x, axes, values)
    }
    if (scale) y = scope.node('elementwise', [y, shaped('gamma', this.#gamma)], [], x.shape, { kind: 'multiply' })
    return center ? scope.node('elementwise', [y, shaped('beta', this.#beta)], [], x.shape, { kind: 'add' }) : y
  }

  override config(): Record<string, unknown> {
    return {
      ...(this.#axis === -1 ? {} : { axis: this.#axis }),
      ...this.#attributes,
      betaInitializer: this.#beta,
      gammaInitializer: this.#gamma,
    }
  }
}

/** Values that stand for the elements along some axes of x, in a shape that broadcasts to it. */
function alongAxes(scope: LayerScope, x: Value, axes: readonly number[], values: Value): Value {
  const others = x.shape.map((_, at) => at).filter((at) => at > 0 && !axes.includes(at))
  const behind = [0, ...others, ...axes]
  const ones = x.shape.map((size, at) => (others.includes(at) ? 1 : size))
  const moved = behind.map((at) => ones[at] as Dim)
  const kept = scope.node('reduce', [x], [], ones, { kind: 'max', axes: others, keepDims: true }, 'ones')
  const turned = scope.node('transpose', [kept], [], moved, { permutation: behind }, 'ones')
  const one = scope.node('elementwise', [turned, turned], [], moved, { kind: 'equal' }, 'ones')
  const filled = scope.node('elementwise', [one, values], [], moved, { kind: 'multiply' }, 'along')
  const back = x.shape.map((_, at) => behind.indexOf(at))
  return scope.node('transpose', [filled], [], ones, { permutation: back }, 'along')
}

/**
 * Normalises the last dimension, or those of `axis` together, to mean 0 and variance 1, then scales by gamma and adds beta.
 *
 * Shapes stay. Weights: gamma and beta, `[features]` each, or of the sizes of the dimensions of `axis`. Along the time, padded steps count as others do, as in Keras. Source: Ba et al. 2016. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function layerNormalization(options: LayerNormalizationOptions = {}): LayerNormalization {
  return new LayerNormalization(options)
}
