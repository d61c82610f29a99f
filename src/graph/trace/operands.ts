import type { SymbolicValue } from './symbolic.js'

/** What operations take: a symbolic value of the same function, or a finite number. */
export type Operand = SymbolicValue | number

/** Which dimension an operation works along; negative ones count from the end. */
export interface AxisOptions {
  /** Default -1, the last. */
  readonly axis?: number
}

/** Options of {@link SymbolicValue.softmax}. */
export interface SoftmaxOptions extends AxisOptions {
  /** Where it is zero, the result is zero; it broadcasts to the value. A row with nothing left gives zeros. */
  readonly mask?: SymbolicValue
}

/** Options of {@link SymbolicValue.matmul}. */
export interface MatmulOptions {
  /** Whether to swap the last two dimensions of this value first; default false. */
  readonly transposeA?: boolean
  /** Whether to swap the last two dimensions of the other value first; default false. */
  readonly transposeB?: boolean
}

/** Options of {@link SymbolicValue.sum} and the like. */
export interface ReduceOptions {
  /** One dimension or several; default -1, the last. */
  readonly axis?: number | readonly number[]
  /** Whether to keep the dimensions with size 1; default false. */
  readonly keepDims?: boolean
}

/** An array of N values. */
export type Parts<N extends number, Found extends readonly SymbolicValue[] = []> = number extends N
  ? SymbolicValue[]
  : Found['length'] extends N
    ? Found
    : Found['length'] extends 64
      ? SymbolicValue[]
      : Parts<N, [...Found, SymbolicValue]>
