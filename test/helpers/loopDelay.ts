import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * For how long JavaScript's thread has waited for a processor that others used, in milliseconds: that is the machine's doing, not the program's. 0 where
 * the system does not say.
 */
function waited(): number {
  try {
    // Nanoseconds on a processor, then those in the queue for one.
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / 1e6
  } catch {
    return 0
  }
}

/** The longest time that the event loop was held while `work` went on, in milliseconds, without waiting for a processor. */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let [wall, wait] = [0, 0]
  const look = () => {
    const [now, nowWaited] = [performance.now(), waited()]
    if (wall > 0) longest = Math.max(longest, now - wall - (nowWaited - wait))
    ;[wall, wait] = [now, nowWaited]
  }
  const timer = setInterval(look, 1)
  try {
    await sleep(5)
    await work()
    await sleep(5)
  } finally {
    clearInterval(timer)
  }
  return longest
}

/**
 * The shortest of a few measurements, in milliseconds, stopping at the first within `bound`: other work on the machine may disturb one, and the best is
 * the program's own.
 */
export async function best(bound: number, measure: () => Promise<number>, tries = 6): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < tries && least > bound; i++) least = Math.min(least, await measure())
  return least
}
