import { performance } from 'node:perf_hooks'
import { expect } from 'vitest'

/** The longest time from an abort to the rejection, in milliseconds. */
export const abortBound = 200
/** Other work on the machine may disturb one measurement; the best of a few is the program's own. */
const tries = 4

type Start = (signal: AbortSignal) => Promise<unknown>

/** Milliseconds from the abort, `wait` after the start, to the rejection; undefined if the call had ended by then. */
async function abortTimeAfter(start: Start, wait: number): Promise<number | undefined> {
  const controller = new AbortController()
  let aborted: number | undefined
  const running = start(controller.signal)
  const timer = setTimeout(() => {
    aborted = performance.now()
    controller.abort()
  }, wait)
  const error = await running.then(
    () => undefined,
    (reason: Error) => reason,
  )
  const ended = performance.now()
  clearTimeout(timer)
  if (error === undefined) return undefined
  expect(error.name, error.message).toBe('AbortError')
  return aborted === undefined ? undefined : ended - aborted
}

/** Milliseconds from the abort to the rejection. A fast machine may end within `wait`: half of it is tried then. */
export async function abortTime(start: Start, wait: number): Promise<number> {
  for (let rest = wait; rest >= 1; rest /= 2) {
    const taken = await abortTimeAfter(start, rest)
    if (taken !== undefined) return taken
  }
  throw new Error('the call always ended before it was aborted')
}

/** The least of a few abort times, the first that is within the bound. */
export async function bestAbortTime(start: Start, wait: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < tries && least >= abortBound; i++) least = Math.min(least, await abortTime(start, wait))
  return least
}
