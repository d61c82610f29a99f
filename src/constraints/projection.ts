import type { SymbolicValue } from '../graph/trace/symbolic.js'
import type { Constraint } from './constraint.js'

/** Added to norms that are divided by, as in Keras. */
const epsilon = 1e-7

/** The weight that fulfils a constraint and is made of this one. */
export function projection(w: SymbolicValue, constraint: Constraint): SymbolicValue {
  if (constraint.kind === 'nonNeg') return w.maximum(0)
  const norms = w.square().sum({ axis: constraint.axis, keepDims: true }).sqrt()
  const divisors = norms.add(epsilon)
  if (constraint.kind === 'unitNorm') return w.div(divisors)
  if (constraint.kind === 'maxNorm') return w.mul(norms.minimum(constraint.maxValue).div(divisors))
  const { minValue, maxValue, rate } = constraint
  const wanted = norms.maximum(minValue).minimum(maxValue)
  return w.mul(
    wanted
      .mul(rate)
      .add(norms.mul(1 - rate))
      .div(divisors),
  )
}
