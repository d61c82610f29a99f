import { describe, SeqloomError } from '../errors.js'
import { checkOptions, custom, flag, integer, seed as seedRule } from '../options.js'
import {
  ahead,
  type Blocks,
  batches,
  filtered,
  first,
  left,
  mapped,
  type PackedBlocks,
  shuffled,
  sliced,
  unpacked,
  windows,
} from './blocks.js'
import { type BucketOptions, bucketed } from './buckets.js'
import { RowList } from './packed.js'
import { mappedParts, type Part, parts, type Wanted } from './parts.js'
import { randomOf } from './random.js'

/** Where going through a data set begins. */
export interface Start {
  /** The how-manieth time it is gone through, from 0; what is shuffled has another order each time. */
  readonly pass: number
  /** How many elements to leave out. */
  readonly skip: number
  /** Aborted once no more elements are needed, also while they are waited for. */
  readonly signal?: AbortSignal
}

/** How a data set is gone through. */
type Way<T> = Facts<T> & (FromBeginning<T> | FromAnywhere<T>)

interface FromBeginning<T> {
  /** All elements of a pass; none of them is to be left out. */
  readonly all: (start: Start) => PackedBlocks<T>
  readonly from?: undefined
  readonly size?: undefined
}

interface FromAnywhere<T> {
  /** The elements from one on, without going through those before. */
  readonly from: (start: Start) => PackedBlocks<T>
  /** How many elements there are, where that is known without going through them. */
  readonly size?: (() => Promise<number>) | undefined
}

interface Facts<T> {
  /** A rank's part of each batch of rows, where others need not be made. */
  readonly parts?: (start: Start, wanted: Wanted) => AsyncIterable<Part<T>>
  /** Whether it never ends. */
  readonly endless?: boolean
  /** Whether it can be gone through only once, as a stream. */
  readonly once?: boolean
  /** Whether elements are batches, not rows. */
  readonly batched?: boolean
  /** Names it in messages. */
  readonly name: string
}

/** Options of {@link Dataset.batch}. */
export interface BatchedOptions extends BucketOptions {
  /** Whether to leave out the last batch if it has fewer rows; default false. */
  readonly dropRemainder?: boolean
}

/**
 * Rows or batches one after another, read when they are needed, as often as they are needed; `for await` goes through
 * them. Made by the functions of `data`. Methods give new data sets and read nothing.
 *
 * Each time a model goes through it is a pass: a shuffled data set has another order in each, determined by its seed
 * and the number of the pass.
 */
export class Dataset<T> implements AsyncIterable<T> {
  readonly #way: Way<T>

  /** @internal */
  constructor(way: Way<T>) {
    this.#way = way
  }

  /** @internal Whether it never ends. */
  get endless(): boolean {
    return this.#way.endless ?? false
  }

  /** @internal Whether it can be gone through only once. */
  get once(): boolean {
    return this.#way.once ?? false
  }

  /** @internal Whether elements are batches by construction. */
  get batched(): boolean {
    return this.#way.batched ?? false
  }

  /** @internal What it is called in messages. */
  get name(): string {
    return this.#way.name
  }

  /** @internal How many elements there are, if it can begin at any of them without going through those before. */
  async size(): Promise<number | undefined> {
    return await this.#way.size?.()
  }

  /** @internal The elements from a place on. */
  open(start: Start): Blocks<T> {
    return unpacked(this.openPacked(start))
  }

  /** @internal The same, packed where they can be. */
  openPacked(start: Start): PackedBlocks<T> {
    const way = this.#way
    if (way.from) return way.from(start)
    const whole = way.all({ ...start, skip: 0 })
    return start.skip === 0 ? whole : left(whole, start.skip)
  }

  /** @internal The rows that a rank works on, from a row on, which begins a batch. */
  openParts(start: Start, wanted: Wanted): AsyncIterable<Part<T>> {
    return this.#way.parts?.(start, wanted) ?? parts(this.openPacked(start), wanted, start.skip)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for await (const block of this.openPacked({ pass: 0, skip: 0 })) yield* block
  }

