import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import type { Dim } from '../dim.js'
import { type Computed, dimsOf, malformed, numbersIn, unsupported, type Value } from '../values.js'
import { concatenated } from './joins.js'
import { rowsTaken } from './rows.js'
import { reshapedTo, squeezed } from './shapes.js'
import { element, gathered, lookedUp } from './slices.js'

function gather(call: Call): Value {
  const [x, indices] = [call.value(0), call.value(1)]
  const axis = call.axis(call.node.int('axis', 0), rankOf(x))
  if (x.kind === 'sizes') {
    const at = numbersIn(indices, 'the indices').map((index) => x.items[index < 0 ? index + x.items.length : index])
    if (at.includes(undefined)) throw malformed('an index behind the last size')
    return { kind: 'sizes', scalar: rankOf(indices) === 0, items: at as Dim[] }
  }
  if (x.kind === 'computed' && indices.kind === 'rows') return rowsTaken(call, x, indices, axis)
  const data = dataOf(x)
  const step = call.lowering.stepOf?.(data, indices, axis)
  if (step) return step
  const which = dataOf(indices)
  if (data.kind === 'constant') {
    if (which.kind === 'computed') return lookedUp(call, data, which, axis)
    return gathered(data, which, axis)
  }
  if (which.kind === 'computed') throw unsupported('each row of the batch chooses other elements')
  const list = numbersIn(which, 'the indices')
  if (which.dims.length === 0) return squeezed(element(call, data, axis, list[0] as number), [axis])
  const parts = list.map((index) => element(call, data, axis, index))
  const joinedParts = parts.length === 1 ? (parts[0] as Computed) : (concatenated(call, parts, axis) as Computed)
  if (which.dims.length === 1) return joinedParts
  const dims = dimsOf(joinedParts)
  return reshapedTo(call, joinedParts, [...dims.slice(0, axis), ...which.dims, ...dims.slice(axis + 1)], false)
}

export const gatherOperators: Readonly<Record<string, Operator>> = { Gather: gather }
