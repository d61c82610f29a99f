import { type Call, type Operator, rankOf } from '../call.js'
import { type Dim, same } from '../dim.js'
import { dimsOf, sizesIn, unsupported, type Value } from '../values.js'
import { conditional } from './conditions.js'
import { loop } from './loop.js'
import { scan } from './scan.js'

function reverseSequence(call: Call): Value {
  const x = call.computed(0)
  const axis = call.axis(call.node.int('time_axis', 0), rankOf(x))
  const size = dimsOf(x)[axis] as Dim
  if (!sizesIn(call.value(1))?.every((each) => same(each, size))) {
    throw unsupported('each row is turned round within another length')
  }
  return call.lowering.flipped(x, axis)
}

export const controlOperators: Readonly<Record<string, Operator>> = {
  Scan: scan,
  Loop: loop,
  If: conditional,
  ReverseSequence: reverseSequence,
}
