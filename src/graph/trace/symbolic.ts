import { describe, isInstance, SeqloomError } from '../../errors.js'
import { seed as seedCheck } from '../../options.js'
import { cellActivations } from '../../table.js'
import { Location } from './location.js'
import type { AxisOptions, MatmulOptions, Operand, Parts, ReduceOptions, SoftmaxOptions } from './operands.js'
import type { Attributes, ElementwiseKind } from './operation.js'
import { nameOf } from './program.js'
import { hasBatch, isSize, maxRank, type Size, show, type TracedShape } from './size.js'
import type { Trace } from './trace.js'
import { type Windows, windowSettings } from './windows.js'

/** Activations by name that act on single elements. */
const activations = [...cellActivations, 'softplus', 'gelu', 'silu', 'swish', 'mish'] as const

/** What element-wise operations of another name compute. */
const renamed: Readonly<Record<string, ElementwiseKind>> = { exponential: 'exp', swish: 'silu' }

/**
 * A value in a cell's step, a layer or a loss that is being traced: it has a shape and no numbers yet. Its methods
 * record operations and give new values. Shapes are those of one step: `[batch, …]`; weights have no batch. Two values
 * of different shapes broadcast as in numpy, from the last dimension on. All methods: `ERR_SHAPE` where shapes do not
 * fit, `ERR_OPTION` for operands that are no values of this function; the message names the line.
 */
export class SymbolicValue {
  readonly #trace: Trace
  readonly #id: number

  /** @internal */
  constructor(trace: Trace, id: number) {
    this.#trace = trace
    this.#id = id
  }

  /**
   * The shape; `'batch'` and other names stand for sizes that are found when the function is used, null for what is not
   * known.
   */
  get shape(): readonly (number | string | null)[] {
    return this.#trace.shapeOf(this.#id)
  }

  /**
   * The product of matrices: `[…, n, k]` times `[…, k, m]` gives `[…, n, m]`; `[batch, k]` times a weight `[k, m]`
   * gives `[batch, m]`.
   */
  matmul(other: SymbolicValue, options: MatmulOptions = {}): SymbolicValue {
    const { transposeA = false, transposeB = false } = this.#options('matmul', options, ['transposeA', 'transposeB'])
    return this.#record('matmul', [this.#id, this.#value('matmul', other)], { transposeA, transposeB })
  }

  /** this + other. */
  add(other: Operand): SymbolicValue {
    return this.#binary('add', other)
  }

  /** this - other. */
  sub(other: Operand): SymbolicValue {
    return this.#binary('subtract', other)
  }

  /** this · other, element by element. */
  mul(other: Operand): SymbolicValue {
    return this.#binary('multiply', other)
  }

  /** this / other, element by element. */
  div(other: Operand): SymbolicValue {
    return this.#binary('divide', other)
  }

  /** The larger of each pair of elements; where they are equal, both get half of the gradient. */
  maximum(other: Operand): SymbolicValue {
    return this.#binary('maximum', other)
  }

  /** The smaller of each pair of elements; where they are equal, both get half of the gradient. */
  minimum(other: Operand): SymbolicValue {
    return this.#binary('minimum', other)
  }

  /** 1 where this < other, else 0; without a gradient, as all comparisons. */
  less(other: Operand): SymbolicValue {
    return this.#binary('less', other)
  }

  /** 1 where this ≤ other, else 0. */
  lessEqual(other: Operand): SymbolicValue {
    return this.#binary('lessEqual', other)
  }

  /** 1 where this > other, else 0. */
  greater(other: Operand): SymbolicValue {
    return this.#binary('greater', other)
  }

  /** 1 where this ≥ other, else 0. */
  greaterEqual(other: Operand): SymbolicValue {
    return this.#binary('greaterEqual', other)
  }

  /** 1 where this = other, else 0. */
  equal(other: Operand): SymbolicValue {
    return this.#binary('equal', other)
  }

  /** 1 where this ≠ other, else 0. */
  notEqual(other: Operand): SymbolicValue {
    return this.#binary('notEqual', other)
  }

  /** Elements of `a` where this is not zero, of `b` elsewhere: what `if` is for numbers. */
  where(a: Operand, b: Operand): SymbolicValue {
    return this.#elementwise('where', [this.#id, this.#operand('where', a), this.#operand('where', b)])
  }

  /** -this. */
  neg(): SymbolicValue {
    return this.#elementwise('neg', [this.#id])
  }

  /** The magnitude. */
  abs(): SymbolicValue {
    return this.#elementwise('abs', [this.#id])
  }

