import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape, unifyDim, unifyShapes } from '../graph/shape.js'
import { custom } from '../options.js'
import { Layer, type LayerClass, type LayerOptions } from './layer.js'

/** An element-wise merge of inputs with the same shape. */
export abstract class Merge extends Layer {
  override readonly baseName: string
  readonly #op: string
  readonly #most: number

  constructor(op: string, most: number, options: LayerOptions) {
    super(`layers.${op}`, options, { accepted: {} })
    this.baseName = op
    this.#op = op
    this.#most = most
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    if (inputs.length < 2 || inputs.length > this.#most) {
      throw this.shapeError(`expected ${this.#most === 2 ? 'two' : 'two or more'} inputs, got ${inputs.length}`)
    }
    return [
      inputs.reduce((merged, shape) => {
        const both = unifyShapes(merged, shape)
        if (!both) throw this.shapeError(`expected inputs of one shape, got ${inputs.map(showShape).join(' and ')}`)
        return both
      }),
    ]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [shape] = this.outputShapes(inputs.map((value) => value.shape)) as [Shape]
    return [scope.node(this.#op, inputs, [], shape)]
  }

  override config(): Record<string, unknown> {
    return {}
  }
}

/** A class of merges with at most a given number of inputs. */
function merging(
  className: string,
  op: string,
  most = Number.POSITIVE_INFINITY,
): LayerClass & (new (options: LayerOptions) => Merge) {
  return class extends Merge {
    static override readonly className = className

    constructor(options: LayerOptions) {
      super(op, most, options)
    }
  }
}

export const Add = merging('Add', 'add')
export const Multiply = merging('Multiply', 'multiply')
export const Average = merging('Average', 'average')
export const Subtract = merging('Subtract', 'subtract', 2)
export const Maximum = merging('Maximum', 'maximum')
export const Minimum = merging('Minimum', 'minimum')

/** The sum of inputs with the same shape. Errors: `ERR_SHAPE`. */
export const add = (options: LayerOptions = {}): Merge => new Add(options)

/** The product of inputs with the same shape, element by element. Errors: `ERR_SHAPE`. */
export const multiply = (options: LayerOptions = {}): Merge => new Multiply(options)

/** The mean of inputs with the same shape. Errors: `ERR_SHAPE`. */
export const average = (options: LayerOptions = {}): Merge => new Average(options)

/** The first input minus the second. Errors: `ERR_SHAPE`. */
export const subtract = (options: LayerOptions = {}): Merge => new Subtract(options)

/** The largest of inputs with the same shape, element by element. Errors: `ERR_SHAPE`. */
export const maximum = (options: LayerOptions = {}): Merge => new Maximum(options)

/** The smallest of inputs with the same shape, element by element. Errors: `ERR_SHAPE`. */
export const minimum = (options: LayerOptions = {}): Merge => new Minimum(options)

/** Options of {@link concatenate}. */
export interface ConcatenateOptions extends LayerOptions {
  /** The dimension to join, counting the batch; default -1, the last. Batch and time cannot be joined yet. */
  readonly axis?: number
}

/** The layer that {@link concatenate} makes. */
export class Concatenate extends Layer {
  static override readonly className = 'Concatenate'
  override readonly baseName = 'concatenate'
  readonly axis: number

  constructor(options: ConcatenateOptions) {
    super('layers.concatenate', options, {
      accepted: { axis: custom('an integer from -8 to 8', (v) => Number.isInteger(v) && Math.abs(v as number) <= 8) },
    })
    this.axis = options.axis ?? -1
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [first, ...rest] = inputs
    if (first === undefined || rest.length === 0) {
      throw this.shapeError(`expected two or more inputs, got ${inputs.length}`)
    }
    const axis = this.#position(first.length)
    const joined = rest.reduce((merged, shape) => this.#join(merged, shape, axis, inputs), first)
    return [joined]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [shape] = this.outputShapes(inputs.map((value) => value.shape)) as [Shape]
    const position = this.#position(shape.length)
    const axis = position === shape.length - 1 ? -1 : position
    return [scope.node('concatenate', inputs, [], shape, { axis })]
  }

  override config(): Record<string, unknown> {
    return { axis: this.axis }
  }

  #position(rank: number): number {
    const position = this.axis < 0 ? rank + this.axis : this.axis
    const firstFeature = rank > 2 ? 2 : 1
    if (position < firstFeature || position >= rank) {
      throw this.shapeError(`axis ${this.axis} is not a feature dimension of inputs with ${rank} dimensions`)
    }
    return position
  }

  #join(a: Shape, b: Shape, axis: number, all: readonly Shape[]): Shape {
    const joined: Dim[] = []
    const wrong = () =>
      this.shapeError(`expected inputs that differ in axis ${this.axis} only, got ${all.map(showShape).join(' and ')}`)
    if (a.length !== b.length) throw wrong()
    for (let i = 0; i < a.length; i++) {
      const [x, y] = [a[i] as Dim, b[i] as Dim]
      if (i === axis) {
        if (x === null || y === null) throw this.shapeError(`axis ${this.axis} must be of known size`)
        joined.push(x + y)
        continue
      }
      const dim = unifyDim(x, y)
      if (dim === undefined) throw wrong()
      joined.push(dim)
    }
    return joined
  }
}

/** Joins inputs along a feature dimension; all other dimensions must agree. Errors: `ERR_OPTION`, `ERR_SHAPE`. */
export function concatenate(options: ConcatenateOptions = {}): Concatenate {
  return new Concatenate(options)
}
