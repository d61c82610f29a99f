import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import { type Call, first, type Operator, rankOf } from '../call.js'
import type { Dim } from '../dim.js'
import { arranged, met, numberOf, type Operandish, reshaped, setApart, splitBy, unify } from '../layout.js'
import type { Argument } from '../segment.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  type Computed,
  type Constant,
  count,
  hasBatch,
  malformed,
  type Ref,
  sizeOf,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'
import { foldedBy, plus, times } from './elementwise.js'
import { squeezed, transposed } from './shapes.js'

const symbolic = (value: unknown): SymbolicValue => value as SymbolicValue

const without = (axes: Axes, gone: readonly Atom[]): Axes =>
  axes.map((axis) => axis.filter((atom) => !gone.includes(atom))).filter((axis, at) => at === 0 || axis.length > 0)

/**
 * A value times a matrix of constants, over one axis: `[…, k, …]` times `[k, n]`; the new axis takes its place. Such a
 * matrix is a weight, also where a file has its weights as constants of nodes.
 */
function timesMatrix(call: Call, x: Computed, axis: number, matrix: Constant, rows: number): Computed {
  const { builder } = call
  const inner = x.logical[axis] as readonly Atom[]
  const [k, n] = [matrix.shape[rows] as number, matrix.shape[1 - rows] as number]
  const size = sizeOf(inner)
  if (size !== k && typeof size === 'number') throw unsupported(`a product over ${size} and ${k} elements`)
  if (inner.some(({ batch }) => batch)) throw unsupported('a product over the batch')
  const rest = without(x.physical, inner)
  const ref = arranged(builder, x, [...rest, inner], true)
  const [a, b] = [atomOf(k), atomOf(n)]
  const weight = builder.weight(matrix, rows === 0 ? [[a], [b]] : [[b], [a]], [[a], [b]], true)
  const output = axisOf(n)
  // A matrix of one row lost that dimension on its way to be a weight.
  const needsRows = k === 1
  const dims = [...ref.dims.slice(0, -1), n]
  const args: Argument[] = [ref, weight]
  const result = builder.record(args, dims, ([v, w]) =>
    needsRows ? symbolic(v).mul(symbolic(w)) : symbolic(v).matmul(symbolic(w)),
  )
  return {
    ...x,
    ref: result,
    physical: [...rest, output],
    logical: x.logical.with(axis, output),
    integer: false,
    whole: false,
  }
}

function product2d(constant: Constant): Constant | undefined {
  const { shape } = constant
  const lead = shape.slice(0, -2)
  if (shape.length < 2 || lead.some((size) => size !== 1)) return undefined
  // As it is, since a constant that several nodes read is one weight.
  if (lead.length === 0) return constant
  return { ...constant, shape: shape.slice(-2), dims: shape.slice(-2) }
}

export function matmul(call: Call, left: Computed | Constant, right: Computed | Constant): Value {
  if (rankOf(left) === 0 || rankOf(right) === 0) throw malformed('a product of a single number')
  if (left.kind === 'constant' && right.kind === 'constant') return constantProduct(left, right)
  if (right.kind === 'constant' && left.kind === 'computed') {
    const vector = right.shape.length === 1
    const whole = writtenOut(right)
    const matrix = vector
      ? { ...whole, shape: [whole.shape[0] as number, 1], dims: [whole.shape[0] as number, 1] }
      : product2d(whole)
    if (matrix) {
      const result = timesMatrix(call, left, left.logical.length - 1, matrix, 0)
      return vector ? squeezed(result, [-1]) : result
    }
  }
  if (left.kind === 'constant' && right.kind === 'computed' && right.logical.length >= 2) {
    const matrix = product2d(writtenOut(left))
    if (matrix) return timesMatrix(call, right, right.logical.length - 2, matrix, 1)
  }
  return batchedProduct(call, rowsOf(call, left), rowsOf(call, right))
}