  /** this². */
  square(): SymbolicValue {
    return this.#elementwise('square', [this.#id])
  }

  /** The square root. */
  sqrt(): SymbolicValue {
    return this.#elementwise('sqrt', [this.#id])
  }

  /** e to the power of this. */
  exp(): SymbolicValue {
    return this.#elementwise('exp', [this.#id])
  }

  /** The natural logarithm. */
  log(): SymbolicValue {
    return this.#elementwise('log', [this.#id])
  }

  /** 1 / (1 + exp(-this)). */
  sigmoid(): SymbolicValue {
    return this.#elementwise('sigmoid', [this.#id])
  }

  /** The hyperbolic tangent. */
  tanh(): SymbolicValue {
    return this.#elementwise('tanh', [this.#id])
  }

  /** max(this, 0). */
  relu(): SymbolicValue {
    return this.#elementwise('relu', [this.#id])
  }

  /** log(1 + exp(this)). */
  softplus(): SymbolicValue {
    return this.#elementwise('softplus', [this.#id])
  }

  /** this / (1 + |this|). */
  softsign(): SymbolicValue {
    return this.#elementwise('softsign', [this.#id])
  }

  /** Keras 3's: relu6(this + 3) / 6. */
  hardSigmoid(): SymbolicValue {
    return this.#elementwise('hardSigmoid', [this.#id])
  }

  /** That of Keras 2 and TensorFlow.js: 0.2·this + 0.5, at least 0 and at most 1. */
  hardSigmoidKeras2(): SymbolicValue {
    return this.#elementwise('hardSigmoidKeras2', [this.#id])
  }

  /** The activation of a name, as recurrent layers have them; `'linear'` is the value itself. */
  activation(name: (typeof activations)[number]): SymbolicValue {
    if (name === 'linear') return this
    if (!activations.includes(name)) {
      throw this.#trace.error('ERR_OPTION', 'activation', `there is no activation ${describe(name)}`)
    }
    return this.#elementwise(renamed[name] ?? (name as ElementwiseKind), [this.#id])
  }

  /** exp(this) over its sum along a dimension; where the mask is zero, the result is zero. */
  softmax(options: SoftmaxOptions = {}): SymbolicValue {
    const { axis = -1, mask } = this.#options('softmax', options, ['axis', 'mask'])
    const inputs = mask === undefined ? [this.#id] : [this.#id, this.#value('softmax', mask)]
    return this.#record('softmax', inputs, { axis: this.#axis('softmax', axis) })
  }

  /**
   * (this - mean) / √(variance + epsilon) along a dimension; epsilon defaults to 1e-3. Multiply and add weights as you
   * like (Ba et al. 2016).
   */
  layerNorm(options: AxisOptions & { readonly epsilon?: number } = {}): SymbolicValue {
    const { axis = -1, epsilon = 1e-3 } = this.#options('layerNorm', options, ['axis', 'epsilon'])
    if (!(Number.isFinite(epsilon) && epsilon > 0)) {
      throw this.#trace.error('ERR_OPTION', 'layerNorm', `epsilon must be a number above 0, not ${describe(epsilon)}`)
    }
    return this.#record('normalize', [this.#id], { axis: this.#axis('layerNorm', axis), epsilon })
  }

  /** This value and others side by side along the last dimension; for another one use `ops.concat`. */
  concat(...others: readonly SymbolicValue[]): SymbolicValue {
    return SymbolicValue.concat([this, ...others])
  }

  /** The range of a dimension from `start` up to but not including `end`; both are counted from 0. */
  slice(start: number, end: number, axis = -1): SymbolicValue {
    for (const bound of [start, end]) {
      if (!Number.isInteger(bound) || bound < 0) {
        throw this.#trace.error(
          'ERR_OPTION',
          'slice',
          `the range must be integers of at least 0, not ${describe(bound)}`,
        )
      }
    }
    return this.#record('slice', [this.#id], { axis: this.#axis('slice', axis), start, end })
  }

