import { AbortError, SeqloomError } from '../errors.js'
import { unlessAborted } from './cancel.js'

/**
 * The one place that decides who may use the native side of a model, and of the models that share layers with it.
 * Asynchronous calls queue. While `fit` runs, all others are refused with `ERR_STATE`, except inside an awaited
 * callback, while the training loop is parked. The native side only holds a lock.
 */
export class Turns {
  /** Who is in `fit`. */
  #fitting: object | undefined
  /** The callback that the training loop waits for; it may use the model. */
  #callback: object | undefined
  #waiting = 0
  /** How many of these give way to synchronous calls. */
  #yielding = 0
  /** Interrupts the native work that runs. */
  #interrupt: (() => void) | undefined
  #tail: Promise<unknown> = Promise.resolve()
  #joined: Turns | undefined
  #shared = false

  /** The turns that count: those of another model, once models that share layers were joined. */
  get root(): Turns {
    return this.#joined?.root ?? this
  }

  /** Whether a call is running or waiting. */
  get busy(): boolean {
    return this.#fitting !== undefined || this.#waiting > 0
  }

  /** Takes turns with the users of `root` from now on; nothing may be running here. */
  join(root: Turns): void {
    this.#joined = root
    root.#shared = true
  }

  /**
   * Refuses a call that the state does not allow. Calls that change what `fit` works on are refused in callbacks, too.
   */
  check(what: string, during: 'callbacks' | 'never'): void {
    if (!this.#fitting || (this.#callback && during === 'callbacks')) return
    throw new SeqloomError(
      'ERR_STATE',
      during === 'callbacks'
        ? `${what}: ${this.#who} is in fit; wait for it, or call from an awaited epoch callback`
        : `${what}: ${this.#who} is in fit; wait for it`,
    )
  }

  get #who(): string {
    return this.#shared ? 'this model, or one that has layers of it,' : 'this model'
  }

  /** Runs a synchronous call, refused while an asynchronous one is running that does not give way. */
  now<T>(what: string, during: 'callbacks' | 'never', call: () => T): T {
    this.check(what, during)
    if (this.#waiting > this.#yielding) {
      throw new SeqloomError('ERR_STATE', `${what}: another call on ${this.#who} is running; await it first`)
    }
    this.#interrupt?.()
    return call()
  }

  /** While work runs in a call that gives way: what interrupts it, for a synchronous call. */
  async interruptible<T>(work: Promise<T>, interrupt: () => void): Promise<T> {
    this.#interrupt = interrupt
    try {
      return await work
    } finally {
      this.#interrupt = undefined
    }
  }

  /**
   * Runs what ends a model, once earlier calls have ended; at once if there are none. In an awaited callback it may end
   * any model but the one in `fit`.
   */
  last(what: string, user: object, call: () => void): void {
    const during = this.#fitting === user ? 'never' : 'callbacks'
    this.check(what, during)
    if (this.#waiting === 0) call()
    else void this.queue(what, during, async () => call())
  }

  /**
   * Runs an asynchronous call when earlier ones have ended; aborting its signal before its turn removes it from the
   * queue. One that `givesWay` lets synchronous calls in.
   */
  async queue<T>(
    what: string,
    during: 'callbacks' | 'never',
    call: () => Promise<T>,
    signal?: AbortSignal,
    givesWay = false,
  ): Promise<T> {
    this.check(what, during)
    if (signal?.aborted) throw new AbortError(signal)
    this.#waiting++
    if (givesWay) this.#yielding++
    const turn = this.#tail
    const result = (async () => {
      await turn
      if (signal?.aborted) throw new AbortError(signal)
      return await call()
    })()
    this.#tail = result.catch(() => undefined)
    try {
      await unlessAborted(turn, signal)
      return await result
    } finally {
      this.#waiting--
      if (givesWay) this.#yielding--
    }
  }

  /** Runs `fit`, or something else that waits for callbacks, when earlier calls have ended. */
  async fit<T>(what: string, user: object, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.check(what, 'never')
    this.#fitting = user
    try {
      await unlessAborted(this.#tail, signal)
      return await call()
    } finally {
      this.#fitting = undefined
      this.#callback = undefined
    }
  }

  /** Makes later calls wait for native work that continues after its call has ended. */
  outlived(work: Promise<unknown>): void {
    const ended = work.catch(() => undefined)
    this.#tail = Promise.all([this.#tail, ended])
  }

  /** Lets a callback use the model until it and the calls that it began have ended. */
  async park(callback: () => unknown): Promise<void> {
    const own = {}
    this.#callback = own
    try {
      await callback()
    } finally {
      // Calls that the callback did not await could otherwise run into the training loop, unless that has ended
      // already.
      while (this.#callback === own && this.#waiting > 0) await this.#tail
      if (this.#callback === own) this.#callback = undefined
    }
  }
}
