import { SeqloomError } from '../../errors.js'
import * as ops from '../../graph/trace/ops.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { type ConfigDict, Layer, type LayerArgs } from './layer.js'
import { larger, smaller } from './ties.js'
import { written } from './written.js'

/** A layer of several inputs, without weights. */
abstract class Merge extends Layer {
  constructor(args: LayerArgs = {}) {
    super(args)
    this.supportsMasking = true
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  override lower(values: readonly Value[]): readonly Value[] {
    if (values.length < 2) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `A merge layer should be called on an Array of at least 2 inputs. Got ${values.length} input(s): '${this.name}'.`,
      )
    }
    return [this.merged(values)]
  }

  protected abstract merged(values: readonly Value[]): Value
}

interface MergeClass {
  new (args?: LayerArgs): Layer
  className: string
}

type Combine = (a: SymbolicValue, b: SymbolicValue) => SymbolicValue

const sameShapes = (values: readonly Value[]) => values.every(({ shape }) => shape.join() === values[0]?.shape.join())

/** A merge of elements, by a layer of ours if it has the same gradients; where shapes differ, they broadcast. */
function merging(name: string, make: (() => AnyLayer) | undefined, combine: Combine): MergeClass {
  return class extends Merge {
    static override className = name

    protected override merged(values: readonly Value[]): Value {
      if (make && sameShapes(values)) return make().apply(values) as Value
      return written(name.toLowerCase(), values, (given) => {
        const all = given.reduce(combine)
        return name === 'Average' ? all.div(given.length) : all
      })
    }
  }
}

const sum: Combine = (a, b) => a.add(b)
export const Add = merging('Add', () => layers.add() as AnyLayer, sum)
export const Average = merging('Average', () => layers.average() as AnyLayer, sum)
export const Multiply = merging(
  'Multiply',
  () => layers.multiply() as AnyLayer,
  (a, b) => a.mul(b),
)
export const Maximum = merging('Maximum', undefined, larger)
export const Minimum = merging('Minimum', undefined, smaller)

/** Options of `tf.layers.concatenate`. */
export interface ConcatenateLayerArgs extends LayerArgs {
  axis?: number
}

/** Joins inputs along a dimension, by default the last. */
export class Concatenate extends Merge {
  static override className = 'Concatenate'
  readonly axis: number

  constructor(args: ConcatenateLayerArgs = {}) {
    super(args)
    this.axis = args?.axis ?? -1
  }

  protected override merged(values: readonly Value[]): Value {
    const rank = values[0]?.shape.length ?? 0
    const axis = this.axis < 0 ? rank + this.axis : this.axis
    if (rank > 2 && axis === 1) return written('concatenate', values, (given) => ops.concat(given, 1))
    return layers.concatenate({ axis: this.axis }).apply(values)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), axis: this.axis }
  }
}

/** Options of `tf.layers.dot`. */
export interface DotLayerArgs extends LayerArgs {
  /** The dimension to multiply along, of both inputs or of each. */
  axes: number | [number, number]
  /** Whether to make vectors along the dimensions of length 1 first. */
  normalize?: boolean
}

/** The products of two inputs' rows. */
export class Dot extends Merge {
  static override className = 'Dot'
  readonly axes: number | [number, number]
  readonly normalize: boolean

  constructor(args: DotLayerArgs) {
    super(args)
    this.axes = args.axes
    this.normalize = args.normalize ?? false
  }

  protected override merged(values: readonly Value[]): Value {
    const [a, b, ...others] = values as [Value, Value, ...Value[]]
    if (others.length > 0 || a.shape.length > 3 || b.shape.length > 3) {
      throw new SeqloomError('ERR_UNSUPPORTED', `layer '${this.name}': dot takes two inputs of 2 or 3 dimensions`)
    }
    const given = Array.isArray(this.axes) ? this.axes : [this.axes, this.axes]
    const along = [a, b].map(({ shape }, at) => {
      const axis = given[at] as number
      return axis < 0 ? shape.length + axis : axis
    }) as [number, number]
    if (along.some((axis, at) => axis < 1 || axis >= (values[at]?.shape.length ?? 0))) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layer '${this.name}': axes ${given} are not dimensions of inputs of shapes [${a.shape}] and [${b.shape}]`,
      )
    }
    if (a.shape[along[0]] !== b.shape[along[1]]) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `Dimension incompatibility: ${a.shape[along[0]]} !== ${b.shape[along[1]]}: layer '${this.name}' of inputs of shapes [${a.shape}] and [${b.shape}] along ${given}`,
      )
    }
    return written('dot', [a, b], ([x, y]) => {
      const [left, right] = [x, y].map((value, at) => {
        const each = value as SymbolicValue
        return this.normalize
          ? each.div(
              each
                .square()
                .sum({ axis: along[at] as number, keepDims: true })
                .maximum(1e-12)
                .sqrt(),
            )
          : each
      }) as [SymbolicValue, SymbolicValue]
      return product(left, right, along)
    })
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), axes: this.axes, normalize: this.normalize }
  }
}

/** The sums of products along a dimension of each. */
function product(x: SymbolicValue, y: SymbolicValue, [first, second]: readonly [number, number]): SymbolicValue {
  const [isVector, isOtherVector] = [x.shape.length === 2, y.shape.length === 2]
  if (isVector && isOtherVector) return x.mul(y).sum({ axis: 1, keepDims: true })
  if (isVector)
    return x
      .expandDims(1)
      .matmul(y, { transposeB: second === 2 })
      .squeeze(1)
  if (isOtherVector) return x.matmul(y.expandDims(2), { transposeA: first === 1 }).squeeze(2)
  return x.matmul(y, { transposeA: first === 1, transposeB: second === 2 })
}
