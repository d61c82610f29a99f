/** Errors are looked at in so many blocks of time, at most; with fewer than three, nothing can be told. */
export const [fewestBlocks, mostBlocks] = [3, 8]

/** The standard error of the mean of some values, as much larger as Student's distribution is wider where they are few; undefined of too few. */
export function standardError(values: readonly number[]): number | undefined {
  const count = values.length
  if (count < fewestBlocks) return undefined
  const mean = values.reduce((sum, x) => sum + x / count, 0)
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (count - 1)
  return (1 + 1.5 / (count - 1)) * Math.sqrt(variance / count)
}
