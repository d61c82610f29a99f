import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../errors.js'

/** Work in slices: a generator that yields between two of them and returns its result. */
export type Sliced<T> = Generator<void, T, void>

/** How long slices may follow each other before the event loop gets its turn, in milliseconds. */
const turn = 3

/** Does sliced work in one go. */
export function runSync<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
  }
}

/** Does sliced work while giving way to the event loop every few milliseconds; rejects with an AbortError when the signal is aborted. */
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
