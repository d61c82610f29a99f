import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import * as ops from '../graph/trace/ops.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { sizesOf } from './standardized.js'

/** How many steps may be made of each: every one is an operation of its own. */
export const mostCopies = 1024

/** Makes `count` steps of each one along an axis. */
export type Enlarge = (x: SymbolicValue, axis: number, count: number) => SymbolicValue

/** Steps side by side along an axis: the first of each value, then the second of each. */
function alternating(values: readonly SymbolicValue[], axis: number): SymbolicValue {
  const [{ shape }] = values as [SymbolicValue]
  const apart = new Map(values.map((value) => [value, value.expandDims(axis + 1)]))
  const sizes = shape.map((size, at) => (at === axis ? (typeof size === 'number' ? size * values.length : null) : size))
  return ops
    .concat(
      values.map((value) => apart.get(value) as SymbolicValue),
      axis + 1,
    )
    .reshape(sizes.slice(1))
}

/** Repeats each step. */
export const repeated: Enlarge = (x, axis, count) => alternating(Array<SymbolicValue>(count).fill(x), axis)

/**
 * Steps between each one and its neighbours, linearly; those at the ends stay the same beyond. With `halfPixelCenters`,
 * a step stands for what surrounds its middle, otherwise for what follows it. The axis must be of a known size.
 */
export const interpolated =
  (halfPixelCenters: boolean): Enlarge =>
  (given, axis, count) => {
    // Rows that end earlier, or steps that are masked, are zeros like others.
    const x = given.reshape(given.shape.slice(1))
    const size = x.shape[axis] as number
    const part = (start: number, end: number) => x.slice(start, end, axis)
    const isSingle = size === 1
    const before = isSingle ? x : ops.concat([part(0, 1), part(0, size - 1)], axis)
    const after = isSingle ? x : ops.concat([part(1, size), part(size - 1, size)], axis)
    const steps = Array.from({ length: count }, (_, at) => {
      const offset = halfPixelCenters ? (at + 0.5) / count - 0.5 : at / count
      if (offset === 0) return x
      const distance = Math.abs(offset)
      return x.mul(1 - distance).add((offset < 0 ? before : after).mul(distance))
    })
    return alternating(steps, axis)
  }

/** The program of a layer that enlarges the axes from the first one on. */
export function enlarging(
  where: string,
  shape: Shape,
  counts: readonly number[],
  enlarge: Enlarge,
  wrong: (message: string) => Error,
): Program {
  const isLarge = counts.some((count, at) => (shape[1 + at] ?? 0) * count >= 2 ** 31)
  if (isLarge) throw wrong(`enlarged by ${counts.join(' and ')}, it has too many elements`)
  const { program } = traceFunction(where, { x: sizesOf(shape) }, {}, ({ x }: { x: SymbolicValue }) =>
    counts.reduce((value, count, at) => (count === 1 ? value : enlarge(value, 1 + at, count)), x),
  )
  return program
}
