// The largest of values with TensorFlow.js's gradients where several are equally large, as steps of padding are.
import type { Operand } from '../../graph/trace/operands.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'

/** The largest along dimensions; each of several equal ones gets all of the gradient. */
export function largest(x: SymbolicValue, axis: number | readonly number[], keepDims = false): SymbolicValue {
  const top = x.max({ axis, keepDims: true }).stopGradient()
  const passed = x.sub(x.stopGradient()).mul(x.equal(top)).sum({ axis, keepDims })
  return passed.add(keepDims ? top : top.sum({ axis }))
}

/** The larger of each pair; of equal ones, the first gets all of the gradient. */
export const larger = (a: SymbolicValue, b: Operand): SymbolicValue => a.greaterEqual(b).where(a, b)

/** The smaller of each pair; of equal ones, the first gets all of the gradient. */
export const smaller = (a: SymbolicValue, b: Operand): SymbolicValue => a.lessEqual(b).where(a, b)
