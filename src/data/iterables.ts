import { describe, reading, SeqloomError } from '../errors.js'
import { isCallable, isRecord } from '../options.js'

/** What gives elements one after another, as `for` and `for await` go through it. */
export function iterableOf<T>(source: unknown): AsyncIterable<T> | Iterable<T> {
  return reading('ERR_DATA', 'data.from', () => foundIn<T>(source))
}

/** Whether a value is a web stream. */
export const isWebStream = (value: unknown): value is ReadableStream<unknown> => isRecord(value) && 'getReader' in value

function foundIn<T>(source: unknown): AsyncIterable<T> | Iterable<T> {
  if (Array.isArray(source)) return source
  if (isWebStream(source)) return { [Symbol.asyncIterator]: () => readingOf<T>(source) }
  if (isRecord(source)) {
    if (Symbol.asyncIterator in source) return source as unknown as AsyncIterable<T>
    if (Symbol.iterator in source) return source as unknown as Iterable<T>
    if ('next' in source && isCallable(source.next)) {
      return { [Symbol.asyncIterator]: () => source } as unknown as AsyncIterable<T>
    }
  }
  throw new SeqloomError('ERR_DATA', `data.from: expected an iterable, a stream or a function, not ${describe(source)}`)
}

/** Reads a web stream: unlike that of its own iterator, its end does not wait for what it was asked for. */
function readingOf<T>(stream: ReadableStream): AsyncIterator<T> {
  const reader = stream.getReader()
  return {
    next: async () => (await reader.read()) as IteratorResult<T>,
    return: async () => {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}

/**
 * An iterator that is told once no more is needed: by {@link end}, or, while it is waiting for something, by a signal,
 * which does not wait for that.
 */
export class Told<T> {
  readonly #source: AsyncIterable<T>
  readonly #iterator: AsyncIterator<T>
  readonly #signal: AbortSignal | undefined
  #waiting = false
  #ended = false
  readonly #stop = () => {
    if (this.#waiting) this.#tell().catch(() => undefined)
  }

  constructor(source: AsyncIterable<T>, signal: AbortSignal | undefined) {
    this.#source = source
    this.#iterator = source[Symbol.asyncIterator]()
    this.#signal = signal
    signal?.addEventListener('abort', this.#stop)
  }

  async next(): Promise<IteratorResult<T>> {
    this.#waiting = true
    try {
      const next = await this.#iterator.next()
      if (next.done) this.#ended = true
      return next
    } catch (error) {
      this.#ended = true
      throw error
    } finally {
      this.#waiting = false
    }
  }

  async end(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#stop)
    await this.#tell()
  }

  async #tell(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    // The iterator of a stream of Node.js would wait for what comes next.
    const stream = this.#source as { readonly destroy?: () => void }
    if (this.#waiting && typeof stream.destroy === 'function') stream.destroy()
    else await this.#iterator.return?.()
  }
}
