import type { Past } from './baseline.js'

/** A series to fit to, up to the end of its training part. */
export interface Fitted {
  readonly past: Past
  /** The scaled values; NaN where missing. */
  readonly targets: readonly Float32Array[]
  /** How many steps are fitted to. */
  readonly end: number
  /** What was taken off the values, in its variable; nothing by default. */
  readonly taken?: Float32Array
}

/** Where the last third of a series' training part begins. */
export const cutOf = ({ end }: Fitted): number => Math.floor((2 * end) / 3)
