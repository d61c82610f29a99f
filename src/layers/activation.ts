import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { orNull } from '../options.js'
import { type ActivationName, activationCheck } from './activations.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link activation}. */
export interface ActivationOptions extends LayerOptions {
  /** The function; null is `'linear'`. */
  readonly activation: ActivationName | null
}

/** The layer that {@link activation} makes. */
export class Activation extends Layer {
  static override readonly className = 'Activation'
  override readonly baseName = 'activation'
  override readonly stepwise = true
  readonly activation: ActivationName

  constructor(options: ActivationOptions) {
    super('layers.activation', options, { accepted: { activation: orNull(activationCheck) }, required: ['activation'] })
    this.activation = options.activation ?? 'linear'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [this.single(inputs, '[batch, …, features]', 2, 8)]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    return [scope.node('activation', [x], [], x.shape, { kind: this.activation })]
  }

  override config(): Record<string, unknown> {
    return { activation: this.activation }
  }
}

/**
 * Applies a function to every element, or to the last dimension for `softmax` and `logSoftmax`. Shapes stay. Errors:
 * `ERR_OPTION`.
 */
export function activation(options: ActivationOptions): Activation {
  return new Activation(options)
}
