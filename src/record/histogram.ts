import type { Histogram } from './event.js'

/** How many ranges a histogram has. */
const ranges = 40

/** The histogram of the values of a tensor. */
export function histogram(name: string, values: ArrayLike<number>): Histogram {
  let [least, most, sum, squares, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0]
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number
    if (!Number.isFinite(value)) continue
    if (value < least) least = value
    if (value > most) most = value
    sum += value
    squares += value * value
    finite++
  }
  const notFinite = values.length - finite
  if (finite === 0) return { name, least: 0, most: 0, mean: 0, deviation: 0, counts: [], notFinite }
  const counts = new Array<number>(most > least ? ranges : 1).fill(0)
  const scale = most > least ? ranges / (most - least) : 0
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number
    if (!Number.isFinite(value)) continue
    const range = Math.min(counts.length - 1, Math.floor((value - least) * scale))
    counts[range] = (counts[range] as number) + 1
  }
  const mean = sum / finite
  return {
    name,
    least,
    most,
    mean,
    deviation: Math.sqrt(Math.max(squares / finite - mean * mean, 0)),
    counts,
    notFinite,
  }
}