/** A constant as a value that is the same for all rows. */
export function rowsOf(call: Call, x: Computed | Constant): Computed {
  if (x.kind === 'computed') return x
  const { builder } = call
  const logical = x.dims.map((dim, axis) => (x.shape[axis] === dim ? axisOf(dim) : call.lowering.axisNamed(dim)))
  // Axes along which the constant repeats itself are not in memory.
  const stored = logical.map((axis, at) => (x.shape[at] === 1 ? [] : axis))
  const axes = stored.filter((axis) => axis.length > 0)
  const like = builder.isStep ? [...builder.live()][0] : builder.parts.inputs[0]
  if (like === undefined) throw unsupported('a constant where values of the batch are needed')
  const dims = axes.length === 0 ? [1] : axes.map(sizeOf)
  const zero = reshaped(
    builder,
    zeroOf(call, like),
    dims.map(() => 1),
  )
  const weight = numberOf(x) ?? builder.weight(x, stored, axes)
  const ref = builder.record([zero, weight], dims, ([v, w]) => symbolic(v).add(w as never))
  const physical = [builder.batch, ...(axes.length === 0 ? [[]] : axes)]
  return { kind: 'computed', ref, physical, logical, integer: x.integer }
}

/** A zero for each row. */
function zeroOf(call: Call, like: Computed): Ref {
  const { dims } = like.ref
  return call.builder.record(
    [like.ref],
    dims.length === 0 ? [] : dims.map(() => 1),
    first((v) => {
      const one = dims.reduce<SymbolicValue>((all, _, axis) => all.slice(0, 1, axis + 1), v)
      return one.less(one)
    }),
  )
}

/** The product of two values, each row of the batch for itself. */
function batchedProduct(call: Call, left: Computed, right: Computed): Value {
  const { builder } = call
  const [row, column] = [left.logical.length === 1, right.logical.length === 1]
  const x: Operandish = { physical: left.physical, logical: row ? [[], ...left.logical] : left.logical }
  const y: Operandish = { physical: right.physical, logical: column ? [...right.logical, []] : right.logical }
  setApart([x, y])
  unify([x, y], x.logical.at(-1) as Atom[], y.logical.at(-2) as Atom[])
  const leads = [x, y].map((each): Operandish & { rest: Axes } => ({
    physical: each.physical,
    logical: each.logical.slice(0, -2),
    rest: each.logical.slice(-2),
  }))
  // The atoms of the leading axes are made the same in all four lists.
  const tails = leads.map(({ rest }): Operandish => ({ physical: [], logical: rest }))
  const lead = metWith(leads, tails)
  const [m, k] = (tails[0] as Operandish).logical as [readonly Atom[], readonly Atom[]]
  const n = (tails[1] as Operandish).logical[1] as readonly Atom[]
  const isBatch = ({ batch }: Atom) => batch
  if (k.some(isBatch)) throw unsupported('a product over the batch')
  if (
    (m.some(isBatch) && hasBatch([...(tails[1] as Operandish).logical, ...(leads[1] as Operandish).logical])) ||
    (n.some(isBatch) && hasBatch([...(tails[0] as Operandish).logical, ...(leads[0] as Operandish).logical]))
  ) {
    throw unsupported('a product of all rows of the batch with one another')
  }
  const own = (axis: readonly Atom[]) => axis.filter((atom) => !atom.batch)
  const [xs, ys] = leads.map(({ physical }) => new Set(physical.flat())) as [Set<Atom>, Set<Atom>]
  const leading = splitBy(
    lead.map(own).filter((axis) => axis.length > 0),
    [xs, ys],
  )
  const held = (set: Set<Atom>) => leading.map((axis) => axis.filter((atom) => set.has(atom)))
  const order = (physical: Axes, a: readonly Atom[], b: readonly Atom[]) => {
    const flat = physical.flat()
    return a.length > 0 && b.length > 0 && flat.indexOf(b[0] as Atom) < flat.indexOf(a[0] as Atom)
  }
  const [px, py] = leads.map(({ physical }) => physical) as [Axes, Axes]
  const transposeA = order(px, own(m), k)
  const transposeB = order(py, k, own(n))
  const a = arranged(
    builder,
    { ref: left.ref, physical: px },
    [builder.batch, ...held(xs), ...(transposeA ? [k, own(m)] : [own(m), k])],
    true,
  )
  const b = arranged(
    builder,
    { ref: right.ref, physical: py },
    [builder.batch, ...held(ys), ...(transposeB ? [own(n), k] : [k, own(n)])],
    true,
  )
  const physical: Axes = [builder.batch, ...leading, own(m), own(n)]
  const ref = builder.record([a, b], physical.slice(1).map(sizeOf), ([v, w]) =>
    symbolic(v).matmul(symbolic(w), { transposeA, transposeB }),
  )
  const logical = [...lead, ...(row ? [] : [m]), ...(column ? [] : [n])]
  return { kind: 'computed', ref, physical, logical, integer: false }
}

