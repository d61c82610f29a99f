import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import { same } from '../dim.js'
import { type Below, type Computed, type Constant, dimsOf, sizesIn, unsupported, type Value } from '../values.js'
import { both, chosenBy } from './elementwise.js'

// Conditions on values. A condition is one number for all rows there; here, where the file is for one row, it is one of
// each row.

/** A condition that is a number of each row, which may stand in an axis of one element. */
export function ofRow(call: Call, condition: Computed): Computed {
  const [axis, ...others] = condition.logical
  const isOne = axis?.every(({ dim, batch }) => dim === 1 || (batch && call.builder.parts.batch.dim === 1))
  if (others.length > 0 || (axis && !isOne)) throw unsupported('its condition has several elements')
  return { ...condition, logical: [] }
}

/** The outputs of the branch that a condition chooses: at once, or, where it depends on values, of both branches. */
export const conditional: Operator = (call) => {
  const condition = call.value(0)
  const branch = (name: string) => call.lowering.inlined(call.node.graph(name))
  const chosen = sizesIn(condition)?.[0]
  if (typeof chosen === 'number') return branch(chosen !== 0 ? 'then_branch' : 'else_branch')
  if (condition.kind === 'below') return [bothOf(call, condition, branch('then_branch'), branch('else_branch'))]
  if (condition.kind !== 'computed') throw unsupported('its condition must follow from constants or from values')
  const own = ofRow(call, condition)
  const [yes, no] = [branch('then_branch'), branch('else_branch')]
  return yes.map((each, at) => either(call, own, each, no[at] as Value))
}

/** What a condition on sizes and a second one are together: a branch that has the second, and one that says no. */
function bothOf(call: Call, condition: Below, yes: readonly Value[], no: readonly Value[]): Value {
  const [second, refused] = [yes[0], no[0]]
  const isAnd = yes.length === 1 && second && refused && sizesIn(refused)?.[0] === 0
  if (!isAnd) throw unsupported('its condition depends on sizes that are known only per call')
  return both(call, condition, second)
}

function either(call: Call, condition: Computed, yes: Value, no: Value): Computed | Constant | undefined {
  if (yes.kind === 'unknown' || no.kind === 'unknown') return undefined
  const [a, b] = [dimsOf(yes), dimsOf(no)]
  if (rankOf(yes) !== rankOf(no) || !a.every((dim, axis) => same(dim, b[axis] ?? -1))) {
    throw unsupported('its branches give values of different shapes, and values choose between them')
  }
  return chosenBy(call, condition, dataOf(yes), dataOf(no))
}
