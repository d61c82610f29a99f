import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { custom, flag } from '../options.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'

/** Options of {@link dot}. */
export interface DotOptions extends LayerOptions {
  /** The dimension of both inputs that is summed over, or one for each; negative ones count from the end. */
  readonly axes: number | readonly [number, number]
  /** Whether vectors along these dimensions are first divided by their length, which gives cosines; default false. */
  readonly normalize?: boolean
}

const axis = (value: unknown): boolean => Number.isInteger(value) && value !== 0 && Math.abs(value as number) <= 2

/** The layer that {@link dot} makes. */
export class Dot extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'Dot'
  override readonly baseName = 'dot'
  protected override readonly outputCount = 1
  readonly #axes: readonly [number, number]
  readonly #normalize: boolean
  /** By the numbers of dimensions. */
  readonly #programs = new Map<string, Program>()

  constructor(options: DotOptions) {
    super('layers.dot', options, {
      accepted: {
        axes: custom(
          'one of 1, 2, -1 and -2, or an array of two of them: the batch is no such dimension',
          (value) => axis(value) || (Array.isArray(value) && value.length === 2 && value.every(axis)),
        ),
        normalize: flag,
      },
      required: ['axes'],
    })
    this.#axes = typeof options.axes === 'number' ? [options.axes, options.axes] : options.axes
    this.#normalize = options.normalize ?? false
  }

  protected override program(inputs: readonly Shape[]): Program {
    const [a, b] = inputs as [Shape, Shape]
    if (inputs.length !== 2) throw this.shapeError(`expected two inputs, got ${inputs.length}`)
    const ranks = [a.length, b.length]
    if (ranks.some((rank) => rank < 2 || rank > 3)) {
      throw this.shapeError(`expected inputs of 2 or 3 dimensions, got ${ranks.join(' and ')}`)
    }
    const at = this.#axes.map((each, index) => (each < 0 ? each + (ranks[index] as number) : each)) as [number, number]
    if (at.some((each, index) => each < 1 || each >= (ranks[index] as number))) {
      throw this.shapeError(`axes ${this.#axes.join(' and ')} are no dimensions of inputs of ${ranks.join(' and ')}`)
    }
    const known = this.#programs.get(ranks.join())
    if (known) return known
    const sizes = (name: string, rank: number, axis: number) =>
      Array.from({ length: rank - 1 }, (_, index) => (index + 1 === axis ? 'shared' : name))
    const declared = { a: sizes('first', a.length, at[0]), b: sizes('second', b.length, at[1]) }
    const call = (values: { a: SymbolicValue; b: SymbolicValue }) => this.#product(values, at)
    const { program } = traceFunction('layers.dot', declared, {}, call)
    this.#programs.set(ranks.join(), program)
    return program
  }

  #product({ a, b }: { a: SymbolicValue; b: SymbolicValue }, at: readonly [number, number]): SymbolicValue {
    const [x, y] = [this.#unit(a, at[0]), this.#unit(b, at[1])]
    if (a.shape.length === 2 && b.shape.length === 2) return x.mul(y).sum({ keepDims: true })
    const left = a.shape.length === 2 ? x.expandDims(1) : x
    const right = b.shape.length === 2 ? y.expandDims(2) : y
    const transposeA = a.shape.length === 3 && at[0] === 1
    const transposeB = b.shape.length === 3 && at[1] === 2
    const product = left.matmul(right, { transposeA, transposeB })
    if (a.shape.length === 2) return product.squeeze(1)
    return b.shape.length === 2 ? product.squeeze(2) : product
  }

  #unit(value: SymbolicValue, axis: number): SymbolicValue {
    if (!this.#normalize) return value
    const squares = value.square().sum({ axis, keepDims: true })
    return value.div(squares.maximum(shortest ** 2).sqrt())
  }

  override config(): Record<string, unknown> {
    return { axes: this.#axes, normalize: this.#normalize }
  }
}

/** Vectors are at least as long as this when they are divided by their length, as in Keras. */
const shortest = 1e-7

/**
 * The products of two inputs, summed over a dimension of each: of `[batch, n]` and `[batch, n]` `[batch, 1]`; of
 * `[batch, m, n]` and `[batch, k, n]` with `axes: 2` `[batch, m, k]`; of `[batch, m, n]` and `[batch, n]` `[batch, m]`.
 * The output has no mask in Keras; here it has that of the first input where its steps stay. Errors: `ERR_OPTION`,
 * `ERR_SHAPE`.
 */
export function dot(options: DotOptions): Dot {
  return new Dot(options)
}
