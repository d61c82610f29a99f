import * as ops from '../../graph/trace/ops.js'
import { SymbolicValue } from '../../graph/trace/symbolic.js'
import { convertToTensor } from '../convert.js'
import { unsupported } from '../failure.js'
import { range } from '../ops/creation.js'
import { Tensor, TracedTensor } from '../tensor.js'
import type { DataType } from '../types.js'
import { larger, largest, smaller } from './ties.js'

/** How a tensor whose numbers are not known stands for a value of ours. */
interface Standing {
  readonly dtype?: DataType
  /** Whether it is to be the mean over all rows, which is taken where it is used. */
  readonly meanOfRows?: boolean
  /** How many dimensions of the value are joined to the first one: programs join rows and steps to multiply matrices. */
  readonly joined?: number
  /** Of a sum over everything: the mean over all rows of the same, and how many numbers of each row were added. */
  readonly total?: { readonly mean: SymbolicValue; readonly perRow: number }
}

/** A tensor whose numbers are not known: functions of tensors record operations of ours on it. */
export class Recorded extends TracedTensor {
  /** @internal */
  readonly symbolic: SymbolicValue
  /** @internal */
  readonly meanOfRows: boolean
  /** @internal */
  readonly joined: number
  /** @internal */
  readonly total: Standing['total']

