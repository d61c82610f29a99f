import type { SymbolicValue } from '../graph/trace/symbolic.js'
import type { Regularizer } from './regularizer.js'

/** What a regularizer adds to the loss for a value, summed over some dimensions. */
export function penalty(x: SymbolicValue, regularizer: Regularizer, axis: readonly number[]): SymbolicValue {
  const { l1 = 0, l2 = 0 } = regularizer as { readonly l1?: number; readonly l2?: number }
  const absolute = () => x.abs().sum({ axis }).mul(l1)
  const squares = () => x.square().sum({ axis }).mul(l2)
  if (l1 === 0) return squares()
  return l2 === 0 ? absolute() : absolute().add(squares())
}
