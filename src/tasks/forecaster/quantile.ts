/**
 * The value that so large a share of new ones of the same kind stays below: the ⌈(n + 1) · share⌉-th smallest of n (split conformal prediction, Lei et al.
 * 2018). With too few to tell, the largest. Values that depend on each other count as fewer, `independent`.
 */
export function upperQuantile(values: readonly number[], share: number, independent = values.length): number {
  const sorted = Float64Array.from(values).sort()
  const rank = Math.ceil((independent + 1) * share) * (sorted.length / independent)
  return sorted[Math.min(sorted.length, Math.ceil(rank)) - 1] as number
}

/** How many standard deviations to either side hold so large a share of a normal distribution, to 0.0005 (Abramowitz and Stegun 1964, 26.2.23). */
export function normalReach(share: number): number {
  const t = Math.sqrt(-2 * Math.log((1 - share) / 2))
  const above = 2.515517 + t * (0.802853 + t * 0.010328)
  return t - above / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
}
