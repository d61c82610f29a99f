import { describe, SeqloomError } from '../../errors.js'
import { inferShape, isTypedArray, makeTensor } from '../convert.js'
import type { TensorContainer } from '../engine.js'
import { check } from '../failure.js'
import { alea } from '../ops/alea.js'
import { stack } from '../ops/join.js'
import { clone } from '../ops/shape.js'
import { Tensor } from '../tensor.js'
import { disposeBut, LazyIterator } from './lazyIterator.js'

/** Elements that are made as they are asked for, again for each iterator. */
export abstract class Dataset<T = TensorContainer> {
  /** How many elements there are: a number, Infinity, or null if it is not known. */
  readonly size: number | null = null

  abstract iterator(): Promise<LazyIterator<T>>

  /**
   * Batches: each tensor, array or number of an element gets a first dimension, in the place where it is. The last batch
   * may be smaller, or is left out.
   */
  batch(batchSize: number, smallLastBatch = true): Dataset<TensorContainer> {
    check(batchSize > 0, 'ERR_OPTION', () => `batchSize needs to be positive, but it is ${batchSize}`)
    const count = this.size === null ? null : this.size / batchSize
    return made(
      async () =>
        (await this.iterator()).rowMajorBatch(batchSize, smallLastBatch).map((rows) => joined(rows) as TensorContainer),
      count === null ? null : smallLastBatch ? Math.ceil(count) : Math.floor(count),
    )
  }

  concatenate(dataset: Dataset<T>): Dataset<T> {
    return made(
      async () => (await this.iterator()).concatenate(await dataset.iterator()),
      this.size === Infinity || dataset.size === Infinity
        ? Infinity
        : this.size === null || dataset.size === null
          ? null
          : this.size + dataset.size,
    )
  }

  /** The elements for which a function holds. */
  filter(predicate: (value: T) => boolean): Dataset<T> {
    return made(async () => (await this.iterator()).filter(predicate), this.size === Infinity ? Infinity : null)
  }

  /** Runs a function on each element; its tensors are disposed afterwards. A promise that it returns is awaited. */
  async forEachAsync(f: (input: T) => unknown): Promise<void> {
    await (await this.iterator()).forEachAsync(f)
  }

  /** What a function makes of each element; it runs within `tidy`. */
  map<O extends TensorContainer>(transform: (value: T) => O): Dataset<O> {
    return made(async () => (await this.iterator()).map(transform), this.size)
  }

  /** What an asynchronous function makes of each element. */
  mapAsync<O extends TensorContainer>(transform: (value: T) => Promise<O>): Dataset<O> {
    return made(async () => (await this.iterator()).mapAsync(transform), this.size)
  }

  /** Asks for `bufferSize` elements ahead of time. */
  prefetch(bufferSize: number): Dataset<T> {
    requireSize('prefetch', bufferSize)
    return made(async () => (await this.iterator()).prefetch(bufferSize), this.size)
  }

  /** The elements `count` times; for ever without a count. */
  repeat(count?: number): Dataset<T> {
    const times = count === undefined || count === null || count < 0 ? Infinity : count
    const again = async function* (dataset: Dataset<T>) {
      for (let i = 0; i < times; i++) {
        const from = await dataset.iterator()
        let isEmpty = true
        for await (const each of from) {
          isEmpty = false
          yield each
        }
        // Nothing would come of it however often it is repeated.
        if (isEmpty) return
      }
    }
    return made(
      async () => new LazyIterator(again(this)),
      times === 0 ? 0 : this.size === null ? null : this.size * times,
    )
  }

  /** The elements after the first `count`. */
  skip(count: number): Dataset<T> {
    return made(
      async () => (await this.iterator()).skip(count),
      this.size === null ? null : count >= 0 && this.size >= count ? this.size - count : 0,
    )
  }

  /** The most elements that fit into a buffer, as tfjs has it. */
  static readonly MAX_BUFFER_SIZE = 10000

  /**
   * The elements in a random order: each is drawn from the next `bufferSize`. Iterators have orders of their own, unless
   * told otherwise.
   */
  shuffle(bufferSize: number, seed?: string, reshuffleEachIteration = true): Dataset<T> {
    requireSize('shuffle', bufferSize, this.size)
    const next = alea(String(seed || Math.random()))
    const integer = () => (next() * 2 ** 32) | 0
    return made(async () => {
      const own = integer() + (reshuffleEachIteration ? integer() : 0)
      return (await this.iterator()).shuffle(bufferSize, String(own))
    }, this.size)
  }

  /** The first `count` elements. */
  take(count: number): Dataset<T> {
    return made(async () => (await this.iterator()).take(count), this.size === null ? null : Math.min(this.size, count))
  }

