import { alea } from '../ops/alea.js'
import { tensorsIn, tidy } from '../ops/op.js'

/** An element; or the end, with what came with it. */
export type Next<T> = { done: false; value: T } | { done: true; value: T | null }

/** The elements of a data set, one after the other, as they are asked for. */
export class LazyIterator<T> {
  readonly #elements: AsyncIterator<T, unknown>

  constructor(elements: AsyncIterator<T, unknown>) {
    this.#elements = elements
  }

  /** The next element; after the last, `done` is true and the value null, or what a generator gave with its end. */
  async next(): Promise<Next<T>> {
    const { done, value } = await this.#elements.next()
    return done ? { value: (value ?? null) as T | null, done: true } : { value: value as T, done: false }
  }

  /** Ends it: no more elements are asked for, and files are closed. */
  async return(): Promise<Next<T>> {
    await this.#elements.return?.()
    return { value: null, done: true }
  }

  [Symbol.asyncIterator](): AsyncIterator<T, T | null> {
    return this
  }

  async toArray(): Promise<T[]> {
    const found: T[] = []
    for await (const each of this) found.push(each)
    return found
  }

  /** Runs a function on each element, and disposes the element's tensors after it, but for those that it returns. */
  async forEachAsync(f: (value: T) => unknown): Promise<void> {
    for await (const each of this) disposeBut(each, await f(each))
  }

  async resolveFully(): Promise<void> {
    for await (const _ of this);
  }

  filter(predicate: (value: T) => boolean): LazyIterator<T> {
    return lazily(this, async function* (elements) {
      for await (const each of elements) {
        if (tidy(() => predicate(each))) yield each
        else disposeBut(each, undefined)
      }
    })
  }

  map<O>(transform: (value: T) => O): LazyIterator<O> {
    return lazily(this, async function* (elements) {
      for await (const each of elements) {
        const made = tidy(() => transform(each))
        disposeBut(each, made)
        yield made
      }
    })
  }

  mapAsync<O>(transform: (value: T) => Promise<O>): LazyIterator<O> {
    return lazily(this, async function* (elements) {
      for await (const each of elements) {
        const made = await transform(each)
        disposeBut(each, made)
        yield made
      }
    })
  }

  /** Lists of `size` elements; the last one may be shorter, or is left out. */
  rowMajorBatch(size: number, smallLastBatch = true): LazyIterator<T[]> {
    return lazily(this, async function* (elements) {
      let batch: T[] = []
      for await (const each of elements) {
        batch.push(each)
        if (batch.length < size) continue
        yield batch
        batch = []
      }
      if (batch.length > 0 && smallLastBatch) yield batch
      else disposeBut(batch, undefined)
    })
  }

  /** The first `count` elements; all of them for a negative count. */
  take(count: number): LazyIterator<T> {
    if (!(count >= 0)) return this
    return lazily(this, async function* (elements) {
      for (let i = 0; i < count; i++) {
        const next = await elements.next()
        if (next.done) return next.value
        yield next.value
      }
      return null
    })
  }

  skip(count: number): LazyIterator<T> {
    if (!(count >= 0)) return this
    return lazily(this, async function* (elements) {
      let skipped = 0
      for await (const each of elements) {
        if (skipped++ < count) disposeBut(each, undefined)
        else yield each
      }
    })
  }

  concatenate(other: LazyIterator<T>): LazyIterator<T> {
    return lazily(this, async function* (elements) {
      yield* elements
      yield* other
    })
  }

  /** Asks for `size` elements ahead. */
  prefetch(size: number): LazyIterator<T> {
    return lazily(this, async function* (elements) {
      const ahead: Promise<Next<T>>[] = []
      for (;;) {
        while (ahead.length < Math.min(Math.max(size, 1), mostAhead)) {
          const next = elements.next()
          // An error is thrown when its turn comes.
          next.catch(() => {})
          ahead.push(next)
        }
        const { done, value } = await (ahead.shift() as Promise<Next<T>>)
        if (done) return value
        yield value as T
      }
    })
  }

  /** Draws from a window of `size` elements, which is filled up again after each. With a seed, in the order of tfjs. */
  shuffle(size: number, seed: string): LazyIterator<T> {
    return lazily(this, async function* (elements) {
      const next = alea(seed)
      const window: Next<T>[] = []
      let isEnded = false
      const fill = async () => {
        while (window.length < size) {
          const each = isEnded ? ended : await elements.next()
          isEnded ||= each.done === true
          window.push(each)
        }
      }
      let isExhausted = false
      for (;;) {
        if (!isExhausted) await fill()
        if (window.length === 0) return
        const place = Math.floor(next() * window.length)
        const chosen = window[place] as Next<T>
        const last = window.pop() as Next<T>
        if (place < window.length) window[place] = last
        if (chosen.done) {
          isExhausted = true
        } else {
          await fill()
          yield chosen.value
        }
      }
    })
  }
}

/** How many elements are asked for ahead at most, however many a program names. */
const mostAhead = 1024

const ended: Next<never> = { value: null, done: true }

/** An iterator over what a generator makes of another's elements. */
const lazily = <T, O>(
  from: LazyIterator<T>,
  generate: (elements: LazyIterator<T>) => AsyncGenerator<O, unknown>,
): LazyIterator<O> => {
  const elements = async function* () {
    try {
      return yield* generate(from)
    } finally {
      await from.return()
    }
  }
  return new LazyIterator(elements())
}

/** Disposes the tensors of one value, but for those that are in another, too. */
export function disposeBut(value: unknown, kept: unknown): void {
  const stay = new Set(tensorsIn(kept))
  for (const tensor of tensorsIn(value)) if (!stay.has(tensor)) tensor.dispose()
}
