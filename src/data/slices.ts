import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../errors.js'

/** Work in slices: a generator that yields between slices and returns the result. */
export type Sliced<T> = Generator<void, T, void>

/** How many milliseconds slices may run before the event loop gets a turn. */
const turn = 3

/** Does all slices at once. */
export function runSync<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

/**
 * Does sliced work, yielding to the event loop every few milliseconds; rejects with an AbortError when the signal is
 * aborted.
 */
export async function runSliced<T>(work: Sliced<T>, signal?: AbortSignal): Promise<T> {
  let start = performance.now()
  for (;;) {
    if (signal?.aborted) throw new AbortError(signal)
    const step = work.next()
    if (step.done) return step.value
    if (performance.now() - start > turn) {
      await setImmediate()
      start = performance.now()
    }
  }
}
