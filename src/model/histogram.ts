/** How the values of a tensor are distributed. */
export interface Histogram {
  readonly name: string
  /** The least and the largest finite value. */
  readonly least: number
  readonly most: number
  readonly mean: number
  readonly deviation: number
  /** How many values are in each of equally wide ranges from the least to the largest. */
  readonly counts: readonly number[]
  /** How many values are not finite. */
  readonly notFinite: number
}
