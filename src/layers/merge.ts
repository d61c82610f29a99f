import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape, unifyDim, unifyShapes } from '../graph/shape.js'
import { custom } from '../options.js'
import { operations } from '../table.js'
import { Layer, type LayerClass, type LayerOptions } from './layer.js'

type MergeOperation = 'add' | 'multiply' | 'average' | 'subtract' | 'maximum' | 'minimum'

/** An element-wise merge of inputs with the same shape. */
export abstract class Merge extends Layer {
  override readonly baseName: string
  readonly #op: MergeOperation

  constructor(op: MergeOperation, options: LayerOptions) {
    super(`layers.${op}`, options, { accepted: {} })
    this.baseName = op
    this.#op = op
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [, most] = operations[this.#op].inputs
    if (inputs.length < 2 || inputs.length > most) {
      throw this.shapeError(`expected ${most === 2 ? 'two' : 'two or more'} inputs, got ${inputs.length}`)
    }
    return [
      inputs.reduce((merged, shape) => {
        const both = unifyShapes(merged, shape)
        if (!both) throw this.shapeError(`expected inputs of one shape, got ${inputs.map(showShape).join(' and ')}`)
        return both
      }),
    ]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [shape] = this.outputShapes(inputs.map((value) => value.shape)) as [Shape]
    return [scope.node(this.#op, inputs, [], shape, {})]
  }

  override config(): Record<string, unknown> {
    return {}
  }
}

/** The class of the merges by an operation. */
function merging(className: string, op: MergeOperation): LayerClass & (new (options: LayerOptions) => Merge) {
  return class extends Merge {
    static override readonly className = className

    constructor(options: LayerOptions) {
      super(op, options)
    }
  }
}

export const Add = merging('Add', 'add')
export const Multiply = merging('Multiply', 'multiply')
export const Average = merging('Average', 'average')
export const Subtract = merging('Subtract', 'subtract')
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
  /** The dimension to join, counting the batch, which cannot be joined; default -1, the last. With 1, steps are joined, as valid as they were. */
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

  /** @internal */
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
    if (position < 1 || position >= rank) {
      throw this.shapeError(`axis ${this.axis} is no dimension of inputs with ${rank} dimensions that can be joined`)
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
        const isTime = axis === 1 && a.length > 2
        if (!isTime && (x === null || y === null)) throw this.shapeError(`axis ${this.axis} must be of known size`)
        joined.push(x === null || y === null ? null : x + y)
        continue
      }
      const dim = unifyDim(x, y)
      if (dim === undefined) throw wrong()
      joined.push(dim)
    }
    return joined
  }
}

/** Joins inputs along a dimension; all others must agree. Errors: `ERR_OPTION`, `ERR_SHAPE`. */
export function concatenate(options: ConcatenateOptions = {}): Concatenate {
  return new Concatenate(options)
}