  constructor(symbolic: SymbolicValue, { dtype = 'float32', meanOfRows = false, joined = 1, total }: Standing = {}) {
    super(meanOfRows ? [] : knownShape(symbolic, joined), dtype)
    this.symbolic = symbolic
    this.meanOfRows = meanOfRows
    this.joined = joined
    this.total = total
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

const sizes = (shape: SymbolicValue['shape']) => shape.map((size) => (typeof size === 'number' ? size : null))

const knownShape = ({ shape }: SymbolicValue, joined: number) =>
  joined === 1 ? sizes(shape) : [null, ...sizes(shape.slice(joined))]

// biome-ignore lint/suspicious/noExplicitAny: the arguments are those of a function of this entry, of any kind.
type Recording = (...args: any[]) => unknown

type Operand = SymbolicValue | number

/** How many numbers that are given may stand beside recorded values. */
const mostGiven = 4096

/** Numbers that are given, as a value of the rank of another one, to which they broadcast. */
function constant(given: Tensor, beside: SymbolicValue): SymbolicValue {
  const shape = given.shape.slice(given.shape.findIndex((size) => size !== 1))
  if (shape.length >= beside.shape.length) throw notRecorded(`a tensor [${given.shape}] that is given`)
  return listed(given, beside).reshape([...Array<number>(beside.shape.length - 1 - shape.length).fill(1), ...shape])
}

/** Numbers that are given, the same for each row of another value: what stands for `[1, …]` is `[batch, …]`. */
export function rowsOfConstant(given: Tensor, beside: SymbolicValue): SymbolicValue {
  if (given.shape[0] !== 1) throw notRecorded(`a tensor [${given.shape}] that is given`)
  return listed(given, beside).reshape(given.shape.slice(1))
}

/** Numbers that are given, in each row of another value. */
function listed(given: Tensor, beside: SymbolicValue): SymbolicValue {
  if (given.size > mostGiven || beside.shape[0] !== 'batch')
    throw notRecorded(`a tensor [${given.shape}] that is given`)
  let zero = beside.notEqual(beside)
  for (let axis = beside.shape.length - 1; axis > 0; axis--) zero = zero.slice(0, 1, axis)
  zero = zero.reshape([1])
  const values = [...(given.dataSync() as Float32Array)]
  const known = new Map([...new Set(values)].map((value) => [value, zero.add(value)]))
  return ops.concat(
    values.map((value) => known.get(value) as SymbolicValue),
    1,
  )
}

/** An argument as an operation of ours takes it, beside another one. */
function operand(given: unknown, beside?: unknown): Operand {
  if (given instanceof Recorded) return given.symbolic
  if (typeof given === 'number') return given
  if (typeof given === 'boolean') return Number(given)
  const tensor = given instanceof Tensor ? given : convertToTensor<Tensor>(given as never, 'x', 'a recorded function')
  if (tensor.size === 1) return tensor.dataSync()[0] as number
  if (beside instanceof Recorded) return constant(tensor, beside.symbolic)
  throw notRecorded(`a tensor [${tensor.shape}] that is given`)
}

/** A value whose first dimension is the rows. */
function symbolicOf(given: unknown): SymbolicValue {
  if (given instanceof Recorded && given.joined === 1) return given.symbolic
  throw notRecorded(given instanceof Recorded ? 'this function of joined rows' : 'this argument')
}

/** A value whose first dimensions may be joined. */
function joinedOf(given: unknown): SymbolicValue {
  if (given instanceof Recorded) return given.symbolic
  throw notRecorded('this argument')
}

/** How many dimensions are joined in all of some values; weights go with any. */
function joinedIn(args: readonly unknown[]): number {
  const counts = new Set(
    args.flatMap((each) => (each instanceof Recorded && each.symbolic.shape[0] === 'batch' ? [each.joined] : [])),
  )
  const [count = 1, ...others] = counts
  if (others.length > 0) throw notRecorded('a function of joined rows and others')
  return count
}

/** A dimension of a value, for one as the program counts it. */
const axisIn = (given: unknown, axis: number): number =>
  axis > 0 && given instanceof Recorded ? axis + given.joined - 1 : axis

/** Numbers are the same for all rows, so what is done with them can be done row by row. */
const isMean = (args: readonly unknown[]) => args.some((each) => each instanceof Recorded && each.meanOfRows)

/** A value's mean over everything but the rows, one number for each of them. */
function eachRow(x: SymbolicValue, kind: 'mean' | 'sum' = 'mean'): SymbolicValue {
  const axes = x.shape.map((_, axis) => axis).slice(1)
  return axes.length === 0 ? x : x[kind]({ axis: axes })
}

/** A mean over all rows as one number, of which anything can be computed; other arguments as they are. */
function settled<T>(given: T): T | Recorded {
  return given instanceof Recorded && given.meanOfRows ? new Recorded(eachRow(given.symbolic).batchMean()) : given
}

const recorded = (value: SymbolicValue, dtype: DataType = 'float32', joined = 1) =>
  new Recorded(value, { dtype, joined })

const unary =
  (call: (x: SymbolicValue) => SymbolicValue, isLinear = false): Recording =>
  (given) => {
    const x = isLinear ? given : settled(given)
    return new Recorded(call(joinedOf(x)), { meanOfRows: isMean([x]), joined: joinedIn([x]) })
  }

const binary =
  (
    call: (a: SymbolicValue, b: Operand) => SymbolicValue,
    swapped: (a: number, b: SymbolicValue) => SymbolicValue,
    dtype: DataType = 'float32',
    isLinear: Linear = never,
  ): Recording =>
  (first, second) => {
    const given = [operand(first, second), operand(second, first)]
    const means = [first, second].filter((each) => isMean([each])).length
    const numbers = given.filter((each) => typeof each === 'number').length
    // What is linear in means can be done row by row.
    const staysMean = means > 0 && isLinear(means, numbers)
    const [a, b] = staysMean ? [first, second] : [settled(first), settled(second)]
    const [x, y] = staysMean ? given : [operand(a, b), operand(b, a)]
    const value = x instanceof SymbolicValue ? call(x, y as Operand) : swapped(x as number, y as SymbolicValue)
    return new Recorded(value, { dtype, meanOfRows: staysMean, joined: joinedIn([a, b]) })
  }

type Linear = (means: number, numbers: number) => boolean
const never: Linear = () => false
/** A sum of means, or of a mean and a number. */
const inSums: Linear = (means, numbers) => means + numbers === 2
/** A mean times or by a number. */
const inProducts: Linear = (means, numbers) => means === 1 && numbers === 1

const commuting = (call: (a: SymbolicValue, b: Operand) => SymbolicValue, dtype?: DataType, isLinear?: Linear) =>
  binary(call, (a, b) => call(b, a), dtype, isLinear)

/** The axes of a reduction; all but the batch, and whether the batch is among them. */
function axesOf(given: Recorded, axis: unknown): { readonly axes: number[]; readonly hasBatch: boolean } {
  const { symbolic, joined } = given
  const rank = symbolic.shape.length - joined + 1
  const wanted =
    axis === undefined || axis === null ? Array.from({ length: rank }, (_, at) => at) : ([axis].flat() as number[])
  const axes = wanted
    .map((each) => (each < 0 ? rank + each : each))
    .flatMap((each) => (each === 0 ? Array.from({ length: joined }, (_, at) => at) : [each + joined - 1]))
  const isBatch = (each: number) => each === 0 && symbolic.shape[0] === 'batch'
  return { axes: axes.filter((each) => !isBatch(each)), hasBatch: axes.some(isBatch) }
}

const quotient = binary(
  (a, b) => a.div(b),
  (a, b) => ops.div(a, b),
  'float32',
  inProducts,
)

const reduction =
  (kind: 'sum' | 'mean' | 'max'): Recording =>
  (given, axis, keepDims = false) => {
    const x = joinedOf(given)
    if (isMean([given]) || x.shape.length === 0) return given
    const { axes, hasBatch } = axesOf(given, axis)
    if (hasBatch && kind === 'sum' && axes.length + 1 === x.shape.length) {
      const mean = eachRow(x, 'sum')
      const total = { mean, perRow: productOf(x.shape.slice(1)) }
      return new Recorded(mean.batchSum(), { total })
    }
    if (hasBatch && kind !== 'mean') throw notRecorded(`${kind} over all rows`)
    const reduced = () => (kind === 'max' ? largest(x, axes, keepDims) : x[kind]({ axis: axes, keepDims }))
    const value = axes.length > 0 ? reduced() : x
    return new Recorded(value, { meanOfRows: hasBatch, joined: hasBatch ? 1 : given.joined })
  }

/** The largest of a value, or of another one of it, and back. */
const extreme =
  (name: string, call: (x: SymbolicValue) => SymbolicValue, dtype: DataType = 'float32'): Recording =>
  (given, axis, keepDims = false) => {
    const { axes, hasBatch } = axesOf(given, axis)
    if (hasBatch) throw notRecorded(`${name} over all rows`)
    return recorded(call(largest(call(joinedOf(given)), axes, keepDims)), dtype, given.joined)
  }

const productOf = (all: readonly (number | string | null)[]): number =>
  all.reduce<number>((product, size) => (typeof size === 'number' ? product * size : Number.NaN), 1)

function reshaped(given: unknown, shape: readonly (number | null)[]): Recorded {
  const x = joinedOf(given)
  const [rows, ...others] = shape
  // A size that programs compute of the unknown number of rows is 0.
  if (rows !== -1 && rows) throw notRecorded('reshape with a fixed number of rows: let the first size be -1')
  const { shape: from } = x
  const wanted = productOf(others)
  for (let joined = 2; joined < from.length; joined++) {
    if (others.includes(-1) || productOf(from.slice(joined)) !== wanted) continue
    if (productOf(from.slice(1, joined)) === 1) break
    return recorded(x.reshape([...from.slice(1, joined), ...others] as number[]), 'float32', joined)
  }
  return recorded(x.reshape(others.map((size) => (size === -1 ? null : size))))
}

function sliced(given: unknown, begin: number | readonly number[], size?: number | readonly number[]): Recorded {
  let x = symbolicOf(given)
  const [starts, counts] = [[begin].flat(), size === undefined ? [] : [size].flat()] as [number[], number[]]
  starts.forEach((start, axis) => {
    const total = x.shape[axis]
    const count = counts[axis] ?? -1
    if (start === 0 && (count === -1 || count === total || (axis === 0 && !count))) return
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

/** The product of matrices, of which one may be given. */
function product(a: unknown, b: unknown, options: { transposeA?: boolean; transposeB?: boolean }): Recorded {
  const x = joinedOf(a)
  if (b instanceof Recorded) return recorded(x.matmul(b.symbolic, options), 'float32', joinedIn([a, b]))
  const isFlat = x.shape.length === 2
  const left = isFlat ? x.expandDims(1) : x
  const right = constant(convertToTensor<Tensor>(b as never, 'b', 'matMul'), left)
  const value = left.matmul(right, options)
  return recorded(isFlat ? value.squeeze(1) : value, 'float32', joinedIn([a]))
}

/** A power: whole ones are products; others are of numbers above 0, which nothing else has. */
function powerOf(x: SymbolicValue, exponent: Operand): SymbolicValue {
  if (typeof exponent === 'number') {
    if (exponent === 0) return x.mul(0).add(1)
    if (exponent === 0.5) return x.sqrt()
    if (exponent < 0) return ops.div(1, powerOf(x, -exponent))
    if (exponent === 1) return x
    if (Number.isInteger(exponent) && exponent <= 64) {
      const half = powerOf(x.square(), Math.floor(exponent / 2))
      return exponent === 2 ? x.square() : exponent % 2 === 0 ? half : half.mul(x)
    }
  }
  return x.maximum(smallest).log().mul(exponent).exp()
}

/** The smallest number that powers and logarithms are taken of. */
const smallest = 1e-30

/** The error function, as {@link erf} computes it. */
function errorFunction(x: SymbolicValue): SymbolicValue {
  const size = x.abs()
  const t = ops.div(1, size.mul(0.3275911).add(1))
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
  const sum = coefficients.reduce<SymbolicValue | undefined>(
    (all, each) => (all ? all.add(each) : t.mul(0).add(each)).mul(t),
    undefined,
  )
  return x
    .greater(0)
    .sub(x.less(0))
    .mul(ops.sub(1, (sum as SymbolicValue).mul(x.square().neg().exp())))
}

const axisFrom = (x: SymbolicValue, axis: number): number => (axis < 0 ? x.shape.length + axis : axis)

/** A value's parts along a dimension of a known size, which they keep. */
function stepsOf(x: SymbolicValue, axis: number): SymbolicValue[] {
  const size = x.shape[axis]
  if (typeof size !== 'number') throw notRecorded('this function along a dimension of unknown size')
  return Array.from({ length: size }, (_, at) => x.slice(at, at + 1, axis))
}

/** Recordings of functions, by their names. */
const functions: Readonly<Record<string, Recording>> = {
  add: commuting((a, b) => a.add(b), 'float32', inSums),
  sub: binary(
    (a, b) => a.sub(b),
    (a, b) => ops.sub(a, b),
    'float32',
    inSums,
  ),
  mul: commuting((a, b) => a.mul(b), 'float32', inProducts),
  div: (a, b) => {
    // What programs compute of the unknown number of rows is 0, and the number itself is null: they want the mean.
    if (a instanceof Recorded && a.total && (b === 0 || b === null)) {
      return new Recorded(b === 0 ? a.total.mean.div(a.total.perRow) : a.total.mean, { meanOfRows: true })
    }
    return quotient(a, settled(b))
  },
  maximum: binary(larger, (a, b) => b.less(a).where(a, b)),
  minimum: binary(smaller, (a, b) => b.greater(a).where(a, b)),
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
  logicalXor: commuting((a, b) => a.notEqual(b), 'bool'),
  logicalNot: (x) => recorded(ops.sub(1, joinedOf(x)), 'bool', x.joined),
  where: (condition, a, b) =>
    recorded(
      joinedOf(condition).where(operand(a, condition), operand(b, condition)),
      'float32',
      joinedIn([condition, a, b]),
    ),
  pow: (x, power) => {
    const [value, exponent] = [joinedOf(x), operand(power, x)]
    if (exponent === 1) return x
    return recorded(powerOf(value, exponent), 'float32', x.joined)
  },
  neg: unary((x) => x.neg(), true),
  abs: unary((x) => x.abs()),
  square: unary((x) => x.square()),
  sqrt: unary((x) => x.sqrt()),
  rsqrt: unary((x) => ops.div(1, x.sqrt())),
  reciprocal: unary((x) => ops.div(1, x)),
  cosh: unary((x) => x.exp().add(x.neg().exp()).mul(0.5)),
  sinh: unary((x) => x.exp().sub(x.neg().exp()).mul(0.5)),
  erf: unary(errorFunction),
  exp: unary((x) => x.exp()),
  expm1: unary((x) => x.exp().sub(1)),
  log: unary((x) => x.log()),
  log1p: unary((x) => x.add(1).log()),
  sigmoid: unary((x) => x.sigmoid()),
  logSigmoid: unary((x) => x.neg().softplus().neg()),
  tanh: unary((x) => x.tanh()),
  relu: unary((x) => x.relu()),
  relu6: unary((x) => x.activation('relu6')),
  leakyRelu: (x, alpha = 0.2) => unary((value) => value.maximum(value.mul(alpha)))(x),
  prelu: binary(
    (x, alpha) => x.relu().add(x.minimum(0).mul(alpha)),
    () => {
      throw notRecorded('prelu of a number')
    },
  ),
  elu: unary((x) => x.activation('elu')),
  selu: unary((x) => x.activation('selu')),
  softplus: unary((x) => x.softplus()),
  sign: unary((x) => x.greater(0).sub(x.less(0))),
  step: unary((x) => x.greater(0)),
  clipByValue: (x, low, high) => unary((value) => value.maximum(low).minimum(high))(x),
  softmax: (x, axis = -1) => unary((value) => value.softmax({ axis: axisIn(x, axis) }))(x),
  logSoftmax: (x, axis = -1) =>
    unary((value) => {
      const along = { axis: axisIn(x, axis), keepDims: true }
      const shifted = value.sub(value.max(along).stopGradient())
      return shifted.sub(shifted.exp().sum(along).log())
    })(x),
  divNoNan: (a, b) => {
    const [x, y] = [operand(a, b), operand(b, a)]
    if (typeof y === 'number') return y === 0 ? functions.mul?.(a, 0) : functions.div?.(a, y)
    const quotient = ops.div(x, y.equal(0).where(1, y)).mul(y.notEqual(0))
    return recorded(quotient, 'float32', joinedIn([a, b]))
  },
  addN: (list) => (list as unknown[]).reduce((a, b) => functions.add?.(a, b)),
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  min: extreme('min', (x) => x.neg()),
  all: extreme('all', (x) => x.neg(), 'bool'),
  any: extreme('any', (x) => x, 'bool'),
  logSumExp: (x, axis, keepDims = false) => {
    const { axes, hasBatch } = axesOf(x, axis)
    if (hasBatch) throw notRecorded('logSumExp over all rows')
    const value = joinedOf(x)
    const largest = value.max({ axis: axes, keepDims: true }).stopGradient()
    const sum = value.sub(largest).exp().sum({ axis: axes, keepDims: true }).log().add(largest)
    return recorded(keepDims ? sum : sum.sum({ axis: axes }), 'float32', x.joined)
  },
  moments: (x, axis, keepDims = false) => {
    const { axes, hasBatch } = axesOf(x, axis)
    const value = joinedOf(x)
    if (hasBatch && axes.length + 1 === value.shape.length) {
      const center = eachRow(value).batchMean()
      const spread = eachRow(value.sub(center).square()).batchMean()
      return { mean: recorded(center), variance: recorded(spread) }
    }
    if (hasBatch) throw notRecorded('moments over all rows')
    const center = value.mean({ axis: axes, keepDims: true })
    const variance = value.sub(center).square().mean({ axis: axes, keepDims })
    const mean = keepDims ? center : center.sum({ axis: axes })
    return { mean: recorded(mean, 'float32', x.joined), variance: recorded(variance, 'float32', x.joined) }
  },
  norm: (x, ord = 'euclidean', axis = null, keepDims = false) => {
    const { axes, hasBatch } = axesOf(x, axis)
    const value = joinedOf(x)
    const isWhole = hasBatch && axes.length + 1 === value.shape.length
    if ((hasBatch && !isWhole) || (ord !== 'euclidean' && ord !== 2 && ord !== 1)) {
      throw notRecorded('norm over all rows, or with another order than 1, 2 and euclidean,')
    }
    const each = ord === 1 ? value.abs() : value.square()
    const sum = isWhole ? eachRow(each, 'sum').batchSum() : each.sum({ axis: axes, keepDims })
    return recorded(ord === 1 ? sum : sum.sqrt(), 'float32', x.joined)
  },
  argMax: (x, axis = 0) => recorded(joinedOf(x).argmax({ axis: axisIn(x, axis) }), 'int32', x.joined),
  argMin: (x, axis = 0) =>
    recorded(
      joinedOf(x)
        .neg()
        .argmax({ axis: axisIn(x, axis) }),
      'int32',
      x.joined,
    ),
  oneHot: (x, depth: number, on = 1, off = 0) => {
    const places = joinedOf(x).expandDims(-1)
    const isPlace = places.equal(constant(range(0, depth), places))
    return recorded(on === 1 && off === 0 ? isPlace : isPlace.where(on, off), 'float32', x.joined)
  },
  cumsum: (x, axis = 0, exclusive = false, reverse = false) => {
    if (exclusive) throw notRecorded('cumsum that leaves out the element itself')
    return recorded(symbolicOf(x).cumulativeSum({ axis, reverse }))
  },
  matMul: (a, b, transposeA = false, transposeB = false) => product(a, b, { transposeA, transposeB }),
  dot: (a, b) => product(a, b, {}),
  reshape: (x, shape) => reshaped(x, shape),
  flatten: (x) => recorded(joinedOf(x), 'float32', joinedOf(x).shape.length),
  expandDims: (x, axis = 0) => recorded(joinedOf(x).expandDims(axisIn(x, axis)), 'float32', x.joined),
  squeeze: (x, axis) => squeezed(x, axis),
  transpose: (x, permutation) => {
    const value = symbolicOf(x)
    const { length } = value.shape
    return recorded(value.transpose(permutation ?? Array.from({ length }, (_, at) => length - 1 - at)))
  },
  slice: sliced,
  gather: gathered,
  concat: (list, axis = 0) =>
    recorded(ops.concat((list as unknown[]).map(joinedOf), axisIn(list[0], axis)), 'float32', joinedIn(list)),
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
  tile: (x, reps: number[]) => {
    if (reps[0] !== 1) throw notRecorded('tile of the rows')
    return recorded(
      reps.reduce(
        (value, count, axis) => (count === 1 ? value : ops.concat(Array(count).fill(value), axis)),
        symbolicOf(x),
      ),
    )
  },
  reverse: (x, axis) => {
    const value = symbolicOf(x)
    const axes = ([axis ?? value.shape.map((_, at) => at)].flat() as number[]).map((each) => axisFrom(value, each))
    return recorded(axes.reduce((all, each) => ops.concat(stepsOf(all, each).toReversed(), each), value))
  },
  pad: (x, paddings: readonly [number, number][], value = 0) => {
    const filling = (like: SymbolicValue, count: number, axis: number) =>
      Array<SymbolicValue>(count).fill(like.slice(0, 1, axis).mul(0).stopGradient().add(value))
    return recorded(
      paddings.reduce((all, [before, after], axis) => {
        if (before === 0 && after === 0) return all
        return ops.concat([...filling(all, before, axis), all, ...filling(all, after, axis)], axis)
      }, symbolicOf(x)),
    )
  },
  cast: (x, dtype) => new Recorded(joinedOf(x), { dtype, meanOfRows: isMean([x]), joined: x.joined }),
  clone: (x) => x,
  zerosLike: unary((x) => x.mul(0)),
  onesLike: unary((x) => x.mul(0).add(1)),
}
