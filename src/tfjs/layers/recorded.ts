import * as ops from '../../graph/trace/ops.js'
import { SymbolicValue } from '../../graph/trace/symbolic.js'
import { unsupported } from '../failure.js'
import { Tensor, TracedTensor } from '../tensor.js'
import type { DataType } from '../types.js'

/** A tensor whose numbers are not known: functions of tensors record operations of ours on it. */
export class Recorded extends TracedTensor {
  /** @internal */
  readonly symbolic: SymbolicValue
  /** @internal Whether it is to be the mean over all rows, which is taken where it is used. */
  readonly meanOfRows: boolean

  constructor(symbolic: SymbolicValue, dtype: DataType = 'float32', meanOfRows = false) {
    super(meanOfRows ? [] : knownShape(symbolic), dtype)
    this.symbolic = symbolic
    this.meanOfRows = meanOfRows
  }

  override throwIfDisposed(): void {}

  override record(name: string, args: readonly unknown[]): unknown {
    if (!Object.hasOwn(functions, name)) throw notRecorded(name)
    return (functions[name] as Recording)(...args)
  }
}

const notRecorded = (what: string) =>
  unsupported(
    `${what} where a function is recorded`,
    "use other functions of tensors there, or write it with defineLayer, defineCell or a loss of 'seqloom'",
  )

const knownShape = ({ shape }: SymbolicValue) => shape.map((size) => (typeof size === 'number' ? size : null))

// biome-ignore lint/suspicious/noExplicitAny: the arguments are those of a function of this entry, of any kind.
type Recording = (...args: any[]) => unknown

type Operand = SymbolicValue | number

/** An argument as an operation of ours takes it. */
function operand(given: unknown): Operand {
  if (given instanceof Recorded) return given.symbolic
  if (typeof given === 'number') return given
  if (given instanceof Tensor && given.size === 1) return given.dataSync()[0] as number
  throw notRecorded('a tensor of several numbers that are given')
}

function symbolicOf(given: unknown): SymbolicValue {
  if (given instanceof Recorded) return given.symbolic
  throw notRecorded('this argument')
}

/** Numbers are the same for all rows, so what is done with them can be done row by row. */
const isMean = (args: readonly unknown[]) => args.some((each) => each instanceof Recorded && each.meanOfRows)

const recorded = (value: SymbolicValue, dtype: DataType = 'float32') => new Recorded(value, dtype)

const unary =
  (call: (x: SymbolicValue) => SymbolicValue, isLinear = false): Recording =>
  (x) => {
    if (isMean([x]) && !isLinear) throw notRecorded('a function of a mean over all rows')
    return new Recorded(call(symbolicOf(x)), 'float32', isMean([x]))
  }

const binary =
  (
    call: (a: SymbolicValue, b: Operand) => SymbolicValue,
    swapped: (a: number, b: SymbolicValue) => SymbolicValue,
    dtype: DataType = 'float32',
    isLinear = false,
  ): Recording =>
  (a, b) => {
    const [x, y] = [operand(a), operand(b)]
    const means = [a, b].filter((each) => isMean([each])).length
    const numbers = [x, y].filter((each) => typeof each === 'number').length
    if (means > 0 && !(isLinear && means + numbers === 2)) throw notRecorded('a function of a mean over all rows')
    const value = x instanceof SymbolicValue ? call(x, y) : swapped(x, y as SymbolicValue)
    return new Recorded(value, dtype, means > 0)
  }

const commuting = (call: (a: SymbolicValue, b: Operand) => SymbolicValue, dtype?: DataType, isLinear?: boolean) =>
  binary(call, (a, b) => call(b, a), dtype, isLinear)

/** The axes of a reduction; all but the batch, and whether the batch is among them. */
function axesOf(x: SymbolicValue, axis: unknown): { readonly axes: number[]; readonly hasBatch: boolean } {
  const rank = x.shape.length
  const given = axis === undefined || axis === null ? x.shape.map((_, at) => at) : ([axis].flat() as number[])
  const axes = given.map((each) => (each < 0 ? rank + each : each))
  const isBatch = (each: number) => each === 0 && x.shape[0] === 'batch'
  return { axes: axes.filter((each) => !isBatch(each)), hasBatch: axes.some(isBatch) }
}

