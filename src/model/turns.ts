import { AbortError, SeqloomError } from '../errors.js'
import { unlessAborted } from './cancel.js'

/**
 * Who may use a model's native side now, and those of models that share layers with it: the one place that decides. Asynchronous calls queue;
 * while `fit` runs all others are refused with `ERR_STATE`, except inside an awaited callback, while the training loop is parked. The native
 * side only holds a lock.
 */
export class Turns {
  #fitting = false
  /** The callback that the training loop waits for and that may use the model. */
  #callback: object | undefined
  #waiting = 0
  #tail: Promise<unknown> = Promise.resolve()
  #joined: Turns | undefined
  #shared = false

  /** Those whose turns these are: others', once models that share layers were joined. */
  get root(): Turns {
    return this.#joined?.root ?? this
  }

  /** Whether a call is running or waiting. */
  get busy(): boolean {
    return this.#fitting || this.#waiting > 0
  }

  /** Takes turns with the users of `root` from now on; nothing may be running here. */
  join(root: Turns): void {
    this.#joined = root
    root.#shared = true
  }

  /** Refuses a call that the state does not allow. Calls that change what `fit` works on are refused in callbacks, too. */
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

  /** Runs a synchronous call, refused while an asynchronous one is running. */
  now<T>(what: string, during: 'callbacks' | 'never', call: () => T): T {
    this.check(what, during)
    if (this.#waiting > 0) {
      throw new SeqloomError('ERR_STATE', `${what}: another call on ${this.#who} is running; await it first`)
    }
    return call()
  }

  /** Runs what ends a model, once the calls before it have ended; at once where there are none. */
  last(what: string, call: () => void): void {
    this.check(what, 'never')
    if (this.#waiting === 0) call()
    else void this.queue(what, 'never', async () => call())
  }

  /** Runs an asynchronous call when those before it have ended; a signal that is aborted before its turn comes takes it out of the queue. */
  async queue<T>(
    what: string,
    during: 'callbacks' | 'never',
    call: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    this.check(what, during)
    if (signal?.aborted) throw new AbortError(signal)
    this.#waiting++
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
    }
  }

  /** Runs `fit` when the calls before it have ended. */
  async fit<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.check('fit', 'never')
    this.#fitting = true
    try {
      await unlessAborted(this.#tail, signal)
      return await call()
    } finally {
      this.#fitting = false
      this.#callback = undefined
    }
  }

  /** Lets later calls wait for native work that goes on although its call has ended. */
  outlived(work: Promise<unknown>): void {
    const ended = work.catch(() => undefined)
    this.#tail = Promise.all([this.#tail, ended])
  }

  /** Lets a callback use the model, until it has ended and so have the calls that it began. */
  async park(callback: () => unknown): Promise<void> {
    const own = {}
    this.#callback = own
    try {
      await callback()
    } finally {
      // Calls that the callback did not await could otherwise meet the training loop, unless that has ended without the callback.
      while (this.#callback === own && this.#waiting > 0) await this.#tail
      if (this.#callback === own) this.#callback = undefined
    }
  }
}
