import type { Call, Operator } from '../call.js'
import { same, subtract } from '../dim.js'
import {
  folded,
  known,
  numbersIn,
  sizesIn,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'
import { renamed } from './shapes.js'

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

function trilu(call: Call): Value {
  const x = writtenOut(call.constant(0, 'what it takes'))
  const k = call.given(1) ? (numbersIn(call.given(1), 'k')[0] as number) : 0
  const upper = call.node.int('upper', 1) === 1
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