  /** What a function makes of each element and its number, from 0; it may return a promise. */
  map<U>(change: (element: T, index: number) => U | Promise<U>): Dataset<U> {
    asFunction('map', change)
    return this.#next<U>({
      from: (start) => mapped(this.openPacked(start), change, start.skip),
      parts: (start, wanted) => mappedParts(this.openParts(start, wanted), change),
      size: this.#way.size,
      batched: this.batched,
    })
  }

  /** The elements for which a function returns true, or a promise of it. */
  filter(keep: (element: T) => boolean | Promise<boolean>): Dataset<T> {
    asFunction('filter', keep)
    return this.#next<T>({
      all: (start) => filtered(this.openPacked(start), keep),
      batched: this.batched,
    })
  }

  /**
   * Arrays of `size` consecutive elements, each beginning `stride` elements after the one before; default stride 1.
   * What is left at the end makes no window.
   */
  window(size: number, options: { readonly stride?: number } = {}): Dataset<T[]> {
    checkCount('window', size)
    checkOptions('window', options, { accepted: { stride: integer(1) } })
    const { stride = 1 } = options
    return this.#next<T[]>({
      from: (start) => windows(this.openPacked({ ...start, skip: start.skip * stride }), size, stride),
      size: this.#sized((count) => Math.max(0, Math.floor((count - size) / stride) + 1)),
    })
  }

  /**
   * Batches of `size` elements: of rows `{ x, y }` or `[x, y]` one such object or array, whose parts are arrays; of
   * other elements an array. With `bucketByLength`, as many elements as make up `buffer` batches are sorted by length,
   * so that there is little padding, and their batches come in an order determined by `seed`.
   */
  batch(size: number, options: BatchedOptions = {}): Dataset<unknown> {
    checkCount('batch', size)
    checkOptions('batch', options, {
      accepted: { dropRemainder: flag, bucketByLength: flagOrFunction, buffer: integer(1), seed: seedRule },
    })
    const { dropRemainder = false, bucketByLength = false } = options
    const cut = (rows: PackedBlocks<T>) => batches(rows, size, dropRemainder)
    if (bucketByLength !== false) {
      const all = (start: Start) => cut(bucketed(this.openPacked(start), size, options, start.pass))
      return this.#next<unknown>({ all, batched: true })
    }
    return this.#next<unknown>({
      from: (start) => cut(this.openPacked({ ...start, skip: start.skip * size })),
      size: this.#sized((count) => (dropRemainder ? Math.floor : Math.ceil)(count / size)),
      batched: true,
    })
  }

  /**
   * The elements in a random order: each is drawn from the next `buffer` ones. The larger the buffer, the better the
   * order and the more memory it takes. `seed` and the number of the pass determine it; default 0.
   */
  shuffle(buffer: number, options: { readonly seed?: number } = {}): Dataset<T> {
    checkCount('shuffle', buffer)
    checkOptions('shuffle', options, { accepted: { seed: seedRule } })
    const { seed = 0 } = options
    return this.#next<T>({
      all: (start) => shuffled(this.openPacked(start), buffer, randomOf(seed, start.pass)),
      batched: this.batched,
    })
  }

  /** The first `count` elements. */
  take(count: number): Dataset<T> {
    checkCount('take', count)
    const from = (start: Start) => first(this.openPacked(start), Math.max(0, count - start.skip))
    const size = this.#sized((all) => Math.min(all, count))
    return this.#next<T>({ from, size, endless: false, batched: this.batched })
  }

  /** All but the first `count` elements. */
  skip(count: number): Dataset<T> {
    checkCount('skip', count, 0)
    const from = (start: Start) => this.openPacked({ ...start, skip: start.skip + count })
    const size = this.#sized((all) => Math.max(0, all - count))
    return this.#next<T>({ from, size, batched: this.batched })
  }

  /** These elements, then those of others. */
  concat(...others: readonly Dataset<T>[]): Dataset<T> {
    const all = [this, ...others]
    if (!all.every((each) => each instanceof Dataset)) {
      throw new SeqloomError('ERR_OPTION', 'concat: expected data sets')
    }
    return this.#next<T>({
      async *all(start) {
        for (const each of all) yield* each.openPacked(start)
      },
      endless: all.some(({ endless }) => endless),
      once: all.some(({ once }) => once),
      batched: this.batched,
    })
  }

  /** The elements `count` times, or without end; each time is a pass of its own. */
  repeat(count?: number): Dataset<T> {
    if (count !== undefined) checkCount('repeat', count)
    const child = this
    return this.#next<T>({
      async *all(start) {
        const first = start.pass * (count ?? 0)
        for (let time = 0; count === undefined || time < count; time++) {
          let empty = true
          for await (const block of child.openPacked({ ...start, pass: first + time })) {
            if (block.length > 0) empty = false
            yield block
          }
          if (empty) return
        }
      },
      endless: count === undefined,
      batched: this.batched,
    })
  }

  /** Keeps all elements in memory once they have been gone through, for later passes, which all have the same order. */
  cache(): Dataset<T> {
    const child = this
    let kept: RowList<T> | undefined
    return this.#next<T>({
      async *all(start) {
        if (kept) {
          yield* sliced(kept, 0)
          return
        }
        const collected = new RowList<T>()
        for await (const block of child.openPacked({ ...start, pass: 0 })) {
          collected.append(block)
          yield block
        }
        kept = collected
      },
      once: false,
      batched: this.batched,
    })
  }

  /** Reads up to `count` blocks of elements ahead while earlier ones are worked on; default 2. */
  prefetch(count = 2): Dataset<T> {
    checkCount('prefetch', count)
    return this.#next<T>({
      from: (start) => ahead(this.openPacked(start), count),
      parts: (start, wanted) => ahead(this.openParts(start, wanted), count),
      size: this.#way.size,
      batched: this.batched,
    })
  }

  /**
   * The different values that a function gives for the elements, sorted: class names, say, found in one pass.
   * `ERR_DATA` for more than `most`; default a million.
   */
  async unique<V extends string | number>(value: (element: T) => V, most = 1_000_000): Promise<V[]> {
    asFunction('unique', value)
    checkCount('unique', most)
    const found = new Set<V>()
    for await (const element of this) {
      found.add(value(element))
      if (found.size > most) throw new SeqloomError('ERR_DATA', `unique: there are more than ${most} different values`)
    }
    return [...found].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }

  /** The number of elements of what is made of these, by their number. */
  #sized(made: (count: number) => number): (() => Promise<number>) | undefined {
    const { size } = this.#way
    return size && (async () => made(await size()))
  }

  #next<U>(way: Partial<Facts<U>> & (FromBeginning<U> | FromAnywhere<U>)): Dataset<U> {
    const { endless, once, name } = this
    return new Dataset<U>({ endless, once, name, ...way })
  }
}

const flagOrFunction = custom('true, false or a function', (v) => typeof v === 'boolean' || typeof v === 'function')

function checkCount(what: string, value: unknown, least = 1): void {
  if (integer(least).accepts(value)) return
  throw new SeqloomError('ERR_OPTION', `${what}: expected ${integer(least).expected}, not ${describe(value)}`)
}

function asFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new SeqloomError('ERR_OPTION', `${what}: expected a function`)
}
