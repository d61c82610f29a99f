import type { Recorded } from '../record/event.js'
import type { Options } from './subject.js'

/**
 * How a trial stands: `complete` (trained to its end), `pruned` (others were better after as many epochs), `failed`, or
 * `paused` (where the time of the search ended before it could go on).
 */
export type TrialState = 'complete' | 'pruned' | 'failed' | 'paused'

/** Options that were tried, and what came of it. */
export interface Trial<Own = Options> {
  /** From 1, in the order in which they were drawn. */
  readonly number: number
  readonly options: Own
  readonly state: TrialState
  /** What is monitored, after the best epoch; undefined for a trial that failed, and where it was never a number. */
  readonly value?: number
  /** That epoch, from 1. */
  readonly bestEpoch?: number
  /** What is monitored, after each epoch. */
  readonly values: readonly number[]
  readonly seconds: number
  /** Why it failed; `code` is that of a `SeqloomError` or of the system; of another error its name, such as `TypeError`. */
  readonly error?: { readonly code: string; readonly message: string }
}

/** A trial as its file has it. */
export interface SavedTrial extends Omit<Trial, 'values' | 'value' | 'bestEpoch'> {
  readonly values: readonly Recorded[]
}

/** The best of values, and its place; undefined if none is a number. */
export function bestOf(
  values: readonly number[],
  sign: 1 | -1,
): { readonly at: number; readonly value: number } | undefined {
  let best: { readonly at: number; readonly value: number } | undefined
  for (const [at, value] of values.entries()) {
    if (Number.isNaN(value) || (best && sign * value >= sign * best.value)) continue
    best = { at, value }
  }
  return best
}

/** The trials, the best after so many epochs first; of equals, the first. Those without a value are last. */
export function ranked<T extends Trial>(trials: readonly T[], sign: 1 | -1, epochs?: number): T[] {
  const value = ({ values }: Trial) =>
    sign * (bestOf(values.slice(0, epochs), sign)?.value ?? sign * Number.POSITIVE_INFINITY)
  return [...trials].sort((a, b) => {
    const [left, right] = [value(a), value(b)]
    return left === right ? a.number - b.number : left < right ? -1 : 1
  })
}
