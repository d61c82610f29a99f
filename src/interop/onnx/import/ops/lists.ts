import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import { type Dim, multiply } from '../dim.js'
import { dimsOf, type List, malformed, numbersIn, type Parts, sizesIn, unsupported, type Value } from '../values.js'
import { concatenated } from './joins.js'
import { reshapedTo, squeezed, transposed, unsqueezed } from './shapes.js'
import { sliced, taken } from './slices.js'

// Lists of values, as scripted programs have them: what is taken apart along an axis, what a loop adds step by step, and what is written out. None of them is made:
// the first two are parts of a value.

function listed(value: Value): List | Parts {
  if (value.kind === 'list' || value.kind === 'parts') return value
  throw malformed('it takes a list of values')
}

/** The position for a new axis, or of an axis, among so many. */
function placeOf(call: Call, rank: number): number {
  return call.axis(call.node.int('axis', 0), rank)
}

function splitToSequence(call: Call): Value {
  const value = dataOf(call.value(0))
  const axis = placeOf(call, rankOf(value))
  const split = call.given(1) && sizesIn(call.value(1))
  const keeps = call.node.int('keepdims', 1) === 1
  if (call.given(1) === undefined || (split?.length === 1 && split[0] === 1))
    return { kind: 'parts', value, axis, keeps }
  const size = dimsOf(value)[axis]
  if (split === undefined || typeof size !== 'number' || !split.every((each) => typeof each === 'number')) {
    throw unsupported('the sizes of the parts must be constant')
  }
  const isOne = rankOf(call.value(1)) === 0
  const each = split[0] as number
  if (isOne && each < 1) throw malformed(`parts of ${each}`)
  const sizes = isOne
    ? Array.from({ length: Math.ceil(size / each) }, (_, at) => Math.min(each, size - at * each))
    : (split as number[])
  let end = 0
  const items = sizes.map((part) => {
    const start = end
    end += part
    return sliced(call, value, axis, start, end, 1)
  })
  return { kind: 'list', items }
}

function sequenceAt(call: Call): Value {
  const list = listed(call.value(0))
  if (list.kind === 'parts') {
    const found = taken(call, list.value, call.value(1), list.axis)
    return list.keeps ? unsqueezed(found, [list.axis]) : found
  }
  if (list.base) throw unsupported('a step reads what the loop has added to a list')
  const [index] = numbersIn(call.value(1), 'the place in the list') as [number]
  const item = list.items.at(index)
  if (item === undefined) throw malformed(`the place ${index} of ${list.items.length}`)
  return item
}

function sequenceInsert(call: Call): Value {
  const list = listed(call.value(0))
  const item = call.value(1)
  if (list.kind === 'parts') throw unsupported('something is added to the parts of a value')
  const place = call.given(2) ? (numbersIn(call.given(2), 'the place in the list')[0] as number) : list.items.length
  const at = place < 0 ? place + list.items.length : place
  if (list.base && at !== list.items.length) throw unsupported('a loop adds to a list, but not at its end')
  return { ...list, items: list.items.toSpliced(at, 0, item) }
}

function concatFromSequence(call: Call): Value {
  const list = listed(call.value(0))
  const isNew = call.node.int('new_axis', 0) === 1
  if (list.kind === 'list') {
    if (list.base) throw unsupported('a step reads what the loop has added to a list')
    if (list.items.length === 0) throw malformed('the list is empty')
    const rank = rankOf(list.items[0] as Value)
    const axis = placeOf(call, isNew ? rank + 1 : rank)
    return concatenated(call, isNew ? list.items.map((item) => unsqueezed(item, [axis])) : list.items, axis)
  }
  const whole = rankOf(list.value)
  const axis = placeOf(call, isNew === list.keeps ? whole + (isNew ? 1 : -1) : whole)
  if (isNew) {
    // A part that keeps its axis has one more, of size 1.
    const value = list.keeps ? unsqueezed(list.value, [list.axis + 1]) : list.value
    return moved(value, list.axis, axis)
  }
  if (list.keeps && axis === list.axis) return list.value
  const value = list.keeps ? unsqueezed(list.value, [list.axis + 1]) : list.value
  // The parts stand in front of the axis along which they are joined.
  const before = moved(value, list.axis, axis)
  const dims = dimsOf(before)
  const joined = multiply(dims[axis] as Dim, dims[axis + 1] as Dim)
  if (dims[axis + 1] === 1) return squeezed(before, [axis + 1])
  return reshapedTo(call, before, [...dims.slice(0, axis), joined, ...dims.slice(axis + 2)], false)
}

/** A value with one axis at another place. */
function moved(x: Value, from: number, to: number): Value {
  const axes = Array.from({ length: rankOf(x) }, (_, axis) => axis).filter((axis) => axis !== from)
  return transposed(x, axes.toSpliced(to, 0, from))
}

function sequenceLength(call: Call): Value {
  const list = listed(call.value(0))
  if (list.kind === 'list' && list.base) throw unsupported('a step asks how much the loop has added to a list')
  const length = list.kind === 'list' ? list.items.length : (dimsOf(list.value)[list.axis] as Dim)
  return { kind: 'sizes', scalar: true, items: [length] }
}

export const listOperators: Readonly<Record<string, Operator>> = {
  SequenceEmpty: () => ({ kind: 'list', items: [] }),
  SequenceConstruct: (call) => ({ kind: 'list', items: call.inputs as Value[] }),
  SequenceInsert: sequenceInsert,
  SequenceAt: sequenceAt,
  SequenceLength: sequenceLength,
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
}
