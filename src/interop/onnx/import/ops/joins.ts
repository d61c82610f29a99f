import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import { add, type Dim, multiply, showDim } from '../dim.js'
import {
  type Atom,
  broadcastShapes,
  type Computed,
  type Constant,
  count,
  dimsOf,
  folded,
  isOne,
  malformed,
  mostKnown,
  sizesIn,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'
import { renamed } from './shapes.js'

/** Values one after the other along an axis. */
export function concatenated(call: Call, given: readonly Value[], axis: number): Value {
  const all = given.filter((each) => each.kind !== 'constant' || !each.dims.includes(0))
  if (all.length === 1) return all[0] as Value
  if (all.length === 0 || all.some((each) => rankOf(each) !== rankOf(all[0] as Value))) {
    throw malformed('the values that are joined have different numbers of axes')
  }
  const lists = all.map((each) => (rankOf(each) === 1 ? sizesIn(each) : undefined))
  if (all.some(({ kind }) => kind === 'sizes') && lists.every((each) => each !== undefined)) {
    return { kind: 'sizes', scalar: false, items: lists.flat() as Dim[] }
  }
  const [rows, beside, ...more] = all
  if (rows?.kind === 'rows' && rows.column && !rows.column.beside && beside && more.length === 0 && axis === 1) {
    const place = dataOf(beside)
    if (dimsOf(place)[1] === 1) return { ...rows, column: { beside: place } }
  }
  const data = all.map(dataOf)
  if (data.every((each) => each.kind === 'constant')) return joinedConstants(data, axis)
  return call.lowering.concatenated(call, data, axis)
}

function joinedConstants(all: readonly Constant[], axis: number): Constant {
  // Repeated alike, such as first states of two directions made from one shape.
  const [first] = all as [Constant]
  const alike = all.every(({ shape, values }) => count(shape) === 1 && values?.[0] === first.values?.[0])
  const sizes = all.map(({ dims }) => dims[axis] as Dim)
  if (alike && first.values) return { ...first, dims: first.dims.with(axis, sizes.reduce(add, 0)) }
  const whole = all.map(writtenOut)
  const shape = (whole[0] as Constant).shape.with(
    axis,
    whole.reduce((sum, each) => sum + (each.shape[axis] as number), 0),
  )
  const outer = count(shape.slice(0, axis))
  return folded(
    whole,
    shape,
    (elements, into) => {
      let at = 0
      for (let o = 0; o < outer; o++) {
        for (const [k, part] of elements.entries()) {
          const block = count((whole[k] as Constant).shape.slice(axis))
          for (let i = 0; i < block; i++) into[at++] = part[o * block + i] as number
        }
      }
    },
    { integer: all.every(({ integer }) => integer) },
  )
}

function expand(call: Call): Value {
  const x = call.value(0)
  const target = sizesIn(call.value(1))
  if (target === undefined) throw unsupported('the shape must follow from constants and shapes')
  if (x.kind === 'sizes' && x.items.length === 1 && target.length === 1)
    return repeatedSize(x.items[0] as Dim, target[0] as Dim)
  return expanded(call, dataOf(x), target)
}

/** One size several times; how often does not matter to those that read it where that is known only per call. */
function repeatedSize(item: Dim, times: Dim): Value {
  const many = typeof times === 'number' && times <= mostKnown ? times : 1
  return { kind: 'sizes', scalar: false, items: Array<Dim>(many).fill(item) }
}

function expanded(call: Call, x: Computed | Constant, target: readonly Dim[]): Value {
  const dims = broadcastShapes(dimsOf(x), target)
  const rank = dims.length
  if (x.kind === 'constant') {
    const shape = [...Array<number>(rank - x.shape.length).fill(1), ...x.shape]
    return renamed(x, shape, dims)
  }
  const logical = dims.map((dim, at): readonly Atom[] => {
    const own = x.logical[at - rank + x.logical.length] ?? []
    if (!isOne(own) || dim === 1) return own
    return call.lowering.axisNamed(dim)
  })
  return { ...x, logical }
}

function tile(call: Call): Value {
  const x = call.value(0)
  const repeats = sizesIn(call.value(1))
  if (repeats === undefined) throw unsupported('how often it repeats must follow from constants and shapes')
  if (x.kind === 'sizes' && x.items.length === 1 && repeats.length === 1) {
    return repeatedSize(x.items[0] as Dim, repeats[0] as Dim)
  }
  const data = dataOf(x)
  const dims = dimsOf(data)
  const once = (at: number) => dims[at] === 1
  if (repeats.every((times, at) => times === 1 || once(at))) {
    return expanded(
      call,
      data,
      dims.map((dim, at) => multiply(dim, repeats[at] as Dim)),
    )
  }
  return repeats.reduce<Value>((all, times, axis) => {
    if (times === 1) return all
    if (typeof times !== 'number' || times > 1024) throw unsupported(`repeated ${showDim(times)} times`)
    return concatenated(call, Array<Value>(times).fill(all), axis)
  }, data)
}

export const joinOperators: Readonly<Record<string, Operator>> = {
  Concat: (call) => {
    const axis = call.axis(call.node.int('axis', 0), rankOf(call.value(0)))
    return concatenated(call, call.inputs as Value[], axis)
  },
  Expand: expand,
  Tile: tile,
}
