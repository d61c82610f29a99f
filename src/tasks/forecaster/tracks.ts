/** What tells series apart. */
export type GroupValue = string | number | boolean

/** One series, step by step. */
export interface Track {
  /** Undefined where there is only one. */
  readonly group: GroupValue | undefined
  /** The time of the first step. */
  readonly origin: number
  /** A number for each variable; NaN where it is missing. */
  readonly values: readonly (readonly number[])[]
  /** What is known ahead, encoded; no numbers if there is nothing of the kind. */
  readonly known: readonly (readonly number[])[]
  /** What is known only of the past, encoded. */
  readonly past: readonly (readonly number[])[]
}

/** A track and another that goes on where it ends. */
export function joined(track: Track, next: Track): Track {
  return {
    ...track,
    values: [...track.values, ...next.values],
    known: [...track.known, ...next.known],
    past: [...track.past, ...next.past],
  }
}

/**
 * Replaces what is missing by what was there last, or on the line to what comes next; at the beginning by what comes
 * first.
 */
export function fillGaps(
  rows: readonly (readonly number[])[],
  fill: 'none' | 'linear' | 'last' | 'mask',
  before?: readonly number[],
): number[][] {
  const filled = rows.map((row) => [...row])
  const width = filled[0]?.length ?? 0
  if (fill === 'none' || fill === 'mask') return filled
  for (let column = 0; column < width; column++) {
    let last = -1
    let value = before?.[column] ?? Number.NaN
    for (let step = 0; step <= filled.length; step++) {
      const next = filled[step]?.[column] ?? Number.NaN
      if (step < filled.length && Number.isNaN(next)) continue
      const end = step === filled.length ? value : next
      for (let gap = last + 1; gap < step; gap++) {
        const share = fill === 'linear' ? (gap - last) / (step - last) : 0
        const from = Number.isNaN(value) ? end : value
        ;(filled[gap] as number[])[column] = from + share * (end - from)
      }
      last = step
      value = next
    }
  }
  return filled
}