const reduction =
  (kind: 'sum' | 'mean' | 'max'): Recording =>
  (given, axis, keepDims = false) => {
    const x = symbolicOf(given)
    if (isMean([given]) && kind === 'mean') return given
    const { axes, hasBatch } = axesOf(x, axis)
    if (hasBatch && kind !== 'mean') throw notRecorded(`${kind} over all rows`)
    return new Recorded(axes.length > 0 ? x[kind]({ axis: axes, keepDims }) : x, 'float32', hasBatch)
  }

function reshaped(given: unknown, shape: readonly (number | null)[]): Recorded {
  const x = symbolicOf(given)
  const [rows, ...others] = shape
  const fits = rows === -1 || rows === null
  if (!fits) throw notRecorded('reshape with a fixed number of rows: let the first size be -1')
  return recorded(x.reshape(others.map((size) => (size === -1 ? null : size))))
}

function sliced(given: unknown, begin: number | readonly number[], size?: number | readonly number[]): Recorded {
  let x = symbolicOf(given)
  const [starts, sizes] = [[begin].flat(), size === undefined ? [] : [size].flat()] as [number[], number[]]
  starts.forEach((start, axis) => {
    const total = x.shape[axis]
    const count = sizes[axis] ?? -1
    if (start === 0 && (count === -1 || count === total)) return
    if (typeof total !== 'number') throw notRecorded('slice of a dimension of unknown size')
    x = x.slice(start, count === -1 ? total : start + count, axis)
  })
  return recorded(x)
}

function gathered(given: unknown, indices: unknown, axis = 0): Recorded {
  const x = symbolicOf(given)
  if (indices instanceof Recorded) return recorded(x.gather(indices.symbolic))
  const list = (indices instanceof Tensor ? [...(indices.dataSync() as Int32Array)] : [indices].flat(3)) as number[]
  const at = axis < 0 ? x.shape.length + axis : axis
  const parts = list.map((index) => x.slice(index, index + 1, at))
  const value = parts.length === 1 ? (parts[0] as SymbolicValue) : ops.concat(parts, at)
  return recorded(typeof indices === 'number' ? value.squeeze(at) : value)
}

function squeezed(given: unknown, axis?: number | readonly number[]): Recorded {
  const x = symbolicOf(given)
  const rank = x.shape.length
  const axes =
    axis === undefined || axis === null
      ? x.shape.flatMap((size, at) => (size === 1 ? [at] : []))
      : ([axis].flat() as number[])
  return recorded(
    axes
      .map((each) => (each < 0 ? rank + each : each))
      .toSorted((a, b) => b - a)
      .reduce((value, each) => value.squeeze(each), x),
  )
}