  /**
   * For each place along a dimension, by default 1, the elements that a window of `size` covers there:
   * `[batch, n, m]` becomes `[batch, places, size, m]`. Along the time of a layer's input, rows of different lengths are
   * cut each by itself.
   */
  windows(size: number, options: Omit<Windows, 'size'> & AxisOptions = {}): SymbolicValue {
    const names = ['axis', 'stride', 'dilation', 'padding', 'filler'] as const
    const { axis = 1, padding = 'valid', filler = 0, ...others } = this.#options('windows', options, names)
    const whole = (value: unknown, least: number) => Number.isInteger(value) && (value as number) >= least
    const isPair = Array.isArray(padding) && padding.length === 2 && padding.every((each) => whole(each, -(2 ** 31)))
    const problem = [size, ...Object.values(others)].every((each) => whole(each, 1))
      ? !isPair && !['valid', 'same', 'causal'].includes(padding as string)
        ? `padding must be 'valid', 'same', 'causal' or two numbers of elements, not ${describe(padding)}`
        : Number.isFinite(filler)
          ? undefined
          : `filler must be a finite number, not ${describe(filler)}`
      : `size, stride and dilation must be integers of at least 1, not ${describe([size, ...Object.values(others)])}`
    if (problem !== undefined) throw this.#trace.error('ERR_OPTION', 'windows', problem)
    return this.#record('windows', [this.#id], {
      ...windowSettings(this.#axis('windows', axis), { size, ...others, padding, filler }),
    })
  }

  /** Equal parts along a dimension: `const [i, f, g, o] = gates.split(4)`. */
  split<const N extends number>(parts: N, axis = -1): Parts<N> {
    if (!Number.isInteger(parts) || parts < 1 || parts > 1024) {
      throw this.#trace.error(
        'ERR_OPTION',
        'split',
        `the number of parts must be an integer from 1, not ${describe(parts)}`,
      )
    }
    const along = this.#axis('split', axis)
    return Array.from({ length: parts }, (_, part) =>
      this.#record('split', [this.#id], { axis: along, parts, part }),
    ) as Parts<N>
  }

  /** The values along a dimension, which is removed: `[batch, 3, n]` gives three values `[batch, n]`. */
  unstack(axis = 1): SymbolicValue[] {
    const along = this.#axis('unstack', axis)
    const size = this.shape[along]
    if (typeof size !== 'number') {
      throw this.#trace.error('ERR_SHAPE', 'unstack', `dimension ${axis} of ${show(this.shape)} must be a number`)
    }
    return this.split(size, axis).map((part) => part.squeeze(axis))
  }

  /**
   * The same elements of each row under another shape, given without the batch: numbers, names of sizes, and one null
   * to be computed.
   */
  reshape(shape: readonly (Size | null)[]): SymbolicValue {
    const open = Array.isArray(shape) ? shape.filter((dim) => dim === null).length : 2
    if (open > 1 || shape.length >= maxRank || !shape.every((dim) => dim === null || isSize(dim))) {
      throw this.#trace.error(
        'ERR_OPTION',
        'reshape',
        `the shape must be an array of positive integers or names, at most one of them null, not ${describe(shape)}`,
      )
    }
    return this.#record('reshape', [this.#id], { shape })
  }

  /**
   * The same value with a dimension of size 1 before dimension `axis`: `expandDims(1)` makes `[batch, n]` to
   * `[batch, 1, n]`.
   */
  expandDims(axis: number): SymbolicValue {
    const shape = [...this.shape]
    const at = axis < 0 ? shape.length + 1 + axis : axis
    if (!Number.isInteger(at) || at < 1 || at > shape.length) {
      throw this.#trace.error('ERR_OPTION', 'expandDims', `there is no place ${describe(axis)} in ${show(shape)}`)
    }
    shape.splice(at, 0, 1)
    return this.#reshaped('expandDims', shape)
  }

  /** The same value without the dimension `axis`, whose size must be 1. */
  squeeze(axis = -1): SymbolicValue {
    const at = this.#axis('squeeze', axis)
    if (this.shape[at] !== 1) {
      throw this.#trace.error('ERR_SHAPE', 'squeeze', `dimension ${axis} of ${show(this.shape)} is not of size 1`)
    }
    return this.#reshaped('squeeze', this.shape.toSpliced(at, 1))
  }

  /** The dimensions in another order: `[0, 2, 1]` swaps the last two of three. The batch stays first. */
  transpose(permutation: readonly number[]): SymbolicValue {
    if (!Array.isArray(permutation)) {
      throw this.#trace.error(
        'ERR_OPTION',
        'transpose',
        `expected an array of dimensions, not ${describe(permutation)}`,
      )
    }
    return this.#record('transpose', [this.#id], {
      permutation: permutation.map((axis) => this.#axis('transpose', axis)),
    })
  }

  /** Rows of this table, a weight `[n, …]`, by whole numbers from 0: `w.embeddings.gather(token)`. */
  gather(indices: SymbolicValue): SymbolicValue {
    return this.#record('gather', [this.#id, this.#value('gather', indices)])
  }

  /** The sum over dimensions. */
  sum(options: ReduceOptions = {}): SymbolicValue {
    return this.#reduce('sum', options)
  }

  /** The mean over dimensions. */
  mean(options: ReduceOptions = {}): SymbolicValue {
    return this.#reduce('mean', options)
  }

  /** The largest element along dimensions. */
  max(options: ReduceOptions = {}): SymbolicValue {
    return this.#reduce('max', options)
  }

  /**
   * The sum up to each place of a dimension, or with `reverse` from there to its end. In a layer, dimension 1 is the
   * time: steps that are not valid add nothing, and have the sum 0.
   */
  cumulativeSum(options: AxisOptions & { readonly reverse?: boolean } = {}): SymbolicValue {
    const { axis = -1, reverse = false } = this.#options('cumulativeSum', options, ['axis', 'reverse'])
    if (typeof reverse !== 'boolean') {
      throw this.#trace.error('ERR_OPTION', 'cumulativeSum', `reverse must be true or false, not ${describe(reverse)}`)
    }
    return this.#record('cumulativeSum', [this.#id], { axis: this.#axis('cumulativeSum', axis), reverse })
  }

  /** The number of the largest element along a dimension, the first among equal ones; without a gradient. */
  argmax(options: AxisOptions = {}): SymbolicValue {
    const { axis = -1 } = this.#options('argmax', options, ['axis'])
    return this.#record('argmax', [this.#id], { axis: this.#axis('argmax', axis) })
  }

  /**
   * For each row of logits `[batch, n]` a number below n, drawn with the probabilities softmax(logits / temperature);
   * without a gradient.
   */
  sample(options: { readonly temperature?: number } = {}): SymbolicValue {
    const { temperature = 1 } = this.#options('sample', options, ['temperature'])
    return this.#record('sample', [this.#id], { temperature })
  }

  /**
   * Sets a share of the elements to zero while training and scales the others up; nothing otherwise. In a cell, the
   * same elements at every step (Gal and Ghahramani 2016), or with `perStep: true` others at each. With a `seed` they do
   * not depend on the model's.
   */
  dropout(rate: number, options: { readonly perStep?: boolean; readonly seed?: number } = {}): SymbolicValue {
    const { perStep = false, seed } = this.#options('dropout', options, ['perStep', 'seed'])
    if (!(rate >= 0 && rate < 1)) {
      throw this.#trace.error(
        'ERR_OPTION',
        'dropout',
        `the rate must be a number from 0 to below 1, not ${describe(rate)}`,
      )
    }
    if (seed !== undefined && !seedCheck.accepts(seed)) {
      throw this.#trace.error('ERR_OPTION', 'dropout', `the seed must be ${seedCheck.expected}, not ${describe(seed)}`)
    }
    const own = seed === undefined ? {} : { seed }
    return rate === 0 ? this : this.#record('dropout', [this.#id], { rate, perStep, ...own })
  }

  /** The same value, to which no gradient flows back. */
  stopGradient(): SymbolicValue {
    return this.#record('stopGradient', [this.#id])
  }

  /**
   * The mean of a value `[batch]` or `[batch, time]` over all rows and valid steps of the batch: one number, with which any
   * other value can be computed. In losses and metrics alone: elsewhere, rows are independent.
   */
  batchMean(): SymbolicValue {
    return this.#record('overBatch', [this.#id], { kind: 'mean' })
  }

  /** The sum, as {@link batchMean}. */
  batchSum(): SymbolicValue {
    return this.#record('overBatch', [this.#id], { kind: 'sum' })
  }

  /** 1 for the valid steps of this sequence, 0 for padding: `[batch, time]`. In a cell, for its constants only. */
  mask(): SymbolicValue {
    return this.#record('mask', [this.#id])
  }

  /** Refuses what JavaScript does with numbers: `a + b`, `a > b`, templates. */
  [Symbol.toPrimitive](): never {
    throw this.#trace.error(
      'ERR_OPTION',
      'the function',
      'a symbolic value has no number yet, so +, -, *, /, <, > and the like do not work on it: use its methods, such as a.add(b), a.mul(b), ' +
        'a.greater(b), and condition.where(a, b) for a choice',
    )
  }

  /** Refuses destructuring and spreading. */
  [Symbol.iterator](): never {
    throw this.#trace.error(
      'ERR_OPTION',
      'the function',
      'a symbolic value is no array: use split or unstack to take it apart',
    )
  }

  /** For `console.log`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `SymbolicValue ${show(this.shape)}`
  }

  /** @internal What a user's function gave as the value of `what`, or an error: its number in the trace. */
  static idIn(trace: Trace, value: unknown, what: string): number {
    if (!isInstance(value, SymbolicValue)) {
      const hint =
        typeof value === 'number' && Number.isNaN(value) ? '; NaN comes from arithmetic on symbolic values' : ''
      throw trace.error('ERR_OPTION', what, `expected a symbolic value, got ${describe(value)}${hint}`)
    }
    if (value.#trace !== trace) {
      throw trace.error(
        'ERR_OPTION',
        what,
        `the value ${show(value.shape)} belongs to another function, ${value.#trace.label}`,
      )
    }
    return value.#id
  }

  /** @internal Values side by side along a dimension. */
  static concat(values: readonly SymbolicValue[], axis = -1): SymbolicValue {
    const first = SymbolicValue.#first('concat', values)
    const ids = values.map((value) => first.#value('concat', value))
    return first.#record('concatenate', ids, { axis: first.#axis('concat', axis) })
  }

  /** @internal Values of one shape along a new dimension. */
  static stack(values: readonly SymbolicValue[], axis = 1): SymbolicValue {
    const first = SymbolicValue.#first('stack', values)
    for (const value of values) first.#value('stack', value)
    return SymbolicValue.concat(
      values.map((value) => value.expandDims(axis)),
      axis,
    )
  }

  /** @internal A function of two operands, of which one at least is a value. */
  static binary(kind: 'subtract' | 'divide', a: Operand, b: Operand): SymbolicValue {
    const value = SymbolicValue.#first(
      kind,
      [a, b].filter((each) => isInstance(each, SymbolicValue)),
    )
    const what = nameOf(kind, {})
    return value.#elementwise(kind, [value.#operand(what, a), value.#operand(what, b)])
  }

  static #first(what: string, values: readonly SymbolicValue[]): SymbolicValue {
    const first = Array.isArray(values) ? values.find((value) => isInstance(value, SymbolicValue)) : undefined
    if (first) return first
    const place = String(Location.here())
    throw new SeqloomError(
      'ERR_OPTION',
      `ops.${what}${place ? ` at ${place}` : ''}: expected symbolic values, got ${describe(values)}`,
    )
  }

  #record(op: string, inputs: readonly number[], attributes: Attributes = {}): SymbolicValue {
    return new SymbolicValue(this.#trace, this.#trace.add(op, inputs, attributes))
  }

  #elementwise(kind: ElementwiseKind, inputs: readonly number[]): SymbolicValue {
    return this.#record('elementwise', inputs, { kind })
  }

  #binary(kind: ElementwiseKind, other: Operand): SymbolicValue {
    return this.#elementwise(kind, [this.#id, this.#operand(nameOf(kind, {}), other)])
  }

  #value(what: string, value: unknown): number {
    return SymbolicValue.idIn(this.#trace, value, what)
  }

  #operand(what: string, value: unknown): number {
    return typeof value === 'number' && Number.isFinite(value) ? this.#trace.scalar(value) : this.#value(what, value)
  }

  #reduce(kind: 'sum' | 'mean' | 'max', options: ReduceOptions): SymbolicValue {
    const { axis = -1, keepDims = false } = this.#options(kind, options, ['axis', 'keepDims'])
    const axes = (Array.isArray(axis) ? (axis as readonly number[]) : [axis as number]).map((each) =>
      this.#axis(kind, each),
    )
    return this.#record('reduce', [this.#id], { kind, axes: [...new Set(axes)].sort(), keepDims })
  }

  #reshaped(what: string, shape: TracedShape): SymbolicValue {
    if (!hasBatch(shape)) {
      throw this.#trace.error(
        'ERR_SHAPE',
        what,
        `only values with a batch can be reshaped, got ${show(this.shape)}; declare the weight in the shape that it needs`,
      )
    }
    return this.#record('reshape', [this.#id], { shape: shape.slice(1) })
  }

  /** A dimension counted from the front. */
  #axis(what: string, axis: number): number {
    const rank = this.shape.length
    const at = axis < 0 ? rank + axis : axis
    if (Number.isInteger(at) && at >= 0 && at < rank) return at
    throw this.#trace.error('ERR_SHAPE', what, `there is no dimension ${describe(axis)} in ${show(this.shape)}`)
  }

  #options<T extends object>(what: string, options: T, names: readonly (keyof T & string)[]): T {
    if (typeof options !== 'object' || options === null) {
      throw this.#trace.error('ERR_OPTION', what, `the options must be an object, not ${describe(options)}`)
    }
    const wrong = Object.keys(options).find((name) => !(names as readonly string[]).includes(name))
    if (wrong === undefined) return options
    throw this.#trace.error('ERR_OPTION', what, `there is no option '${wrong}'; the options are ${names.join(', ')}`)
  }
}
