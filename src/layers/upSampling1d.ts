import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { windowSettings } from '../graph/trace/windows.js'
import { integer } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link upSampling1d}. */
export interface UpSampling1DOptions extends LayerOptions {
  /** How often to repeat each step; default 2. */
  readonly size?: number
}

/** The layer that {@link upSampling1d} makes. */
export class UpSampling1D extends Layer {
  static override readonly className = 'UpSampling1D'
  override readonly baseName = 'up_sampling1d'
  readonly #size: number

  constructor(options: UpSampling1DOptions) {
    super('layers.upSampling1d', options, { accepted: { size: integer(1, 1024) } })
    this.#size = options.size ?? 2
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch, time] = this.single(inputs, '[batch, time, features]', 3) as [Dim, Dim, Dim]
    return [[batch, time === null ? null : time * this.#size, this.features(inputs[0] as Shape)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [batch, time, width] = x.shape as [Dim, Dim, number]
    const size = this.#size
    const single = scope.node('windows', [x], [], [batch, time, 1, width], windowSettings(1, { size: 1 }), 'step')
    const copies = Array<Value>(size).fill(single)
    const all = scope.node('concatenate', copies, [], [batch, time, size, width], { axis: 2 }, 'copies')
    const shape = [time === null ? null : time * size, width]
    return [scope.node('reshape', [all], [], [batch, ...shape], { shape })]
  }

  override config(): Record<string, unknown> {
    return { size: this.#size }
  }
}

/**
 * Repeats each step: `[batch, time, features]` to `[batch, time · size, features]`, without a mask. Errors:
 * `ERR_OPTION`, `ERR_SHAPE`.
 */
export function upSampling1d(options: UpSampling1DOptions = {}): UpSampling1D {
  return new UpSampling1D(options)
}
