import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { custom } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link permute}. */
export interface PermuteOptions extends LayerOptions {
  /** For each dimension of the output behind the batch the one of the input, counted from 1: `[2, 1]` exchanges two. */
  readonly dims: readonly number[]
}

const order = custom('an array with each of the numbers from 1 to its length, at most 7', (value) => {
  if (!Array.isArray(value) || value.length === 0 || value.length > 7) return false
  return value.every((_, at) => value.includes(at + 1))
})

/** The layer that {@link permute} makes. */
export class Permute extends Layer {
  static override readonly className = 'Permute'
  override readonly baseName = 'permute'
  readonly #dims: readonly number[]

  constructor(options: PermuteOptions) {
    super('layers.permute', options, { accepted: { dims: order }, required: ['dims'] })
    this.#dims = options.dims
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const rank = this.#dims.length + 1
    const shape = this.single(inputs, `[batch, …] with ${rank} dimensions`, rank)
    return [[0, ...this.#dims].map((axis) => shape[axis] as Dim)]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    return [scope.node('transpose', [x], [], shape, { permutation: [0, ...this.#dims] })]
  }

  override config(): Record<string, unknown> {
    return { dims: this.#dims }
  }
}

/**
 * Puts the dimensions behind the batch into another order: with `dims: [2, 1]` `[batch, time, features]` to
 * `[batch, features, time]`. A mask stays only where the time does. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function permute(options: PermuteOptions): Permute {
  return new Permute(options)
}
