import type { Shape } from '../graph/shape.js'
import { div } from '../graph/trace/ops.js'
import type { Size } from '../graph/trace/size.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'

// What normalizations along any dimensions have in common. Masked steps are left out of means along the time.

/** The dimensions of an input after the batch, for a traced function: those that are not known get names. */
export const sizesOf = (shape: Shape): Size[] => shape.slice(1).map((size, at) => size ?? `size${at + 1}`)

/** The dimensions after the batch that are not among some. */
export const otherAxes = (shape: readonly unknown[], axes: readonly number[]): number[] =>
  [...shape.keys()].filter((axis) => axis > 0 && !axes.includes(axis))

/** A value with mean 0 and variance 1 along dimensions; `mix` makes of statistics those that are used. */
export function standardized(
  x: SymbolicValue,
  axes: readonly number[],
  epsilon: number,
  mix: (statistic: SymbolicValue) => SymbolicValue = (statistic) => statistic,
): SymbolicValue {
  const mean = (value: SymbolicValue) => (axes.length > 0 ? value.mean({ axis: axes, keepDims: true }) : value)
  // The square of a large number overflows float32; dividing all by the same does not change the result.
  const size = x
    .abs()
    .max({ axis: otherAxes(x.shape, []), keepDims: true })
    .maximum(1)
    .stopGradient()
  const small = x.div(size)
  const centred = small.sub(mix(mean(small)))
  const variance = mix(mean(centred.square()))
  return centred.div(variance.add(div(div(epsilon, size), size)).sqrt())
}

/** A weight with the sizes of some dimensions of x, as it is broadcast along the others. */
export function spreadOver(x: SymbolicValue, weight: SymbolicValue, axes: readonly number[]): SymbolicValue {
  const rank = x.shape.length
  if (axes.every((axis, at) => axis === rank - axes.length + at)) return weight
  const one = x.max({ axis: otherAxes(x.shape, axes), keepDims: true })
  const ones = one.equal(one)
  const rows = ones.reshape(axes.map((axis) => x.shape[axis] as Size)).mul(weight)
  return rows.reshape(ones.shape.slice(1) as Size[])
}
