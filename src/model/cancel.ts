import { AbortError, fromNative } from '../errors.js'
import { type CancelFlag, native } from '../native/index.js'

/** How many milliseconds aborted native work may take to end before its call rejects without waiting for it. */
const grace = 100

/**
 * Makes a native call that the signal cancels; errors get their public class. If the signal is already aborted, this
 * rejects without a call. Nothing stays attached to the signal afterwards. Work that cannot end at once, such as a
 * weight update that has begun, is passed to `outlives`, and the call rejects without waiting for it.
 */
export async function cancellable<T>(
  signal: AbortSignal | undefined,
  call: (cancel: CancelFlag) => Promise<T>,
  outlives?: (work: Promise<unknown>) => void,
): Promise<T> {
  if (signal?.aborted) throw new AbortError(signal)
  const cancel = new native.CancelFlag()
  const abort = () => cancel.cancel()
  signal?.addEventListener('abort', abort, { once: true })
  // Even what the call throws synchronously is its outcome.
  const work = (async () => await call(cancel))()
  let settled = false
  const done = () => {
    settled = true
  }
  work.then(done, done)
  try {
    return await (outlives ? unlessAborted(work, signal, grace) : work)
  } catch (error) {
    if (!settled) outlives?.(work)
    throw fromNative(error, signal)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** Who lets synchronous calls interrupt native work. */
interface Interruptible {
  interruptible<T>(work: Promise<T>, interrupt: () => void): Promise<T>
}

/** How many milliseconds a synchronous call waits at first for native work to end before it interrupts that. */
const firstPatience = 20

const never = new Int32Array(new SharedArrayBuffer(4))

/**
 * A native call to which synchronous ones need not wait for long: they wait as long as it lasted before, or else
 * interrupt it, and it begins anew afterwards. Each time it is left longer in peace, so that it ends.
 */
export async function givingWay<T>(turns: Interruptible, call: (cancel: CancelFlag) => Promise<T>): Promise<T> {
  for (let patience = firstPatience; ; patience *= 2) {
    const cancel = new native.CancelFlag()
    const end = performance.now() + patience
    let isInterrupted = false
    const interrupt = () => {
      if (!isInterrupted) Atomics.wait(never, 0, 0, Math.max(0, end - performance.now()))
      isInterrupted = true
      cancel.cancel()
    }
    try {
      return await turns.interruptible(call(cancel), interrupt)
    } catch (error) {
      const thrown = fromNative(error)
      if (!isInterrupted || !(thrown instanceof AbortError)) throw thrown
    }
  }
}

/**
 * Settles as the work does, or rejects with an AbortError if that has not happened `wait` milliseconds after the signal
 * was aborted.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, wait = 0): Promise<T> {
  if (!signal) return await work
  let timer: NodeJS.Timeout | undefined
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    const giveUp = () => reject(new AbortError(signal))
    abort = () => {
      if (wait === 0) giveUp()
      else timer = setTimeout(giveUp, wait)
    }
  })
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
    clearTimeout(timer)
  }
}
