import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { Layer, type LayerOptions } from './layer.js'

/** The layer that {@link lastStep} makes. */
export class LastStep extends Layer {
  static override readonly className = 'LastStep'
  override readonly baseName = 'last_step'

  constructor(options: LayerOptions) {
    super('layers.lastStep', options, { accepted: {} })
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, time, features]', 3)
    return [[shape[0] ?? null, this.features(shape)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    return [scope.node('lastStep', [x], [], [x.shape[0] ?? null, this.features(x.shape)], {})]
  }

  override config(): Record<string, unknown> {
    return {}
  }
}

/**
 * Each row's last valid step: `[batch, time, features]` to `[batch, features]`. After a bidirectional layer that
 * returns sequences, this is PyTorch's `y[:, -1]`, where the backward direction has read only that step. It differs
 * from the layer's output without `returnSequences`. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function lastStep(options: LayerOptions = {}): LastStep {
  return new LastStep(options)
}
