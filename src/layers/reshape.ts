import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape } from '../graph/shape.js'
import { custom, integer } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link reshape}. */
export interface ReshapeOptions extends LayerOptions {
  /** The shape without the batch; one dimension may be -1 or null, to be computed. */
  readonly targetShape: readonly (number | null)[]
}

const targetShape = custom('an array of positive integers, one of which may be -1 or null', (v) => {
  if (!Array.isArray(v) || v.length === 0) return false
  const free = v.filter((d) => d === null || d === -1).length
  return free <= 1 && v.every((d) => d === null || d === -1 || (Number.isInteger(d) && d > 0))
})

/** The layer that {@link reshape} makes. */
export class Reshape extends Layer {
  static override readonly className = 'Reshape'
  override readonly baseName = 'reshape'
  readonly #target: Shape

  constructor(options: ReshapeOptions) {
    super('layers.reshape', options, { accepted: { targetShape }, required: ['targetShape'] })
    this.#target = options.targetShape.map((dim) => (dim === -1 ? null : dim))
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch, ...rest] = this.single(inputs, '[batch, …]', 2, 8)
    const known = this.#target.reduce<number>((product, dim) => product * (dim ?? 1), 1)
    if (rest.includes(null)) return [[batch ?? null, ...this.#target]]
    const total = (rest as number[]).reduce((product, dim) => product * dim, 1)
    const free = this.#target.includes(null)
    if (free ? total % known !== 0 : total !== known) {
      throw this.shapeError(`cannot make ${showShape(this.#target)} of ${showShape(rest)}: ${total} elements a row`)
    }
    return [[batch ?? null, ...this.#target.map((dim): Dim => dim ?? total / known)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    return [scope.node('reshape', [x], [], shape, { shape: shape.slice(1) })]
  }

  override config(): Record<string, unknown> {
    return { targetShape: this.#target }
  }
}

/** Gives each row another shape; its elements stay in the same order. Errors: `ERR_OPTION`, `ERR_SHAPE`. */
export function reshape(options: ReshapeOptions): Reshape {
  return new Reshape(options)
}

/** The layer that {@link flatten} makes. */
export class Flatten extends Layer {
  static override readonly className = 'Flatten'
  override readonly baseName = 'flatten'

  constructor(options: LayerOptions) {
    super('layers.flatten', options, { accepted: {}, refused: { dataFormat: ['channelsLast', null] } })
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [batch, ...rest] = this.single(inputs, '[batch, …]', 2, 8)
    if (rest.includes(null)) {
      throw this.shapeError(`every dimension but the batch must be known, got ${showShape(inputs[0] as Shape)}`)
    }
    return [[batch ?? null, (rest as number[]).reduce((product, dim) => product * dim, 1)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    return [scope.node('reshape', [x], [], shape, { shape: shape.slice(1) })]
  }

  override config(): Record<string, unknown> {
    return {}
  }
}

/** Joins all dimensions except the batch: `[batch, 4, 5]` to `[batch, 20]`; they must be known. Errors: `ERR_SHAPE`. */
export function flatten(options: LayerOptions = {}): Flatten {
  return new Flatten(options)
}

/** Options of {@link repeatVector}. */
export interface RepeatVectorOptions extends LayerOptions {
  /** How many steps to make. */
  readonly n: number
}

/** The layer that {@link repeatVector} makes. */
export class RepeatVector extends Layer {
  static override readonly className = 'RepeatVector'
  override readonly baseName = 'repeat_vector'
  readonly n: number

  constructor(options: RepeatVectorOptions) {
    super('layers.repeatVector', options, { accepted: { n: integer(1) }, required: ['n'] })
    this.n = options.n
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, features]', 2)
    return [[shape[0] ?? null, this.n, this.features(shape)]]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    return [scope.node('repeatVector', [x], [], shape, { n: this.n })]
  }

  override config(): Record<string, unknown> {
    return { n: this.n }
  }
}

/**
 * Repeats a vector as the steps of a sequence: `[batch, features]` to `[batch, n, features]`. Errors: `ERR_OPTION`,
 * `ERR_SHAPE`.
 */
export function repeatVector(options: RepeatVectorOptions): RepeatVector {
  return new RepeatVector(options)
}
