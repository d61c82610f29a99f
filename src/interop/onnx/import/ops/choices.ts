import { concat } from '../../../../graph/trace/ops.js'
import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import { type Call, first, type Operator, rankOf } from '../call.js'
import { type Dim, same, showDim } from '../dim.js'
import { arranged, type Operandish, unify } from '../layout.js'
import {
  type Atom,
  type Axes,
  axisOf,
  type Computed,
  malformed,
  sizeOf,
  sizesIn,
  unsupported,
  type Value,
} from '../values.js'
import { rowsOf } from './products.js'

// Each row of the batch chooses elements of its own. Our engine looks up rows of tables alone, so what is chosen is a product with ones in the chosen places.

/** The most elements that are chosen one by one. */
const mostChosen = 64

/** The places of an axis, 0 to its size - 1, with size 1 along all others but the batch; `x` has at least one more axis. */
function indicesAlong(x: SymbolicValue, axis: number): SymbolicValue {
  const one = x.shape.reduce<SymbolicValue>((all, _, at) => (at === 0 || at === axis ? all : all.slice(0, 1, at)), x)
  return one.notEqual(one).mul(0).add(1).cumulativeSum({ axis }).sub(1)
}

/** Ones where indices `[batch, …, s, 1]` name places `[batch, …, 1, t]`, counted from the front or, below zero, from the end. */
function chosen(indices: SymbolicValue, places: SymbolicValue): SymbolicValue {
  const last = places.shape.length - 1
  const size = places.max({ axis: last, keepDims: true }).add(1)
  return indices.less(0).where(indices.add(size), indices).equal(places)
}

/** The value as `[batch, steps, others]`, and what the others are. */
function inSteps(call: Call, x: Computed, steps: readonly Atom[]) {
  const rest = x.logical.flat().filter((atom) => !atom.batch && !steps.includes(atom))
  return { rest, ref: arranged(call.builder, x, [call.builder.batch, steps, rest], true) }
}

function gatherND(call: Call): Value {
  const given = call.data(0)
  const rows = call.value(1)
  // The number of a row and that of an element in it, for each row.
  const pairs = rows.kind === 'rows' && rows.order === undefined ? rows.column?.beside : undefined
  const which = pairs ?? call.data(1)
  if (given.kind === 'constant' && which.kind === 'constant') throw unsupported('constants chosen by constants')
  const [x, indices] = [rowsOf(call, given), rowsOf(call, which)]
  if (pairs === undefined && call.node.int('batch_dims', 0) !== 1) throw unsupported('only batch_dims of 1 is')
  if (x.logical.length < 2 || indices.logical.length < 2) throw malformed('there is nothing to choose from')
  if (sizeOf(indices.logical.at(-1) as readonly Atom[]) !== 1) throw unsupported('several axes are chosen along')
  call.lowering.requireBatch(x, 0)
  call.lowering.requireBatch(indices, 0)
  const { builder } = call
  const middle = indices.logical.slice(1, -1)
  const wanted = middle.flat()
  const { ref, rest } = inSteps(call, x, x.logical[1] as readonly Atom[])
  const places = arranged(builder, indices, [builder.batch, wanted], true)
  const physical: Axes = [builder.batch, wanted, rest]
  const result = builder.record([ref, places], physical.slice(1).map(sizeOf), ([v, i]) => {
    const all = indicesAlong(v as SymbolicValue, 1).transpose([0, 2, 1])
    return chosen((i as SymbolicValue).expandDims(2), all).matmul(v as SymbolicValue)
  })
  const logical = [x.logical[0] as readonly Atom[], ...middle, ...x.logical.slice(2)]
  return { kind: 'computed', ref: result, physical, logical, integer: x.integer }
}

