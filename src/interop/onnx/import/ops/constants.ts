import { type Call, first, type Operator } from '../call.js'
import { same, subtract } from '../dim.js'
import { elementwise } from '../layout.js'
import {
  type Computed,
  type Constant,
  count,
  folded,
  known,
  numbersIn,
  sizesIn,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'
import { chosenBy, minus } from './elementwise.js'
import { renamed, unsqueezed } from './shapes.js'

function constantOfShape(call: Call): Value {
  const dims = sizesIn(call.value(0))
  if (dims === undefined) throw unsupported('the shape must follow from constants and shapes')
  const value = call.node.tensors.get('value') ?? known([0], [1], { integer: false })
  return renamed(
    value,
    dims.map(() => 1),
    dims,
  )
}

function range(call: Call): Value {
  const [start, limit, delta] = [0, 1, 2].map((index) => sizesIn(call.value(index))?.[0])
  if (start === undefined || limit === undefined || delta === undefined)
    throw unsupported('its bounds must be constant')
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number') {
    const length = Math.max(0, Math.ceil((limit - start) / delta))
    if (!(length <= 1 << 20)) throw unsupported(`${length} numbers`)
    return known(
      Array.from({ length }, (_, at) => start + at * delta),
      [length],
    )
  }
  if (delta !== 1) throw unsupported('steps that are known only per call')
  if (start === 0 && same(limit, call.builder.parts.batch.dim)) return { kind: 'rows', count: limit }
  return call.lowering.counted(call, subtract(limit, start), start)
}

function constant(call: Call): Value {
  const { node } = call
  const tensor = node.tensors.get('value')
  if (tensor) return tensor
  if (node.has('value_float')) return known([node.float('value_float', 0)], [], { integer: false })
  if (node.has('value_int')) return known([node.int('value_int', 0)], [])
  const list = node.floats('value_floats')
  if (node.has('value_floats') && list) return known(list, [list.length], { integer: false })
  const whole = node.ints('value_ints')
  if (node.has('value_ints') && whole) return known(whole, [whole.length])
  throw unsupported('it holds no numbers')
}

/** One number above a diagonal, or below it, of a table with as many rows as there are steps. */
function openTriangle(call: Call, x: Constant, k: number, upper: boolean): Value {
  const [rows, columns] = x.dims.slice(-2).map((size) => call.lowering.counted(call, size, 0)) as [Computed, Computed]
  const beyond = minus(call, unsqueezed(columns, [0]), unsqueezed(rows, [1])) as Computed
  const kept = elementwise(
    call.builder,
    [beyond],
    first((v) => (upper ? v.greaterEqual(k) : v.lessEqual(k))),
    true,
  )
  const found = chosenBy(call, kept, renamed(x, []), known([0], [], { integer: x.integer }))
  return unsqueezed(
    found,
    x.dims.slice(2).map((_, at) => at),
  )
}

function trilu(call: Call): Value {
  const given = call.constant(0, 'what it takes')
  const isOpen = given.dims.slice(-2).some((dim) => typeof dim !== 'number')
  const k = call.given(1) ? (numbersIn(call.given(1), 'k')[0] as number) : 0
  const upper = call.node.int('upper', 1) === 1
  if (isOpen && count(given.shape) === 1 && given.dims.slice(0, -2).every((dim) => dim === 1)) {
    return openTriangle(call, given, k, upper)
  }
  const x = writtenOut(given)
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  return folded(
    [x],
    x.shape,
    ([elements], into) => {
      for (let at = 0; at < into.length; at++) {
        const [row, column] = [Math.floor(at / columns) % rows, at % columns]
        const kept = upper ? column - row >= k : column - row <= k
        into[at] = kept ? (elements?.[at] as number) : 0
      }
    },
    { integer: x.integer },
  )
}

export const constantOperators: Readonly<Record<string, Operator>> = {
  ConstantOfShape: constantOfShape,
  Range: range,
  Constant: constant,
  Trilu: trilu,
}
