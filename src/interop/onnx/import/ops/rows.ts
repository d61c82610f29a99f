import { type Call, type Operator, rankOf } from '../call.js'
import { type Dim, same } from '../dim.js'
import {
  type Atom,
  type Computed,
  known,
  malformed,
  type Rows,
  sizeOf,
  sizesIn,
  unsupported,
  type Value,
} from '../values.js'
import { topElements } from './choices.js'
import { chosenAlong } from './oneHot.js'
import { largest } from './reductions.js'
import { squeezed, unsqueezed } from './shapes.js'

// Rows that are sorted by their lengths for a recurrent operator, and put back behind it, and elements that are chosen by
// the numbers of rows. Nothing is moved: what one order does is undone by its inverse, and until then no value of it
// meets one of another.

/** Whether an axis is the batch and nothing else. */
const isBatch = (x: Computed, axis: number): boolean => {
  const atoms = x.logical[axis] as readonly Atom[]
  return atoms.some(({ batch }) => batch) && atoms.every(({ batch, dim }) => batch || dim === 1)
}

/** Rows in another order: the value itself, which is of that order from now on. */
export function rowsTaken(call: Call, data: Computed, rows: Rows, axis: number): Computed {
  const { lowering } = call
  const own = lowering.orders.get(data)
  if (rows.column) throw unsupported('a column of numbers of rows chooses')
  if (rows.scale !== undefined) return elementsOfRows(call, data, rows, axis)
  if (!isBatch(data, axis)) throw unsupported('numbers of rows choose something else')
  const taken = { ...data }
  if (rows.order === undefined) return taken
  if (rows.inverse ? own !== rows.order : own !== undefined) {
    throw unsupported('rows of the batch are put into an order that is not undone')
  }
  lowering.orders.set(taken, rows.inverse ? undefined : rows.order)
  return taken
}

/** One element of each row, where rows and elements lie in one axis. */
function elementsOfRows(call: Call, data: Computed, rows: Rows, axis: number): Computed {
  const atoms = data.logical[axis] as readonly Atom[]
  const [batch, ...inner] = atoms as [Atom, ...Atom[]]
  if (!batch?.batch || !same(sizeOf(inner), rows.scale as Dim))
    throw unsupported('numbers of rows choose something else')
  const apart: Computed = { ...data, logical: data.logical.toSpliced(axis, 1, [batch], inner) }
  const index = unsqueezed(rows.plus ?? known([0], [1]), [1])
  const rank = apart.logical.length
  const others = Array.from({ length: rank }, (_, at) => at).filter((at) => at !== axis && at !== axis + 1)
  const found = chosenAlong(call, apart, unsqueezed(index, others), axis + 1)
  return squeezed(found, [axis + 1]) as Computed
}

/** The rows of the batch in the order of a number that each has, or the largest elements along an axis. */
function topK(call: Call): readonly (Value | undefined)[] {
  const x = call.value(0)
  const axis = call.axis(call.node.int('axis', -1), rankOf(x))
  const k = call.opset >= 10 ? sizesIn(call.value(1)) : [call.node.int('k', 1)]
  if (k?.length !== 1) throw unsupported('k must follow from constants and shapes')
  const isLargest = call.node.int('largest', 1) === 1
  if (x.kind === 'rows') {
    if (x.order === undefined || x.column || x.inverse || isLargest || !same(x.count, k[0] as Dim)) {
      throw unsupported('numbers of rows are sorted')
    }
    return [
      { kind: 'rows', count: x.count },
      { ...x, inverse: true },
    ]
  }
  const data = call.computed(0)
  if (isBatch(data, axis) && data.logical.length === 1 && same(k[0] as Dim, sizeOf(data.logical[axis] as Atom[]))) {
    if (call.lowering.orders.get(data) !== undefined) throw unsupported('rows of the batch are sorted twice')
    const order = { name: call.node.name }
    const rows: Rows = { kind: 'rows', count: call.builder.parts.batch.dim, order }
    return [rowsTaken(call, data, rows, axis), rows]
  }
  return k[0] === 1 ? largest(call, data, axis, isLargest ? 1 : -1) : topElements(call)
}

/** Where each row is in an order: its rows' numbers, put into the places that the order says. */
function scatterElements(call: Call): Value {
  const [data, rows, updates] = [call.value(0), call.value(1), call.value(2)]
  const fits =
    rows.kind === 'rows' &&
    rows.order !== undefined &&
    !rows.inverse &&
    updates.kind === 'rows' &&
    updates.order === undefined &&
    updates.scale === undefined
  if (!fits) throw unsupported('elements are put into places that are computed')
  if (rankOf(data) !== 1 || call.node.text('reduction', 'none') !== 'none')
    throw malformed('it has no one axis of rows')
  return { ...rows, inverse: true }
}

export const rowOperators: Readonly<Record<string, Operator>> = {
  TopK: topK,
  ScatterElements: scatterElements,
}