function gatherElements(call: Call): Value {
  const [data, which] = [call.data(0), call.data(1)]
  if (data.kind === 'constant' && which.kind === 'constant') throw unsupported('constants chosen by constants')
  const [x, indices] = [rowsOf(call, data), rowsOf(call, which)]
  const axis = call.axis(call.node.int('axis', 0), rankOf(x))
  if (indices.logical.length !== x.logical.length) throw malformed('as many axes are chosen as there are')
  const { builder } = call
  const [from, to]: [Operandish, Operandish] = [
    { physical: x.physical, logical: x.logical.toSpliced(axis, 1) },
    { physical: indices.physical, logical: indices.logical.toSpliced(axis, 1) },
  ]
  const steps = x.logical[axis] as readonly Atom[]
  const wanted = indices.logical[axis] as readonly Atom[]
  if ([...steps, ...wanted].some(({ batch }) => batch)) throw unsupported('it works along the batch')
  for (const [at, atoms] of from.logical.entries()) {
    const other = to.logical[at] as readonly Atom[]
    if (!same(sizeOf(atoms), sizeOf(other))) {
      throw unsupported(`${showDim(sizeOf(other))} of ${showDim(sizeOf(atoms))} along another axis`)
    }
    unify([from, to], from.logical[at] as readonly Atom[], to.logical[at] as readonly Atom[])
  }
  const rest = from.logical.flat().filter(({ batch }) => !batch)
  const ref = arranged(builder, { ref: x.ref, physical: from.physical }, [builder.batch, rest, steps], true)
  const places = arranged(builder, { ref: indices.ref, physical: to.physical }, [builder.batch, rest, wanted], true)
  const physical: Axes = [builder.batch, rest, wanted]
  const result = builder.record([ref, places], physical.slice(1).map(sizeOf), ([v, i]) => {
    const all = indicesAlong(v as SymbolicValue, 2).expandDims(1)
    return chosen((i as SymbolicValue).expandDims(3), all)
      .matmul((v as SymbolicValue).expandDims(3))
      .squeeze(3)
  })
  return { kind: 'computed', ref: result, physical, logical: to.logical.toSpliced(axis, 0, wanted), integer: x.integer }
}

/** For each element how many along the last axis come before it: larger or smaller ones, of equal ones those in front. */
function ranks(v: SymbolicValue, largest: boolean): SymbolicValue {
  const places = indicesAlong(v, 2)
  const [own, other] = [v.expandDims(3), v.expandDims(2)]
  const isBefore = largest ? other.greater(own) : other.less(own)
  const isEqual = other.equal(own).mul(places.expandDims(2).less(places.expandDims(3)))
  return isBefore.add(isEqual).sum({ axis: 3 })
}

/** The largest or smallest elements along an axis, in order, and their places. */
export function topElements(call: Call): readonly (Value | undefined)[] {
  const x = call.computed(0)
  const axis = call.axis(call.node.int('axis', -1), rankOf(x))
  const count = call.opset >= 10 ? sizesIn(call.value(1))?.[0] : call.node.int('k', 0)
  if (count === undefined) throw unsupported('their number must follow from constants and shapes')
  const steps = x.logical[axis] as readonly Atom[]
  if (steps.some(({ batch }) => batch)) throw unsupported('it works along the batch')
  const size = sizeOf(steps)
  const all = same(count, size)
  if (!all && (typeof count !== 'number' || count < 1 || count > mostChosen)) {
    throw unsupported(`the first ${showDim(count)} of ${showDim(size)}`)
  }
  if (typeof count === 'number' && typeof size === 'number' && count > size) {
    throw malformed(`the first ${count} of ${size}`)
  }
  const { builder } = call
  const largest = call.node.int('largest', 1) === 1
  const rest = x.logical.flat().filter((atom) => !atom.batch && !steps.includes(atom))
  const ref = arranged(builder, x, [builder.batch, rest, steps], true)
  const found = all ? steps : axisOf(count)
  const physical: Axes = [builder.batch, rest, found]
  const dims: Dim[] = physical.slice(1).map(sizeOf)
  const result = (isPlace: boolean): Computed => ({
    kind: 'computed',
    ref: builder.record(
      [ref],
      dims,
      first((v) => {
        const [order, places] = [ranks(v, largest), indicesAlong(v, 2)]
        const what = isPlace ? places : v
        if (!all) {
          const picked = Array.from({ length: count as number }, (_, at) =>
            order.equal(at).mul(what).sum({ axis: 2, keepDims: true }),
          )
          return concat(picked, 2)
        }
        return order.expandDims(2).equal(places.expandDims(3)).mul(what.expandDims(2)).sum({ axis: 3 })
      }),
    ),
    physical,
    logical: x.logical.with(axis, found),
    integer: isPlace || x.integer,
  })
  return [call.isUsed(0) ? result(false) : undefined, call.isUsed(1) ? result(true) : undefined]
}

export const choiceOperators: Readonly<Record<string, Operator>> = {
  GatherND: gatherND,
  GatherElements: gatherElements,
}
