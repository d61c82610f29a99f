import type { PatchGrid } from './patches.js'

/** Where a captioner looks when it writes a token. */
export interface AttentionMap {
  readonly token: string
  /** `weights[i][j]`: the share of the attention for the patch in row i and column j; annotations are one row. */
  readonly weights: readonly (readonly number[])[]
  /**
   * The patch or annotation with the largest share; for patches also its centre in the image, in pixels from the left
   * and the top.
   */
  readonly peak: { readonly row: number; readonly column: number; readonly x?: number; readonly y?: number }
}

/** Makes a map from shares, one per patch or annotation vector. */
export function attentionMap(token: string, shares: Float32Array, grid: PatchGrid | undefined): AttentionMap {
  const { rows, columns } = grid ?? { rows: 1, columns: shares.length }
  const weights = Array.from({ length: rows }, (_, row) =>
    Array.from(shares.subarray(row * columns, (row + 1) * columns)),
  )
  const most = shares.indexOf(Math.max(...shares))
  const [row, column] = [Math.floor(most / columns), most % columns]
  if (!grid) return { token, weights, peak: { row, column } }
  const middle = (index: number) => index * grid.stride + grid.size / 2
  return { token, weights, peak: { row, column, x: middle(column), y: middle(row) } }
}
