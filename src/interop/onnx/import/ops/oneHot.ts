import { type Call, type Operator, rankOf } from '../call.js'
import type { Dim } from '../dim.js'
import { type Computed, type Constant, dimsOf, known, numbersIn, unsupported, type Value } from '../values.js'
import { chosenBy, equal, minus, plus, times } from './elementwise.js'
import { reduced, reductions } from './reductions.js'
import { unsqueezed } from './shapes.js'

/** Numbers along one axis of some rank, and of size 1 along the others. */
function line(values: readonly number[], axis: number, rank: number): Constant {
  return known(values, Array<number>(rank).fill(1).with(axis, values.length))
}

const upTo = (size: number): number[] => Array.from({ length: size }, (_, at) => at)

/** Whether an index chooses a place; indices below zero count from the end. */
const chooses = (call: Call, index: Value, places: Value, fromEnd: Value): Value =>
  plus(call, equal(call, index, places), equal(call, index, fromEnd))

function oneHot(call: Call): Value {
  const [depth] = numbersIn(call.value(1), 'the depth') as [number]
  const [off, on] = numbersIn(call.value(2), 'the values') as [number, number]
  if (!(depth >= 1 && depth <= 1 << 16)) throw unsupported(`a depth of ${depth}`)
  const indices = call.data(0)
  const rank = rankOf(indices) + 1
  const axis = call.axis(call.node.int('axis', -1), rank)
  const bits = chooses(
    call,
    unsqueezed(indices, [axis]),
    line(upTo(depth), axis, rank),
    line(
      upTo(depth).map((at) => at - depth),
      axis,
      rank,
    ),
  )
  const scaled = on - off === 1 ? bits : times(call, bits, known([on - off], []))
  return off === 0 ? scaled : plus(call, scaled, known([off], []))
}

/** The element along an axis of which each row, or each of its parts, gives the place; the axis stays with size 1. */
export function chosenAlong(call: Call, data: Computed | Constant, index: Value, axis: number): Value {
  const [places, fromEnd] = placesAlong(call, dimsOf(data)[axis] as Dim, axis, rankOf(data))
  const mask = chooses(call, index, places, fromEnd)
  return reduced(call, chosenBy(call, mask, data, known([0], [])), [axis], true, reductions.ReduceSum)
}

/** The numbers of the places along an axis, from its beginning and from its end. */
function placesAlong(call: Call, size: Dim, axis: number, rank: number): [Value, Value] {
  if (typeof size === 'number') {
    return [
      line(upTo(size), axis, rank),
      line(
        upTo(size).map((at) => at - size),
        axis,
        rank,
      ),
    ]
  }
  const others = upTo(rank).filter((at) => at !== axis)
  const counted: Computed = call.lowering.counted(call, size, 0)
  const places = unsqueezed(counted, others)
  const last = reduced(call, places, [axis], true, reductions.ReduceMax)
  return [places, minus(call, minus(call, places, last), known([1], []))]
}

export const oneHotOperators: Readonly<Record<string, Operator>> = { OneHot: oneHot }