/** Recordings of functions, by their names. */
const functions: Readonly<Record<string, Recording>> = {
  add: commuting((a, b) => a.add(b), 'float32', true),
  sub: binary(
    (a, b) => a.sub(b),
    (a, b) => ops.sub(a, b),
    'float32',
    true,
  ),
  mul: commuting((a, b) => a.mul(b), 'float32', true),
  div: binary(
    (a, b) => a.div(b),
    (a, b) => ops.div(a, b),
    'float32',
    true,
  ),
  maximum: commuting((a, b) => a.maximum(b)),
  minimum: commuting((a, b) => a.minimum(b)),
  squaredDifference: commuting((a, b) => a.sub(b).square()),
  less: binary(
    (a, b) => a.less(b),
    (a, b) => b.greater(a),
    'bool',
  ),
  lessEqual: binary(
    (a, b) => a.lessEqual(b),
    (a, b) => b.greaterEqual(a),
    'bool',
  ),
  greater: binary(
    (a, b) => a.greater(b),
    (a, b) => b.less(a),
    'bool',
  ),
  greaterEqual: binary(
    (a, b) => a.greaterEqual(b),
    (a, b) => b.lessEqual(a),
    'bool',
  ),
  equal: commuting((a, b) => a.equal(b), 'bool'),
  notEqual: commuting((a, b) => a.notEqual(b), 'bool'),
  logicalAnd: commuting((a, b) => a.mul(b), 'bool'),
  logicalOr: commuting((a, b) => a.maximum(b), 'bool'),
  logicalNot: (x) => recorded(ops.sub(1, symbolicOf(x)), 'bool'),
  where: (condition, a, b) => recorded(symbolicOf(condition).where(operand(a), operand(b))),
  pow: (x, power) => {
    const [value, exponent] = [symbolicOf(x), operand(power)]
    if (exponent === 1) return x
    if (exponent === 2) return recorded(value.square())
    if (exponent === 3) return recorded(value.square().mul(value))
    if (exponent === 0.5) return recorded(value.sqrt())
    throw notRecorded('pow with other exponents than 0.5, 1, 2 and 3')
  },
  neg: unary((x) => x.neg(), true),
  abs: unary((x) => x.abs()),
  square: unary((x) => x.square()),
  sqrt: unary((x) => x.sqrt()),
  rsqrt: unary((x) => ops.div(1, x.sqrt())),
  reciprocal: unary((x) => ops.div(1, x)),
  exp: unary((x) => x.exp()),
  expm1: unary((x) => x.exp().sub(1)),
  log: unary((x) => x.log()),
  log1p: unary((x) => x.add(1).log()),
  sigmoid: unary((x) => x.sigmoid()),
  logSigmoid: unary((x) => x.neg().softplus().neg()),
  tanh: unary((x) => x.tanh()),
  relu: unary((x) => x.relu()),
  relu6: unary((x) => x.relu().minimum(6)),
  leakyRelu: (x, alpha = 0.2) => recorded(symbolicOf(x).maximum(symbolicOf(x).mul(alpha))),
  elu: unary((x) => x.relu().add(x.minimum(0).exp().sub(1))),
  softplus: unary((x) => x.softplus()),
  sign: unary((x) => x.greater(0).sub(x.less(0))),
  step: unary((x) => x.greater(0)),
  clipByValue: (x, low, high) => recorded(symbolicOf(x).maximum(low).minimum(high)),
  softmax: (x, axis = -1) => recorded(symbolicOf(x).softmax({ axis })),
  logSoftmax: (x, axis = -1) => {
    const value = symbolicOf(x)
    const shifted = value.sub(value.max({ axis, keepDims: true }).stopGradient())
    return recorded(shifted.sub(shifted.exp().sum({ axis, keepDims: true }).log()))
  },
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  min: (x, axis, keepDims = false) => {
    const value = symbolicOf(x)
    const { axes, hasBatch } = axesOf(value, axis)
    if (hasBatch) throw notRecorded('min over all rows')
    return recorded(value.neg().max({ axis: axes, keepDims }).neg())
  },
  argMax: (x, axis = 0) => recorded(symbolicOf(x).argmax({ axis }), 'int32'),
  cumsum: (x, axis = 0, exclusive = false, reverse = false) => {
    if (exclusive) throw notRecorded('cumsum that leaves out the element itself')
    return recorded(symbolicOf(x).cumulativeSum({ axis, reverse }))
  },
  matMul: (a, b, transposeA = false, transposeB = false) =>
    recorded(symbolicOf(a).matmul(symbolicOf(b), { transposeA, transposeB })),
  dot: (a, b) => recorded(symbolicOf(a).matmul(symbolicOf(b))),
  reshape: (x, shape) => reshaped(x, shape),
  flatten: () => {
    throw notRecorded('flatten, which joins the rows')
  },
  expandDims: (x, axis = 0) => recorded(symbolicOf(x).expandDims(axis)),
  squeeze: (x, axis) => squeezed(x, axis),
  transpose: (x, permutation) => {
    const value = symbolicOf(x)
    const { length } = value.shape
    return recorded(value.transpose(permutation ?? Array.from({ length }, (_, at) => length - 1 - at)))
  },
  slice: sliced,
  gather: gathered,
  concat: (list, axis = 0) => recorded(ops.concat((list as unknown[]).map(symbolicOf), axis)),
  stack: (list, axis = 0) => recorded(ops.stack((list as unknown[]).map(symbolicOf), axis)),
  unstack: (x, axis = 0) =>
    symbolicOf(x)
      .unstack(axis)
      .map((value) => recorded(value)),
  split: (x, parts, axis = 0) => {
    if (typeof parts === 'number')
      return symbolicOf(x)
        .split(parts, axis)
        .map((value: SymbolicValue) => recorded(value))
    let start = 0
    return (parts as number[]).map((size) => {
      start += size
      return recorded(symbolicOf(x).slice(start - size, start, axis))
    })
  },
  cast: (x, dtype) => new Recorded(symbolicOf(x), dtype, isMean([x])),
  clone: (x) => x,
  zerosLike: (x) => recorded(symbolicOf(x).mul(0)),
  onesLike: (x) => recorded(symbolicOf(x).mul(0).add(1)),
}
