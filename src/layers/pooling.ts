import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { flag } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of the pooling layers. */
export interface PoolingOptions extends LayerOptions {
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
  /** Whether the time stays as a dimension of size 1; default false. */
  readonly keepdims?: boolean
}

/** What the pooling layers have in common: they reduce time. */
abstract class Pooling extends Layer {
  abstract readonly op: 'poolAverage' | 'poolMax'
  readonly #keepdims: boolean

  constructor(where: string, options: PoolingOptions) {
    super(where, options, { accepted: { keepdims: flag }, refused: { dataFormat: ['channelsLast', null] } })
    this.#keepdims = options.keepdims ?? false
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, time, features]', 3)
    return [[shape[0] ?? null, ...(this.#keepdims ? [1] : []), this.features(shape)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [batch = null, width] = [x.shape[0], this.features(x.shape)]
    const pooled = scope.node(this.op, [x], [], [batch, width], {})
    if (!this.#keepdims) return [pooled]
    return [scope.node('reshape', [pooled], [], [batch, 1, width], { shape: [1, width] }, 'keepdims')]
  }

  override config(): Record<string, unknown> {
    return this.#keepdims ? { keepdims: true } : {}
  }
}

/** The layer that {@link globalAveragePooling1d} makes. */
export class GlobalAveragePooling1D extends Pooling {
  static override readonly className = 'GlobalAveragePooling1D'
  override readonly baseName = 'global_average_pooling1d'
  override readonly op = 'poolAverage'

  constructor(options: PoolingOptions) {
    super('layers.globalAveragePooling1d', options)
  }
}

/** The layer that {@link globalMaxPooling1d} makes. */
export class GlobalMaxPooling1D extends Pooling {
  static override readonly className = 'GlobalMaxPooling1D'
  override readonly baseName = 'global_max_pooling1d'
  override readonly op = 'poolMax'

  constructor(options: PoolingOptions) {
    super('layers.globalMaxPooling1d', options)
  }
}

/**
 * The mean over the valid steps: `[batch, time, features]` to `[batch, features]`, with `keepdims` `[batch, 1, features]`. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function globalAveragePooling1d(options: PoolingOptions = {}): GlobalAveragePooling1D {
  return new GlobalAveragePooling1D(options)
}

/**
 * The largest value over the valid steps: `[batch, time, features]` to `[batch, features]`, with `keepdims` `[batch, 1, features]`. Errors: `ERR_OPTION`,
 * `ERR_SHAPE`.
 */
export function globalMaxPooling1d(options: PoolingOptions = {}): GlobalMaxPooling1D {
  return new GlobalMaxPooling1D(options)
}
