import * as ops from '../../graph/trace/ops.js'
import { SymbolicValue } from '../../graph/trace/symbolic.js'
import { convertToTensor } from '../convert.js'
import { unsupported } from '../failure.js'
import { range } from '../ops/creation.js'
import { Tensor, TracedTensor } from '../tensor.js'
import type { DataType } from '../types.js'
import {
  beforeRows,
  behind,
  hasRows,
  namedSizes,
  ownAxis,
  type Rows,
  reordered,
  rowsFirst,
  seenShape,
  without,
} from './rows.js'
import { larger, largest, smaller } from './ties.js'

/** How a tensor whose numbers are not known stands for a value of ours. */
interface Standing {
  readonly dtype?: DataType
  /** Whether it is to be the mean over all rows, which is taken where it is used. */
  readonly meanOfRows?: boolean
  /** Which of its dimensions are the rows. */
  readonly rows?: Rows
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
  readonly rows: Rows
  /** @internal */
  readonly total: Standing['total']

  constructor(
    symbolic: SymbolicValue,
    { dtype = 'float32', meanOfRows = false, rows = rowsFirst, total }: Standing = {},
  ) {
    super(meanOfRows ? [] : seenShape(symbolic, rows), dtype)
    this.symbolic = symbolic
    this.meanOfRows = meanOfRows
    this.rows = rows
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

// biome-ignore lint/suspicious/noExplicitAny: the arguments are those of a function of this entry, of any kind.
type Recording = (...args: any[]) => unknown

type Operand = SymbolicValue | number

/** How many numbers that are given may stand beside recorded values. */
const mostGiven = 4096

/** Numbers that are given, as a value of the rank of another one, to which they broadcast; its rows may not be first. */
function constant(given: Tensor, beside: SymbolicValue, rows = rowsFirst): SymbolicValue {
  const shape = given.shape.slice(given.shape.findIndex((size) => size !== 1))
  const meets = shape.length - 1 - behind(beside, rows)
  if (meets >= 0 && shape.splice(meets, 1)[0] !== 1) throw notRecorded(`a tensor [${given.shape}] that is given`)
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
  const zero = zeroOfRows(beside)
  const values = [...(given.dataSync() as Float32Array)]
  const known = new Map([...new Set(values)].map((value) => [value, zero.add(value)]))
  return ops.concat(
    values.map((value) => known.get(value) as SymbolicValue),
    1,
  )
}

/** 0 in each row of a value, `[batch, 1]`. */
function zeroOfRows(beside: SymbolicValue): SymbolicValue {
  let zero = beside.notEqual(beside)
  for (let axis = beside.shape.length - 1; axis > 0; axis--) zero = zero.slice(0, 1, axis)
  return zero.reshape([1])
}

/** An argument as an operation of ours takes it, beside another one. */
function operand(given: unknown, beside?: unknown): Operand {
  if (given instanceof Recorded) return given.symbolic
  if (typeof given === 'number') return given
  if (typeof given === 'boolean') return Number(given)
  const tensor = given instanceof Tensor ? given : convertToTensor<Tensor>(given as never, 'x', 'a recorded function')
  if (tensor.size === 1) return tensor.dataSync()[0] as number
  if (beside instanceof Recorded) return constant(tensor, beside.symbolic, beside.rows)
  throw notRecorded(`a tensor [${tensor.shape}] that is given`)
}

/** A value whose dimensions the program sees as they are, but for where the rows are. */
function separate(given: unknown): Recorded {
  if (given instanceof Recorded && given.rows.joined === 1) return given
  throw notRecorded(given instanceof Recorded ? 'this function of joined rows' : 'this argument')
}

/** A value whose first dimensions may be joined. */
function joinedOf(given: unknown): SymbolicValue {
  if (given instanceof Recorded) return given.symbolic
  throw notRecorded('this argument')
}

/** Where the rows are in all of some values; weights go with any. */
function rowsIn(args: readonly unknown[]): Rows {
  const values = args.filter((each) => each instanceof Recorded)
  const [first, ...others] = values.filter(({ symbolic }) => hasRows(symbolic))
  if (first) {
    if (others.every(({ rows }) => rows.joined === first.rows.joined && rows.at === first.rows.at)) return first.rows
    throw notRecorded('a function of joined rows and others')
  }
  const [rank, own] = [values.map(({ shape }) => shape.length), values.map(({ symbolic }) => symbolic.shape.length)]
  return { ...rowsFirst, leading: Math.max(0, ...rank) - Math.max(0, ...own) }
}

/** Two arguments that broadcast, with their rows at the same place. */
function aligned(first: unknown, second: unknown): [unknown, unknown] {
  if (!(first instanceof Recorded && second instanceof Recorded)) return [first, second]
  if (!hasRows(first.symbolic) || !hasRows(second.symbolic)) {
    return [besideRows(first, second), besideRows(second, first)]
  }
  if (first.rows.at === second.rows.at || first.meanOfRows || second.meanOfRows) return [first, second]
  if (behind(first.symbolic, first.rows) !== behind(second.symbolic, second.rows)) {
    throw notRecorded('a function in which rows meet another dimension')
  }
  const at = Math.max(first.rows.at, second.rows.at)
  return [withRowsAt(first, at), withRowsAt(second, at)]
}

/** A value with dimensions of size 1 before its rows. */
function withRowsAt(given: Recorded, at: number): Recorded {
  let value = given.symbolic
  for (let count = given.rows.at; count < at; count++) value = value.expandDims(1)
  return recorded(value, given.dtype, { ...given.rows, at })
}

/** A weight as it broadcasts with a value whose rows may not be first. */
function besideRows(given: Recorded, other: Recorded): Recorded {
  if (hasRows(given.symbolic) || !hasRows(other.symbolic) || other.rows.at === 0) return given
  const value = beforeRows(given.symbolic, behind(other.symbolic, other.rows))
  if (!value) throw notRecorded('a function in which rows meet a dimension of a weight')
  return recorded(value, given.dtype)
}

/** A dimension of a value, for one as the program counts it. */
function axisIn(given: unknown, axis: number): number {
  if (!(given instanceof Recorded)) return axis
  const { symbolic, rows, shape } = given
  if (axis < 0 && rows.at === 0 && rows.leading === 0) return axis
  const own = ownAxis(symbolic, rows, axis < 0 ? shape.length + axis : axis)
  if (own < 0) throw notRecorded('this function along a dimension that a weight was given')
  return own
}

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

const recorded = (value: SymbolicValue, dtype: DataType = 'float32', rows = rowsFirst) =>
  new Recorded(value, { dtype, rows })

const unary =
  (call: (x: SymbolicValue) => SymbolicValue, isLinear = false): Recording =>
  (given) => {
    const x = isLinear ? given : settled(given)
    return new Recorded(call(joinedOf(x)), { meanOfRows: isMean([x]), rows: rowsIn([x]) })
  }

const binary =
  (
    call: (a: SymbolicValue, b: Operand) => SymbolicValue,
    swapped: (a: number, b: SymbolicValue) => SymbolicValue,
    dtype: DataType = 'float32',
    isLinear: Linear = never,
  ): Recording =>
  (a0, b0) => {
    const [first, second] = aligned(a0, b0)
    const given = [operand(first, second), operand(second, first)]
    const means = [first, second].filter((each) => isMean([each])).length
    const numbers = given.filter((each) => typeof each === 'number').length
    // What is linear in means can be done row by row.
    const staysMean = means > 0 && isLinear(means, numbers)
    const [a, b] = staysMean ? [first, second] : [settled(first), settled(second)]
    const [x, y] = staysMean ? given : [operand(a, b), operand(b, a)]
    const value = x instanceof SymbolicValue ? call(x, y as Operand) : swapped(x as number, y as SymbolicValue)
    return new Recorded(value, { dtype, meanOfRows: staysMean, rows: rowsIn([a, b]) })
  }

type Linear = (means: number, numbers: number) => boolean
const never: Linear = () => false
/** A sum of means, or of a mean and a number. */
const inSums: Linear = (means, numbers) => means + numbers === 2
/** A mean times or by a number. */
const inProducts: Linear = (means, numbers) => means === 1 && numbers === 1

const commuting = (call: (a: SymbolicValue, b: Operand) => SymbolicValue, dtype?: DataType, isLinear?: Linear) =>
  binary(call, (a, b) => call(b, a), dtype, isLinear)

/** The axes of a reduction; all but the batch, and whether the batch is among them; where the rows are then. */
function axesOf(given: Recorded, axis: unknown, keepDims: boolean) {
  const { symbolic, rows } = given
  const { joined } = rows
  const rank = symbolic.shape.length - joined + 1 + rows.leading
  const wanted =
    axis === undefined || axis === null ? Array.from({ length: rank }, (_, at) => at) : ([axis].flat() as number[])
  const axes = wanted
    .map((each) => (each < 0 ? rank + each : each))
    .flatMap((each) =>
      each === 0 && joined > 1
        ? Array.from({ length: joined }, (_, at) => at)
        : [given.meanOfRows ? each : ownAxis(symbolic, rows, each)],
    )
    .filter((each) => each >= 0)
  const isBatch = (each: number) => each === 0 && hasRows(symbolic)
  const own = axes.filter((each) => !isBatch(each))
  const hasBatch = axes.some(isBatch)
  if (hasBatch && rows.at > 0 && own.length + 1 < symbolic.shape.length)
    throw notRecorded('this function over all rows')
  return { axes: own, hasBatch, rows: hasBatch ? rowsFirst : keepDims ? rows : without(rows, own) }
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
    const { axes, hasBatch, rows } = axesOf(given, axis, keepDims)
    if (hasBatch && kind === 'sum' && axes.length + 1 === x.shape.length) {
      const mean = eachRow(x, 'sum')
      const total = { mean, perRow: productOf(x.shape.slice(1)) }
      return new Recorded(mean.batchSum(), { total })
    }
    if (hasBatch && kind !== 'mean') throw notRecorded(`${kind} over all rows`)
    const reduced = () => (kind === 'max' ? largest(x, axes, keepDims) : x[kind]({ axis: axes, keepDims }))
    const value = axes.length > 0 ? reduced() : x
    return new Recorded(value, { meanOfRows: hasBatch, rows })
  }

/** The largest of a value, or of another one of it, and back. */
const extreme =
  (name: string, call: (x: SymbolicValue) => SymbolicValue, dtype: DataType = 'float32'): Recording =>
  (given, axis, keepDims = false) => {
    const { axes, hasBatch, rows } = axesOf(given, axis, keepDims)
    if (hasBatch) throw notRecorded(`${name} over all rows`)
    return recorded(call(largest(call(joinedOf(given)), axes, keepDims)), dtype, rows)
  }

const productOf = (all: readonly (number | string | null)[]): number =>
  all.reduce<number>((product, size) => (typeof size === 'number' ? product * size : Number.NaN), 1)

function reshaped(given: unknown, shape: readonly (number | null)[]): Recorded {
  const x = joinedOf(given)
  const own = shape.slice(-x.shape.length)
  if (!hasRows(x) && own.every((size, axis) => size === x.shape[axis]) && shape.slice(0, -own.length).every(isOne)) {
    return recorded(x, 'float32', { ...rowsFirst, leading: shape.length - own.length })
  }
  if ((given as Recorded).rows.at > 0) throw notRecorded('reshape of what does not have the rows first')
  const [rows, ...others] = shape
  // A size that programs compute of the unknown number of rows is 0.
  if (rows !== -1 && rows) throw notRecorded('reshape with a fixed number of rows: let the first size be -1')
  const { shape: from } = x
  const wanted = productOf(others)
  for (let joined = 2; joined < from.length; joined++) {
    if (others.includes(-1) || productOf(from.slice(joined)) !== wanted) continue
    if (productOf(from.slice(1, joined)) === 1) break
    return recorded(x.reshape([...from.slice(1, joined), ...others] as number[]), 'float32', { ...rowsFirst, joined })
  }
  const sizes = others.map((size) => (size === -1 ? null : size))
  const named = namedSizes(sizes, from)
  if (named.length === from.length - 1 && named.every((size, at) => size !== null && size === from[at + 1])) {
    return recorded(x)
  }
  return recorded(x.reshape(named))
}

const isOne = (size: unknown) => size === 1

/** A value with a dimension of size 1 more. */
function expanded(given: unknown, axis: number): Recorded {
  const x = joinedOf(given)
  const { rows, shape } = given as Recorded
  const place = axis < 0 ? shape.length + 1 + axis : axis
  if (!hasRows(x)) {
    if (place <= rows.leading) return recorded(x, 'float32', { ...rows, leading: rows.leading + 1 })
    return recorded(x.expandDims(place - rows.leading), 'float32', rows)
  }
  if (rows.joined > 1) return recorded(x.expandDims(axisIn(given, axis)), 'float32', rows)
  if (place > rows.at) return recorded(x.expandDims(place), 'float32', rows)
  return recorded(x.expandDims(place + 1), 'float32', { ...rows, at: rows.at + 1 })
}

function sliced(given: unknown, begin: number | readonly number[], size?: number | readonly number[]): Recorded {
  const { symbolic, rows } = separate(given)
  const [starts, counts] = [[begin].flat(), size === undefined ? [] : [size].flat()] as [number[], number[]]
  const value = starts.reduce((x, start, axis) => {
    const own = axisIn(given, axis)
    const total = x.shape[own]
    const count = counts[axis] ?? -1
    if (start === 0 && (count === -1 || count === total || (own === 0 && !count))) return x
    if (typeof total !== 'number') throw notRecorded('slice of a dimension of unknown size')
    return x.slice(start, count === -1 ? total : start + count, own)
  }, symbolic)
  return recorded(value, 'float32', rows)
}

function gathered(given: unknown, indices: unknown, axis = 0): Recorded {
  const { symbolic: x, rows } = separate(given)
  if (indices instanceof Recorded) return recorded(x.gather(indices.symbolic))
  const list = (indices instanceof Tensor ? [...(indices.dataSync() as Int32Array)] : [indices].flat(3)) as number[]
  const own = axisIn(given, axis)
  const at = own < 0 ? x.shape.length + own : own
  const parts = list.map((index) => x.slice(index, index + 1, at))
  const value = parts.length === 1 ? (parts[0] as SymbolicValue) : ops.concat(parts, at)
  return typeof indices === 'number'
    ? recorded(value.squeeze(at), 'float32', without(rows, [at]))
    : recorded(value, 'float32', rows)
}

function squeezed(given: unknown, axis?: number | readonly number[]): Recorded {
  const { symbolic: x, rows, shape } = separate(given)
  const axes =
    axis === undefined || axis === null
      ? shape.flatMap((size, at) => (size === 1 ? [at] : []))
      : ([axis].flat() as number[]).map((each) => (each < 0 ? shape.length + each : each))
  const own = axes.map((each) => ownAxis(x, rows, each))
  const value = own
    .filter((each) => each >= 0)
    .toSorted((a, b) => b - a)
    .reduce((all, each) => all.squeeze(each), x)
  const leading = rows.leading - own.filter((each) => each < 0).length
  return recorded(value, 'float32', { ...without(rows, own), leading })
}

/** Values beside each other in a dimension of their own. */
function stacked(list: readonly unknown[], axis: number): Recorded {
  const parts = list.map((each) => expanded(separate(each), axis))
  const [first] = parts as [Recorded]
  return recorded(
    ops.concat(
      parts.map(({ symbolic }) => symbolic),
      axisIn(first, axis),
    ),
    'float32',
    rowsIn(parts),
  )
}

function transposed(given: unknown, permutation?: readonly number[]): Recorded {
  const { symbolic, rows, shape } = separate(given)
  if (rows.leading > 0) throw notRecorded('transpose of a weight that was given dimensions')
  const wanted = permutation ?? shape.map((_, axis) => shape.length - 1 - axis)
  const { order, rows: at } = reordered(symbolic, rows, wanted)
  return recorded(symbolic.transpose(order), 'float32', at)
}

/** As many rows as there are, all of one number; the size that programs do not know is that of the rows. */
function filled(like: Recorded, shape: readonly (number | null)[], number: number): Recorded {
  const at = shape.indexOf(null)
  const others = shape.filter((size) => size !== null)
  if (others.length + 1 < shape.length) throw notRecorded(`a tensor [${shape}]`)
  const one = zeroOfRows(like.symbolic)
    .add(number)
    .reshape(others.map(() => 1))
  const value = others.reduce((all, count, axis) => ops.concat(Array<SymbolicValue>(count).fill(all), axis + 1), one)
  return recorded(value, 'float32', { ...rowsFirst, at })
}

/** The product of matrices, of which one may be given. */
function product(a: unknown, b: unknown, options: { transposeA?: boolean; transposeB?: boolean }): Recorded {
  const x = joinedOf(a)
  const { transposeA = false, transposeB = false } = options
  const rowsOf = (given: unknown) => (given as Recorded).rows
  if (b instanceof Recorded) {
    const isFlat = x.shape.length === 2 && b.symbolic.shape.length === 2
    if (isFlat && !hasRows(x) && hasRows(b.symbolic) && (b.rows.at === 1) !== transposeB) {
      // A weight times columns that are rows of ours.
      return recorded(b.symbolic.matmul(x, { transposeB: !transposeA }), 'float32', { ...rowsFirst, at: 1 })
    }
  }
  const last = (given: unknown) => given instanceof Recorded && hasRows(given.symbolic) && rowsOf(given).at > 0
  const isWithin = (given: unknown) => rowsOf(given).at >= (given as Recorded).shape.length - 2
  if (
    (last(a) && isWithin(a) && (transposeA || !(b instanceof Recorded && b.symbolic.shape.length === 2))) ||
    (last(b) && isWithin(b))
  ) {
    throw notRecorded('a product of matrices that mixes rows')
  }
  if (b instanceof Recorded) return recorded(x.matmul(b.symbolic, options), 'float32', rowsIn([a, b]))
  const isFlat = x.shape.length === 2
  const left = isFlat ? x.expandDims(1) : x
  const right = constant(convertToTensor<Tensor>(b as never, 'b', 'matMul'), left)
  const value = left.matmul(right, options)
  return recorded(isFlat ? value.squeeze(1) : value, 'float32', rowsIn([a]))
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

/** Where the largest of what is made of a value is. */
function place(x: Recorded, axis: number, call: (value: SymbolicValue) => SymbolicValue): Recorded {
  const value = joinedOf(x)
  const own = axisFrom(value, axisIn(x, axis))
  return recorded(call(value).argmax({ axis: own }), 'int32', without(x.rows, [own]))
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
  logicalNot: (x) => recorded(ops.sub(1, joinedOf(x)), 'bool', x.rows),
  where: (condition0, a0, b0) => {
    const [condition1, a1] = aligned(condition0, a0)
    const [condition, b] = aligned(condition1, b0)
    const [, a] = aligned(condition, a1)
    const value = joinedOf(condition).where(operand(a, condition), operand(b, condition))
    return recorded(value, 'float32', rowsIn([condition, a, b]))
  },
  pow: (x, power) => {
    const [value, exponent] = [joinedOf(x), operand(power, x)]
    if (exponent === 1) return x
    return recorded(powerOf(value, exponent), 'float32', x.rows)
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
  divNoNan: (a0, b0) => {
    const [a, b] = aligned(a0, b0)
    const [x, y] = [operand(a, b), operand(b, a)]
    if (typeof y === 'number') return y === 0 ? functions.mul?.(a, 0) : functions.div?.(a, y)
    const quotient = ops.div(x, y.equal(0).where(1, y)).mul(y.notEqual(0))
    return recorded(quotient, 'float32', rowsIn([a, b]))
  },
  addN: (list) => (list as unknown[]).reduce((a, b) => functions.add?.(a, b)),
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  min: extreme('min', (x) => x.neg()),
  all: extreme('all', (x) => x.neg(), 'bool'),
  any: extreme('any', (x) => x, 'bool'),
  logSumExp: (x, axis, keepDims = false) => {
    const { axes, hasBatch, rows } = axesOf(x, axis, keepDims)
    if (hasBatch) throw notRecorded('logSumExp over all rows')
    const value = joinedOf(x)
    const largest = value.max({ axis: axes, keepDims: true }).stopGradient()
    const sum = value.sub(largest).exp().sum({ axis: axes, keepDims: true }).log().add(largest)
    return recorded(keepDims ? sum : sum.sum({ axis: axes }), 'float32', rows)
  },
  moments: (x, axis, keepDims = false) => {
    const { axes, hasBatch, rows } = axesOf(x, axis, keepDims)
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
    return { mean: recorded(mean, 'float32', rows), variance: recorded(variance, 'float32', rows) }
  },
  norm: (x, ord = 'euclidean', axis = null, keepDims = false) => {
    const { axes, hasBatch, rows } = axesOf(x, axis, keepDims)
    const value = joinedOf(x)
    const isWhole = hasBatch && axes.length + 1 === value.shape.length
    if ((hasBatch && !isWhole) || (ord !== 'euclidean' && ord !== 2 && ord !== 1)) {
      throw notRecorded('norm over all rows, or with another order than 1, 2 and euclidean,')
    }
    const each = ord === 1 ? value.abs() : value.square()
    const sum = isWhole ? eachRow(each, 'sum').batchSum() : each.sum({ axis: axes, keepDims })
    return recorded(ord === 1 ? sum : sum.sqrt(), 'float32', rows)
  },
  argMax: (x, axis = 0) => place(x, axis, (value) => value),
  argMin: (x, axis = 0) => place(x, axis, (value) => value.neg()),
  oneHot: (x, depth: number, on = 1, off = 0) => {
    const places = joinedOf(x).expandDims(-1)
    const isPlace = places.equal(constant(range(0, depth), places))
    return recorded(on === 1 && off === 0 ? isPlace : isPlace.where(on, off), 'float32', x.rows)
  },
  cumsum: (x, axis = 0, exclusive = false, reverse = false) => {
    if (exclusive) throw notRecorded('cumsum that leaves out the element itself')
    return recorded(separate(x).symbolic.cumulativeSum({ axis: axisIn(x, axis), reverse }), 'float32', x.rows)
  },
  matMul: (a, b, transposeA = false, transposeB = false) => product(a, b, { transposeA, transposeB }),
  dot: (a, b) => product(a, b, {}),
  reshape: (x, shape) => reshaped(x, shape),
  flatten: (x) => recorded(joinedOf(x), 'float32', { ...rowsFirst, joined: joinedOf(x).shape.length }),
  fill: filled,
  expandDims: (x, axis = 0) => expanded(x, axis),
  squeeze: (x, axis) => squeezed(x, axis),
  transpose: (x, permutation) => transposed(x, permutation),
  slice: sliced,
  gather: gathered,
  concat: (list, axis = 0) =>
    recorded(ops.concat((list as unknown[]).map(joinedOf), axisIn(list[0], axis)), 'float32', rowsIn(list)),
  stack: (list, axis = 0) => stacked(list, axis),
  unstack: (x, axis = 0) => {
    const own = axisIn(separate(x), axis)
    return x.symbolic.unstack(own).map((value: SymbolicValue) => recorded(value, 'float32', without(x.rows, [own])))
  },
  split: (x, parts, axis = 0) => {
    const own = axisIn(separate(x), axis)
    if (typeof parts === 'number')
      return x.symbolic.split(parts, own).map((value: SymbolicValue) => recorded(value, 'float32', x.rows))
    let start = 0
    return (parts as number[]).map((size) => {
      start += size
      return recorded(x.symbolic.slice(start - size, start, own), 'float32', x.rows)
    })
  },
  tile: (x, reps: number[]) => {
    const { symbolic, rows } = separate(x)
    const value = reps.reduce((all, count, axis) => {
      if (count === 1) return all
      const own = axisIn(x, axis)
      if (own === 0 && hasRows(symbolic)) throw notRecorded('tile of the rows')
      return ops.concat(Array(count).fill(all), own)
    }, symbolic)
    return recorded(value, 'float32', rows)
  },
  reverse: (x, axis) => {
    const { symbolic, rows, shape } = separate(x)
    const axes = ([axis ?? shape.map((_: unknown, at: number) => at)].flat() as number[]).map((each) =>
      axisFrom(symbolic, axisIn(x, each)),
    )
    const value = axes.reduce((all, each) => ops.concat(stepsOf(all, each).toReversed(), each), symbolic)
    return recorded(value, 'float32', rows)
  },
  pad: (x, paddings: readonly [number, number][], value = 0) => {
    const { symbolic, rows } = separate(x)
    const filling = (like: SymbolicValue, count: number, axis: number) =>
      Array<SymbolicValue>(count).fill(like.slice(0, 1, axis).mul(0).stopGradient().add(value))
    const padded = paddings.reduce((all, [before, after], axis) => {
      if (before === 0 && after === 0) return all
      const own = axisIn(x, axis)
      return ops.concat([...filling(all, before, own), all, ...filling(all, after, own)], own)
    }, symbolic)
    return recorded(padded, 'float32', rows)
  },
  windows: (x, axis: number, { size, ...settings }) =>
    recorded(separate(x).symbolic.windows(size, { ...settings, axis: axisIn(x, axis) }), 'float32', x.rows),
  dropout: (x, rate: number, noiseShape, seed) => {
    if (noiseShape) throw notRecorded('dropout with a noiseShape')
    const { symbolic, rows } = separate(x)
    return recorded(symbolic.dropout(rate, typeof seed === 'number' ? { seed } : {}), 'float32', rows)
  },
  cast: (x, dtype) => new Recorded(joinedOf(x), { dtype, meanOfRows: isMean([x]), rows: x.rows }),
  clone: (x) => x,
  zerosLike: unary((x) => x.mul(0)),
  onesLike: unary((x) => x.mul(0).add(1)),
}
