import { setImmediate } from 'node:timers/promises'
import { AbortError } from '../errors.js'

/** Work in slices: a generator that yields between slices and returns the result. */
export type Sliced<T> = Generator<void, T, void>

/** How many milliseconds slices may run before the event loop gets a turn. */
const turn = 3

/** Gives the event loop a turn every few milliseconds of work. */
export class Pace {
  #start = performance.now()

  /** Whether it has had none for too long. */
  get due(): boolean {
    return performance.now() - this.#start > turn
  }

  async turn(): Promise<void> {
    await setImmediate()
    this.#start = performance.now()
  }
}

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
  const pace = new Pace()
  for (;;) {
    if (signal?.aborted) throw new AbortError(signal)
    const step = work.next()
    if (step.done) return step.value
    if (pace.due) await pace.turn()
  }
}
