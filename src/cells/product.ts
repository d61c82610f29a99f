import { concat } from '../graph/trace/ops.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import type { CellOptions } from '../layers/cellOptions.js'

/** What the products of a cell drop in training, and whether each gate drops elements of its own. */
export interface ProductDropout {
  readonly rate: number
  readonly apart: boolean
  readonly seed: number | undefined
}

/**
 * The dropout of a cell's products with its input and with its state: the same elements at every step. As in Keras, all gates drop the same ones of the input,
 * but with `recurrentDropout` each gate drops others, of both.
 */
export function dropoutOf(options: CellOptions): { readonly input: ProductDropout; readonly state: ProductDropout } {
  const { dropout = 0, recurrentDropout = 0 } = options
  const common = { apart: recurrentDropout > 0, seed: options.seed ?? undefined }
  return { input: { rate: dropout, ...common }, state: { rate: recurrentDropout, ...common } }
}

/** A value some elements of which are dropped. */
export const dropped = (x: SymbolicValue, { rate, seed }: ProductDropout): SymbolicValue =>
  x.dropout(rate, seed === undefined ? {} : { seed })

/** x·kernel, `[batch, gates · units]`, with dropout of x. */
export function product(
  x: SymbolicValue,
  kernel: SymbolicValue,
  gates: number,
  dropout: ProductDropout,
): SymbolicValue {
  if (dropout.rate === 0 || !dropout.apart || gates === 1) return dropped(x, dropout).matmul(kernel)
  const units = (kernel.shape.at(-1) as number) / gates
  const parts = Array.from({ length: gates }, (_, gate) =>
    dropped(x, dropout).matmul(kernel.slice(gate * units, (gate + 1) * units)),
  )
  return concat(parts)
}
