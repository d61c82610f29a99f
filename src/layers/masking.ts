import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { number } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link masking}. */
export interface MaskingOptions extends LayerOptions {
  /** A step is skipped when all its features have this value; default 0. */
  readonly maskValue?: number
}

/** The layer that {@link masking} makes. */
export class Masking extends Layer {
  static override readonly className = 'Masking'
  override readonly baseName = 'masking'
  readonly maskValue: number

  constructor(options: MaskingOptions) {
    super('layers.masking', options, { accepted: { maskValue: number() } })
    this.maskValue = options.maskValue ?? 0
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [this.single(inputs, '[batch, time, features]', 3)]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    return [scope.node('masking', [x], [], x.shape, { maskValue: this.maskValue })]
  }

  override config(): Record<string, unknown> {
    return { maskValue: this.maskValue }
  }
}

/**
 * Makes the layers that follow skip the steps whose features all equal `maskValue`. Input and output
 * `[batch, time, features]`. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function masking(options: MaskingOptions = {}): Masking {
  return new Masking(options)
}
