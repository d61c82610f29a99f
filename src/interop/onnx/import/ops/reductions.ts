import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import { type Call, first, type Operator, rankOf } from '../call.js'
import { add, type Dim, product } from '../dim.js'
import { arranged, elementwise, splitBy } from '../layout.js'
import {
  type Atom,
  type Computed,
  type Constant,
  count,
  folded,
  numbersIn,
  sizeOf,
  stridesTo,
  unsupported,
  type Value,
  walk,
  writtenOut,
} from '../values.js'
import { isolated } from './isolated.js'
import { along } from './normalization.js'

interface Reduction {
  readonly run: (x: SymbolicValue, axis: readonly number[]) => SymbolicValue
  readonly fold: (all: readonly number[]) => number
  /** Whether whole numbers give such. */
  readonly keepsWhole?: boolean
  readonly ofSizes?: (all: readonly Dim[]) => Dim
}

const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0)

export const reductions = {
  ReduceSum: { run: (x, axis) => x.sum({ axis }), fold: sum, keepsWhole: true, ofSizes: (all) => all.reduce(add, 0) },
  ReduceMean: { run: (x, axis) => x.mean({ axis }), fold: (all) => sum(all) / all.length },
  ReduceMax: {
    run: (x, axis) => x.max({ axis }),
    fold: (all) => all.reduce((a, b) => Math.max(a, b)),
    keepsWhole: true,
  },
  ReduceMin: {
    run: (x, axis) => x.neg().max({ axis }).neg(),
    fold: (all) => all.reduce((a, b) => Math.min(a, b)),
    keepsWhole: true,
  },
  ReduceProd: {
    run: () => {
      throw unsupported('a product of values that are known only per call')
    },
    fold: (all) => all.reduce((a, b) => a * b, 1),
    ofSizes: product,
  },
  ReduceL1: { run: (x, axis) => x.abs().sum({ axis }), fold: (all) => sum(all.map(Math.abs)) },
  ReduceL2: { run: (x, axis) => x.square().sum({ axis }).sqrt(), fold: (all) => Math.hypot(...all) },
  ReduceSumSquare: { run: (x, axis) => x.square().sum({ axis }), fold: (all) => sum(all.map((each) => each * each)) },
  ReduceLogSum: { run: (x, axis) => x.sum({ axis }).log(), fold: (all) => Math.log(sum(all)) },
  ReduceLogSumExp: {
    run: (x, axis) => {
      const most = x.max({ axis, keepDims: true })
      const logs = x.sub(most).exp().sum({ axis, keepDims: true }).log().add(most)
      return logs.sum({ axis })
    },
    fold: (all) => {
      const most = Math.max(...all)
      return most + Math.log(sum(all.map((each) => Math.exp(each - most))))
    },
  },
} satisfies Readonly<Record<string, Reduction>>

/** Reduces axes to one element each, which stay with `keep`. */
export function reduced(call: Call, x: Value, axes: readonly number[], keep: boolean, given: Reduction): Value {
  const { run, fold, keepsWhole = false } = given
  const data = x.kind === 'computed' || x.kind === 'constant' ? x : call.data(0)
  if (data.kind === 'constant') return reducedConstant(writtenOut(data), axes, keep, fold)
  const { builder } = call
  // Of a file for one row, each row is reduced by itself.
  const isRow = ({ batch, dim }: Atom) => batch && dim === 1
  const gone = axes.flatMap((axis) => data.logical[axis] as readonly Atom[]).filter((atom) => !isRow(atom))
  if (gone.some(({ batch }) => batch)) throw unsupported('it puts the rows of the batch together')
  const set = new Set(gone)
  const missing = gone.filter((atom) => !data.physical.flat().includes(atom))
  const split = [
    builder.batch,
    ...splitBy([...data.physical.slice(1), ...(missing.length > 0 ? [missing] : [])], [set]),
  ]
  const ref = arranged(builder, data, split, missing.length > 0)
  const places = split.flatMap((axis, at) => (at > 0 && axis.some((atom) => set.has(atom)) ? [at] : []))
  const rest = split.filter((_, at) => !places.includes(at))
  const logical = keep
    ? data.logical.map((axis, at) => (axes.includes(at) ? [] : axis))
    : data.logical.filter((_, at) => !axes.includes(at))
  // Along an axis of one element, what the function does to each is left.
  const result =
    places.length > 0
      ? builder.record(
          [ref],
          rest.slice(1).map(sizeOf),
          first((v) => run(v, places)),
        )
      : builder.record(
          [ref],
          rest.slice(1).map(sizeOf),
          first((v) => run(v.expandDims(v.shape.length), [v.shape.length])),
        )
  const [integer, whole] = [keepsWhole && data.integer, keepsWhole && data.whole === true]
  return { kind: 'computed', ref: result, physical: rest, logical, integer, whole }
}

function reducedConstant(x: Constant, axes: readonly number[], keep: boolean, fold: Reduction['fold']): Constant {
  const rest = x.shape.map((size, at) => (axes.includes(at) ? 1 : size))
  const inner = x.shape.map((size, at) => (axes.includes(at) ? size : 1))
  const strides = stridesTo(x.shape, x.shape)
  const shape = keep ? rest : rest.filter((_, at) => !axes.includes(at))
  return folded([x], shape, ([elements], into) => {
    walk(rest, [strides], (at, [from]) => {
      const all: number[] = []
      walk(inner, [strides], (_, [place]) => all.push(elements?.[(from as number) + (place as number)] as number))
      into[at] = fold(all)
    })
  })
}

