// Where the rows of the batch are among the dimensions that a recorded function sees: our own values have them first.
import type { SymbolicValue } from '../../graph/trace/symbolic.js'

/** How the dimensions of a value of ours are those that the program sees. */
export interface Rows {
  /** How many dimensions of the value are joined to the first one: programs join rows and steps to multiply matrices. */
  readonly joined: number
  /** Which dimension of the program the rows are; 0 if any are joined. */
  readonly at: number
  /** Of a value without rows: how many dimensions of size 1 come before its own. */
  readonly leading: number
}

/** The rows first, as our own values have them. */
export const rowsFirst: Rows = { joined: 1, at: 0, leading: 0 }

export const hasRows = ({ shape }: SymbolicValue): boolean => shape[0] === 'batch'

type Shape = SymbolicValue['shape']

/** The shape that the program sees; null is what is not known. */
export function seenShape(value: SymbolicValue, { joined, at, leading }: Rows): (number | null)[] {
  const sizes = value.shape.map((size) => (typeof size === 'number' ? size : null))
  if (!hasRows(value)) return [...Array<number>(leading).fill(1), ...sizes]
  if (joined > 1) return [null, ...sizes.slice(joined)]
  return [...sizes.slice(1, at + 1), null, ...sizes.slice(at + 1)]
}

/** The dimension of a value for one of those that the program sees, counted from 0; below 0 for one that is not its own. */
export function ownAxis(value: SymbolicValue, { joined, at, leading }: Rows, axis: number): number {
  if (!hasRows(value)) return axis - leading
  if (joined > 1) return axis === 0 ? 0 : axis + joined - 1
  if (axis === at) return 0
  return axis < at ? axis + 1 : axis
}

/** Where the rows are once some of a value's own dimensions are gone. */
export const without = (rows: Rows, axes: readonly number[]): Rows =>
  rows.at === 0 ? rows : { ...rows, at: rows.at - axes.filter((axis) => axis > 0 && axis <= rows.at).length }

/** The order of a value's own dimensions in which the program's are in another order, and where the rows are then. */
export function reordered(value: SymbolicValue, rows: Rows, permutation: readonly number[]) {
  if (!hasRows(value)) return { order: permutation, rows }
  const order = permutation.filter((axis) => axis !== rows.at).map((axis) => ownAxis(value, rows, axis))
  return { order: [0, ...order], rows: { ...rows, at: Math.max(permutation.indexOf(rows.at), 0) } }
}

/** How many dimensions of the program come after the rows. */
export const behind = (value: SymbolicValue, { at }: Rows): number => value.shape.length - 1 - at

/**
 * A weight whose dimensions, seen from the last one on, meet the rows of another value and what comes before them: with the
 * dimension that meets the rows first, which must be of size 1. Undefined if it is not.
 */
export function beforeRows(weight: SymbolicValue, count: number): SymbolicValue | undefined {
  const meets = weight.shape.length - 1 - count
  if (meets < 0) return weight
  if (weight.shape[meets] !== 1) return undefined
  if (meets === 0) return weight
  return weight.transpose([meets, ...weight.shape.map((_, axis) => axis).filter((axis) => axis !== meets)])
}

/** A shape that a program gives, with the names of the sizes that it could not know, in the order in which they are. */
export function namedSizes(shape: readonly (number | null)[], from: Shape): readonly (number | string | null)[] {
  const names = from.slice(1).filter((size) => typeof size === 'string')
  const unknown = shape.filter((size) => size === null).length
  if (unknown < 2 || unknown !== names.length) return shape
  let next = 0
  return shape.map((size) => size ?? (names[next++] as string))
}
