import { AbortError, SeqloomError, unreadable } from '../../errors.js'
import type { Model } from '../../model/index.js'

/** The parts of a trained task. */
export interface TaskParts {
  readonly model: Pick<Model, 'clone' | 'dispose' | 'quantize' | 'summary'>
  /** Whether an epoch of the last training has ended. */
  learned?: boolean
  /**
   * Whether the weights of an earlier step were restored, so that the optimizer's state does not belong to them;
   * default false.
   */
  restored?: boolean
  /** Whether its training has not run to its end; default false. */
  unfinished?: boolean
  /** By vocabulary, the share of tokens that it lacked in the first training; default 0. */
  unknown?: Readonly<Record<string, number>>
}

/** A training that is ready to begin. */
export interface Training<Parts, T> {
  /** The parts that it changes: the existing ones, or new ones. */
  readonly parts: Parts
  readonly run: () => Promise<T>
}

/**
 * Decides who may use a task's parts, and when. Calls are answered from the weights of the last training that has
 * ended; while another one runs, by a copy. A training that fails leaves the task as it was; so does an aborted one,
 * unless an epoch has ended.
 */
export class Served<Parts extends TaskParts> {
  readonly #task: string
  #parts: Parts | undefined
  /** A copy of the parts from before the current training. */
  #copy: Parts | undefined
  #training = false
  #calls = 0
  readonly #users = new Map<Parts, number>()
  /** Whether new calls wait, so that those that use the parts can end. */
  #closed = false
  #disposal: Promise<void> | undefined
  #waiting: (() => void)[] = []

  /** Makes one for a task, named by its class. */
  constructor(task: string) {
    this.#task = task
  }

  /** Whether there is a model. */
  get ready(): boolean {
    return this.#parts !== undefined
  }

  /** Takes loaded parts. */
  load(parts: Parts): void {
    this.#parts = parts
  }

  /** The parts, those in training included; `ERR_STATE` before training and after `dispose`. */
  parts(where: string): Parts {
    this.#check(where)
    if (this.#parts) return this.#parts
    const missing = `there is no model yet; call train or ${this.#task}.load first`
    throw new SeqloomError('ERR_STATE', `${where}: ${missing}`)
  }

  /** Runs a call with the parts that answer. `ERR_STATE` before training and after `dispose`. */
  async use<T>(where: string, call: (parts: Parts) => Promise<T>): Promise<T> {
    this.parts(where)
    this.#calls++
    try {
      while (this.#closed) await this.#change()
      const parts = this.#answering()
      this.#count(parts, 1)
      try {
        return await call(parts)
      } catch (error) {
        throw this.#named(where, error)
      } finally {
        this.#count(parts, -1)
      }
    } finally {
      this.#calls--
      this.#changed()
    }
  }

  /** Like {@link use}, while no other call uses the parts. */
  async alone<T>(where: string, call: (parts: Parts) => Promise<T>): Promise<T> {
    this.parts(where)
    this.#calls++
    try {
      return await this.#close(undefined, () => call(this.#answering()))
    } catch (error) {
      throw this.#named(where, error)
    } finally {
      this.#calls--
      this.#changed()
    }
  }

  /** Prepares a training from the existing parts, if any, and runs it. `ERR_STATE` while another one runs. */
  async train<T>(
    where: string,
    signal: AbortSignal | undefined,
    prepare: (known: Parts | undefined) => Promise<Training<Parts, T>>,
  ): Promise<T> {
    this.#check(where)
    if (this.#training) throw new SeqloomError('ERR_STATE', `${where}: a training is running already; wait for it`)
    this.#training = true
    const known = this.#parts
    let begun: Parts | undefined
    try {
      const { parts, run } = await prepare(known).catch((error: unknown) => {
        throw unreadable('ERR_DATA', where, error)
      })
      parts.learned = false
      if (known) await this.#keep(known, parts, signal)
      begun = parts
      this.#parts = parts
      // Without a pause, so that no other call finds a new model before its training has begun.
      return await run()
    } catch (error) {
      const keeps = begun?.learned && (error instanceof AbortError || !this.#copy)
      if (begun && !keeps) {
        this.#parts = this.#copy
        this.#copy = undefined
        free(begun)
      }
      throw error
    } finally {
      const copy = this.#copy
      this.#copy = undefined
      this.#training = false
      this.#changed()
      if (copy) void this.#retire(copy)
    }
  }

  /** Refuses further calls, waits for those that run and frees the models. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#end()
    return this.#disposal
  }

  async #end(): Promise<void> {
    while (this.#calls > 0 || this.#training) await this.#change()
    if (this.#parts) free(this.#parts)
    this.#parts = undefined
  }

  /** Frees parts once no call uses them. */
  async #retire(parts: Parts): Promise<void> {
    while (this.#users.has(parts)) await this.#change()
    free(parts)
  }

  /**
   * Lets the earlier parts answer while a training changes `parts`: through a copy, unless another model is trained.
   */
  async #keep(known: Parts, parts: Parts, signal: AbortSignal | undefined): Promise<void> {
    if (known.model !== parts.model) {
      this.#copy = known
      return
    }
    await this.#close(signal, async () => {
      this.#copy = { ...known, model: known.model.clone() }
    })
  }

  /** Makes new calls wait until those that use the parts have ended and `then` was called. */
  async #close<T>(signal: AbortSignal | undefined, then: () => Promise<T>): Promise<T> {
    while (this.#closed) await this.#change()
    this.#closed = true
    const wake = () => this.#changed()
    signal?.addEventListener('abort', wake)
    try {
      const answering = this.#answering()
      while (this.#users.has(answering) && !signal?.aborted) await this.#change()
      if (signal?.aborted) throw new AbortError(signal)
      return await then()
    } finally {
      signal?.removeEventListener('abort', wake)
      this.#closed = false
      this.#changed()
    }
  }

  #answering(): Parts {
    return (this.#copy ?? this.#parts) as Parts
  }

  #check(where: string): void {
    if (this.#disposal) throw new SeqloomError('ERR_STATE', `${where}: this ${this.#task} was disposed`)
  }

  /** Tells the user of a model that is trained for the first time, and so can answer only in callbacks, what to do. */
  #named(where: string, error: unknown): unknown {
    if (!this.#training || this.#copy || !(error instanceof SeqloomError) || error.code !== 'ERR_STATE') {
      return unreadable('ERR_DATA', where, error)
    }
    const message = `${where}: the first training is running; wait for it, or call from an awaited onEpoch`
    return new SeqloomError('ERR_STATE', message, { cause: error })
  }

  #count(parts: Parts, change: number): void {
    const count = (this.#users.get(parts) ?? 0) + change
    if (count > 0) this.#users.set(parts, count)
    else this.#users.delete(parts)
    this.#changed()
  }

  #changed(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  /**
   * The next change of what the loops that call it wait for; they look again at once, so that nothing happens in
   * between.
   */
  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

function free({ model }: TaskParts): void {
  try {
    model.dispose()
  } catch {
    // The user may hold the model itself; the garbage collector frees it in the end.
  }
}