const reduction =
  (given: Reduction): Operator =>
  (call) => {
    const x = call.value(0)
    const rank = rankOf(x)
    const listed = call.numbers(1, 'axes')
    if ((listed === undefined || listed.length === 0) && call.node.int('noop_with_empty_axes', 0) === 1) return x
    const axes =
      listed && listed.length > 0
        ? listed.map((axis) => call.axis(axis, rank))
        : Array.from({ length: rank }, (_, at) => at)
    if (x.kind === 'sizes' && axes.length === 1) {
      const item = given.ofSizes?.(x.items) ?? (x.items.length === 1 ? x.items[0] : undefined)
      if (item !== undefined) return { kind: 'sizes', scalar: call.node.int('keepdims', 1) === 0, items: [item] }
    }
    return reduced(call, x, axes, call.node.int('keepdims', 1) === 1, given)
  }

const global =
  (given: Reduction): Operator =>
  (call) => {
    const rank = rankOf(call.value(0))
    const axes = Array.from({ length: rank - 2 }, (_, at) => at + 2)
    return reduced(call, call.value(0), axes, true, given)
  }

const softmax =
  (run: (v: SymbolicValue, axis: number) => SymbolicValue): Operator =>
  (call) => {
    const x = call.computed(0)
    const rank = rankOf(x)
    const axis = call.axis(call.node.int('axis', call.opset >= 13 ? -1 : 1), rank)
    const axes = call.opset >= 13 ? [axis] : Array.from({ length: rank - axis }, (_, at) => axis + at)
    return along(call, x, axes, run)
  }

function argMax(sign: 1 | -1): Operator {
  return (call) => {
    const x = call.computed(0)
    const axis = call.axis(call.node.int('axis', 0), rankOf(x))
    if (call.node.int('select_last_index', 0) !== 0) throw unsupported('select_last_index')
    return placeOfLargest(call, x, axis, sign, call.node.int('keepdims', 1) === 1)
  }
}

function placeOfLargest(call: Call, x: Computed, axis: number, sign: 1 | -1, keep: boolean): Computed {
  const { value, place } = isolated(call, x, axis)
  const ref = call.builder.record(
    [value.ref],
    value.ref.dims.toSpliced(place - 1, 1),
    first((v) => (sign > 0 ? v : v.neg()).argmax({ axis: place })),
  )
  return {
    ...value,
    ref,
    physical: value.physical.toSpliced(place, 1),
    logical: keep ? value.logical.with(axis, []) : value.logical.toSpliced(axis, 1),
    integer: true,
  }
}

/** The largest element along an axis, or the smallest, and its place. */
export const largest = (call: Call, x: Computed, axis: number, sign: 1 | -1): readonly Value[] => [
  reduced(call, x, [axis], true, sign > 0 ? reductions.ReduceMax : reductions.ReduceMin),
  placeOfLargest(call, x, axis, sign, true),
]

function cumulativeSum(call: Call): Value {
  const x = call.data(0)
  const [given] = numbersIn(call.given(1), 'the axis')
  const axis = call.axis(given as number, rankOf(x))
  const reverse = call.node.int('reverse', 0) === 1
  const exclusive = call.node.int('exclusive', 0) === 1
  if (x.kind === 'constant') {
    const whole = writtenOut(x)
    const stride = stridesTo(whole.shape, whole.shape)[axis] as number
    const size = whole.shape[axis] as number
    return folded(
      [whole],
      whole.shape,
      ([elements], into) => {
        for (let at = 0; at < count(whole.shape); at++) {
          const place = Math.floor(at / Math.max(stride, 1)) % size
          let all = 0
          for (let k = 0; k < size; k++) {
            const counts = reverse ? k > place || (k === place && !exclusive) : k < place || (k === place && !exclusive)
            if (counts) all += elements?.[at + (k - place) * stride] as number
          }
          into[at] = all
        }
      },
      { integer: whole.integer },
    )
  }
  const { value, place } = isolated(call, x, axis)
  const ref = call.builder.record(
    [value.ref],
    value.ref.dims,
    first((v) => {
      const all = v.cumulativeSum({ axis: place, reverse })
      return exclusive ? all.sub(v) : all
    }),
  )
  return { ...value, ref }
}

/** Dropout as in training; otherwise the value itself. */
function dropout(call: Call): readonly (Value | undefined)[] {
  const x = call.value(0)
  const given = call.opset >= 12 ? call.given(1) : undefined
  const rate = given ? (numbersIn(given, 'the ratio')[0] as number) : call.node.float('ratio', 0.5)
  if (x.kind !== 'computed' || !(rate > 0 && rate < 1)) return [x]
  if (call.isUsed(1)) throw unsupported('its mask as an output')
  return [
    elementwise(
      call.builder,
      [x],
      first((v) => v.dropout(rate)),
    ),
  ]
}

export const reductionOperators: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(Object.entries(reductions).map(([name, each]) => [name, reduction(each)])),
  GlobalAveragePool: global(reductions.ReduceMean),
  GlobalMaxPool: global(reductions.ReduceMax),
  Softmax: softmax((v, axis) => v.softmax({ axis })),
  LogSoftmax: softmax((v, axis) => {
    const apart = v.sub(v.max({ axis, keepDims: true }).stopGradient())
    return apart.sub(apart.exp().sum({ axis, keepDims: true }).log())
  }),
  ArgMax: argMax(1),
  ArgMin: argMax(-1),
  CumSum: cumulativeSum,
  Dropout: dropout,
}
