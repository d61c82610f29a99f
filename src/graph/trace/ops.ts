import type { Operand } from './operands.js'
import { SymbolicValue } from './symbolic.js'

/** Values side by side along a dimension, by default the last. Errors: `ERR_SHAPE`. */
export const concat = (values: readonly SymbolicValue[], axis = -1): SymbolicValue => SymbolicValue.concat(values, axis)

/**
 * Values of one shape along a new dimension, by default the first after the batch: n values `[batch, m]` give
 * `[batch, n, m]`. Errors: `ERR_SHAPE`.
 */
export const stack = (values: readonly SymbolicValue[], axis = 1): SymbolicValue => SymbolicValue.stack(values, axis)

/** a - b, where one may be a number: `ops.sub(1, z)`. Errors: `ERR_SHAPE`. */
export const sub = (a: Operand, b: Operand): SymbolicValue => SymbolicValue.binary('subtract', a, b)

/** a / b, where one may be a number: `ops.div(1, x)`. Errors: `ERR_SHAPE`. */
export const div = (a: Operand, b: Operand): SymbolicValue => SymbolicValue.binary('divide', a, b)