  /** All elements. */
  async toArray(): Promise<T[]> {
    if (this.size === Infinity) {
      throw new SeqloomError('ERR_STATE', 'Can not convert infinite data stream to array.')
    }
    return (await this.iterator()).toArray()
  }

  toArrayForTest(): Promise<T[]> {
    return this.toArray()
  }
}

/** How many elements a buffer may have: their places take memory before there are elements. */
const mostBuffered = 2 ** 24

function requireSize(name: string, size: number, count: number | null = null): void {
  const hint = count === null ? '' : `; consider the dataset size (${count} elements)`
  check(
    typeof size === 'number' && size >= 0,
    'ERR_OPTION',
    () => `\`Dataset.${name}()\` requires bufferSize to be specified${hint}.`,
  )
  check(
    size <= mostBuffered,
    'ERR_OPTION',
    () => `Dataset.${name}(): bufferSize must be at most ${mostBuffered}, not ${size}${hint}`,
  )
}

/** A data set whose iterators a function makes. */
export function made<T>(iterator: () => Promise<LazyIterator<T>>, size: number | null = null): Dataset<T> {
  return new (class extends Dataset<T> {
    override readonly size = size
    iterator = iterator
  })()
}

/** Whether a value is a list or an object that holds other values, not a value by itself. */
const holdsOthers = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof Tensor) && !ArrayBuffer.isView(value)

/** The same object with each value replaced; what holds itself is `ERR_DATA`. */
function mapped(value: object, replace: (value: unknown, key: string) => unknown): object {
  const entries = Object.entries(value).map(([key, each]) => [key, replace(each, key)] as const)
  return Array.isArray(value) ? entries.map(([, each]) => each) : Object.fromEntries(entries)
}

function refuseCircle(value: object, within: readonly object[]): void {
  check(!within.includes(value), 'ERR_DATA', () => 'Circular references are not supported.')
}

/** Elements as one: what is in one place of each becomes a tensor. */
function joined(rows: readonly unknown[], within: readonly object[] = []): unknown {
  const [first] = rows
  if (holdsOthers(first) && !Array.isArray(first)) {
    refuseCircle(first, within)
    return mapped(first, (_, key) =>
      joined(
        rows.map((row) => (row as Record<string, unknown> | null)?.[key]),
        [...within, first],
      ),
    )
  }
  if (first instanceof Tensor) return stack(rows as Tensor[])
  return makeTensor(rows, null, inferShape(rows))
}

/** A copy of an element, of whose tensors the reader can dispose. */
function copied(value: unknown, within: readonly object[] = []): unknown {
  if (value instanceof Tensor) return clone(value)
  if (!holdsOthers(value)) return value
  if (Array.isArray(value) && (typeof value[0] !== 'object' || isTypedArray(value[0]))) return [...value]
  refuseCircle(value, within)
  return mapped(value, (each) => copied(each, [...within, value]))
}

/** The items of an array; their tensors are cloned. */
export function array<T extends TensorContainer>(items: T[]): Dataset<T> {
  check(Array.isArray(items), 'ERR_DATA', () => `data.array: expected an array, not ${describe(items)}`)
  const each = async function* () {
    for (const item of items) yield copied(item) as T
  }
  return made(async () => new LazyIterator(each()), items.length)
}

/** Data sets in arrays and objects. */
export type DatasetContainer = { [name: string]: DatasetContainer } | DatasetContainer[] | Dataset<never> | Dataset

/** One data set of several: elements have the structure that these are given in. It ends with the shortest. */
export function zip<O extends TensorContainer>(datasets: DatasetContainer): Dataset<O> {
  check(holdsOthers(datasets), 'ERR_DATA', () => 'The argument to zip() must be an object or array.')
  const leaves: Dataset<unknown>[] = []
  const find = (value: unknown): void => {
    if (value instanceof Dataset) leaves.push(value)
    else if (holdsOthers(value)) for (const each of Object.values(value)) find(each)
    else {
      throw new SeqloomError('ERR_DATA', 'Leaves of the structure passed to zip() must be Datasets, not primitives.')
    }
  }
  find(datasets)
  const rebuilt = (value: unknown, values: Map<unknown, unknown>): unknown =>
    value instanceof Dataset ? values.get(value) : mapped(value as object, (each) => rebuilt(each, values))
  const rows = async function* () {
    const iterators = await Promise.all(leaves.map((each) => each.iterator()))
    for (;;) {
      const results = await Promise.all(iterators.map((each) => each.next()))
      if (results.length === 0 || results.some(({ done }) => done)) {
        disposeBut(results, undefined)
        return
      }
      yield rebuilt(datasets, new Map(results.map(({ value }, i) => [leaves[i], value]))) as O
    }
  }
  const sizes = leaves.map(({ size }) => size)
  return made(
    async () => new LazyIterator(rows()),
    sizes.some((size) => size === null) || sizes.length === 0 ? null : Math.min(...(sizes as number[])),
  )
}