export function metWith(leads: readonly Operandish[], tails: readonly Operandish[]): Axes {
  const rank = Math.max(...leads.map(({ logical }) => logical.length))
  const all = [...leads, ...tails]
  for (let back = 1; back <= rank; back++) {
    const [x, y] = leads.map(({ logical }) => (back <= logical.length ? logical.at(-back) : undefined))
    const filled = (axis: readonly Atom[] | undefined): axis is readonly Atom[] =>
      axis?.some(({ dim, batch }) => batch || dim !== 1) === true
    if (filled(x) && filled(y)) unify(all, x, y)
  }
  return met(leads)
}

function constantProduct(a: Constant, given: Constant): Value {
  if (a.shape.length === 0 || given.shape.length !== 2) throw unsupported('a product of constants')
  const b = writtenOut(given)
  const x = { ...a, shape: [...a.shape, 1], dims: [...a.dims, 1] }
  const all = foldedBy((p, q) => p * q, [x, b])
  const [k, n] = all.shape.slice(-2) as [number, number]
  const [shape, dims] = [all.shape, a.dims].map((each) => [...each.slice(0, all.shape.length - 2), n])
  const m = count(all.shape.slice(0, -2))
  const source = all
  return {
    ...source,
    shape: shape as number[],
    dims: dims as Dim[],
    integer: false,
    values: source.values && sums(source.values, m, k, n),
    read: async () => sums(await source.read(), m, k, n),
    stored: undefined,
  }
}

function sums(all: ArrayLike<number>, m: number, k: number, n: number): Float64Array {
  const into = new Float64Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < k; j++)
      for (let l = 0; l < n; l++) into[i * n + l] = (into[i * n + l] as number) + (all[(i * k + j) * n + l] as number)
  return into
}

function gemm(call: Call): Value {
  const { node } = call
  const turned = (index: number, name: string) => {
    const x = call.data(index)
    return (node.int(name, 0) ? transposed(x, [1, 0]) : x) as Computed | Constant
  }
  const scaled = (x: Value, name: string) => {
    const factor = node.float(name, 1)
    return factor === 1 ? x : times(call, x, { ...one, values: Float64Array.of(factor) })
  }
  const result = scaled(matmul(call, turned(0, 'transA'), turned(1, 'transB')), 'alpha')
  return call.given(2) === undefined ? result : plus(call, result, scaled(call.data(2), 'beta'))
}

/** A product of matrices, of which either may be turned, times a number: onnxruntime's. */
function fusedMatmul(call: Call): Value {
  const { node } = call
  const turned = (index: number, letter: string) => {
    const x = call.data(index)
    const order = Array.from({ length: rankOf(x) }, (_, at) => at)
    if (order.length < 2) return x
    // The rows stand before all other axes.
    if (node.int(`transBatch${letter}`, 0) !== 0) order.splice(-1, 0, order.shift() as number)
    if (node.int(`trans${letter}`, 0) !== 0) order.push(...order.splice(-2).reverse())
    return transposed(x, order) as Computed | Constant
  }
  const result = matmul(call, turned(0, 'A'), turned(1, 'B'))
  const factor = node.float('alpha', 1)
  return factor === 1 ? result : times(call, result, { ...one, values: Float64Array.of(factor) })
}

const one: Constant = {
  kind: 'constant',
  name: 'constant',
  shape: [],
  dims: [],
  integer: false,
  trainable: false,
  values: Float64Array.of(1),
  read: async () => Float64Array.of(1),
  stored: undefined,
}

export const productOperators: Readonly<Record<string, Operator>> = {
  MatMul: (call) => matmul(call, call.data(0), call.data(1)),
  Gemm: gemm,
  FusedMatMul: fusedMatmul,
  TransposeMatMul: fusedMatmul,
}
