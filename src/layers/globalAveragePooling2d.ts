import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { flag } from '../options.js'
import { Layer } from './layer.js'
import type { PoolingOptions } from './pooling.js'

/** The layer that {@link globalAveragePooling2d} makes. */
export class GlobalAveragePooling2D extends Layer {
  static override readonly className = 'GlobalAveragePooling2D'
  override readonly baseName = 'global_average_pooling2d'
  readonly #keepdims: boolean

  constructor(options: PoolingOptions) {
    super('layers.globalAveragePooling2d', options, {
      accepted: { keepdims: flag },
      refused: { dataFormat: ['channelsLast', null] },
    })
    this.#keepdims = options.keepdims ?? false
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch] = this.single(inputs, '[batch, height, width, channels]', 4) as [Dim]
    return [[batch, ...(this.#keepdims ? [1, 1] : []), this.features(inputs[0] as Shape)]]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    return [scope.node('reduce', [x], [], shape, { kind: 'mean', axes: [1, 2], keepDims: this.#keepdims })]
  }

  override config(): Record<string, unknown> {
    return this.#keepdims ? { keepdims: true } : {}
  }
}

/**
 * The mean over the height and width of images: `[batch, height, width, channels]` to `[batch, channels]`. Errors:
 * `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function globalAveragePooling2d(options: PoolingOptions = {}): GlobalAveragePooling2D {
  return new GlobalAveragePooling2D(options)
}
