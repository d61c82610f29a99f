import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { flag } from '../options.js'
import { Layer } from './layer.js'
import type { PoolingOptions } from './pooling.js'
import { axisNames } from './windows.js'

/** What the poolings of images and of volumes have in common: they reduce all places. */
abstract class SpatialPooling extends Layer {
  readonly #axes: number
  readonly #kind: 'max' | 'mean'
  readonly #keepdims: boolean

  protected constructor(where: string, axes: number, kind: 'max' | 'mean', options: PoolingOptions) {
    super(where, options, { accepted: { keepdims: flag }, refused: { dataFormat: ['channelsLast', null] } })
    this.#axes = axes
    this.#kind = kind
    this.#keepdims = options.keepdims ?? false
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch] = this.single(inputs, `[batch, ${axisNames(this.#axes)}, channels]`, this.#axes + 2) as [Dim]
    const ones = this.#keepdims ? Array<Dim>(this.#axes).fill(1) : []
    return [[batch, ...ones, this.features(inputs[0] as Shape)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    const axes = Array.from({ length: this.#axes }, (_, at) => 1 + at)
    return [scope.node('reduce', [x], [], shape, { kind: this.#kind, axes, keepDims: this.#keepdims })]
  }

  override config(): Record<string, unknown> {
    return this.#keepdims ? { keepdims: true } : {}
  }
}

/** The layer that {@link globalAveragePooling2d} makes. */
export class GlobalAveragePooling2D extends SpatialPooling {
  static override readonly className = 'GlobalAveragePooling2D'
  override readonly baseName = 'global_average_pooling2d'

  constructor(options: PoolingOptions) {
    super('layers.globalAveragePooling2d', 2, 'mean', options)
  }
}

/** The layer that {@link globalMaxPooling2d} makes. */
export class GlobalMaxPooling2D extends SpatialPooling {
  static override readonly className = 'GlobalMaxPooling2D'
  override readonly baseName = 'global_max_pooling2d'

  constructor(options: PoolingOptions) {
    super('layers.globalMaxPooling2d', 2, 'max', options)
  }
}

/** The layer that {@link globalAveragePooling3d} makes. */
export class GlobalAveragePooling3D extends SpatialPooling {
  static override readonly className = 'GlobalAveragePooling3D'
  override readonly baseName = 'global_average_pooling3d'

  constructor(options: PoolingOptions) {
    super('layers.globalAveragePooling3d', 3, 'mean', options)
  }
}

/** The layer that {@link globalMaxPooling3d} makes. */
export class GlobalMaxPooling3D extends SpatialPooling {
  static override readonly className = 'GlobalMaxPooling3D'
  override readonly baseName = 'global_max_pooling3d'

  constructor(options: PoolingOptions) {
    super('layers.globalMaxPooling3d', 3, 'max', options)
  }
}

/**
 * The mean over the height and width of images: `[batch, height, width, channels]` to `[batch, channels]`, with
 * `keepdims` `[batch, 1, 1, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function globalAveragePooling2d(options: PoolingOptions = {}): GlobalAveragePooling2D {
  return new GlobalAveragePooling2D(options)
}

/**
 * The largest value over the height and width of images: `[batch, height, width, channels]` to `[batch, channels]`, with
 * `keepdims` `[batch, 1, 1, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function globalMaxPooling2d(options: PoolingOptions = {}): GlobalMaxPooling2D {
  return new GlobalMaxPooling2D(options)
}

/**
 * The mean over all places of volumes: `[batch, depth, height, width, channels]` to `[batch, channels]`, with `keepdims`
 * `[batch, 1, 1, 1, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function globalAveragePooling3d(options: PoolingOptions = {}): GlobalAveragePooling3D {
  return new GlobalAveragePooling3D(options)
}

/**
 * The largest value over all places of volumes: `[batch, depth, height, width, channels]` to `[batch, channels]`, with
 * `keepdims` `[batch, 1, 1, 1, channels]`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function globalMaxPooling3d(options: PoolingOptions = {}): GlobalMaxPooling3D {
  return new GlobalMaxPooling3D(options)
}
