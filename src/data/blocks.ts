import { callTheirs, reading, theirs } from '../errors.js'
import { Told } from './iterables.js'
import { RowList } from './packed.js'
import { moved, placed, placeOf } from './places.js'
import type { Random } from './random.js'
import { Pace } from './slices.js'
import { stacked } from './stacked.js'

/** Some elements: an array, or rows that are packed. */
export interface Block<T> extends Iterable<T> {
  readonly length: number
  at(index: number): T | undefined
  slice(from?: number, to?: number): Block<T>
  entries(): Iterable<[number, T]>
}

/** Elements, several at a time: a turn of the event loop for each would take longer than most work on them. */
export type Blocks<T> = AsyncIterable<readonly T[]>

/** The same, packed where they can be. */
export type PackedBlocks<T> = AsyncIterable<Block<T>>

/** Arrays of the elements. */
export async function* unpacked<T>(blocks: PackedBlocks<T>): AsyncGenerator<readonly T[]> {
  for await (const block of blocks) yield Array.isArray(block) ? block : placed([...block], placeOf(block))
}

const blockSize = 256

/** Elements of an array in blocks, from one on. `ERR_DATA` for one that throws when it is read. */
export async function* sliced<T>(elements: Pick<RowList<T>, 'slice'>, skip: number): AsyncGenerator<Block<T>> {
  const next = (at: number) => reading('ERR_DATA', 'the array', () => elements.slice(at, at + blockSize))
  const pace = new Pace()
  for (let at = skip, block = next(at); block.length > 0; at += blockSize, block = next(at)) {
    yield block
    if (pace.due) await pace.turn()
  }
}

/** Elements that come one by one, in blocks: what is there at once, or at most so many. */
export async function* blocksOf<T>(
  elements: AsyncIterable<T> | Iterable<T>,
  signal?: AbortSignal,
): AsyncGenerator<readonly T[]> {
  // Neither a generator nor what is ready at once leaves the event loop a turn by itself.
  const pace = new Pace()
  try {
    if (Symbol.asyncIterator in elements) {
      const told = new Told(elements, signal)
      try {
        for (let next = await told.next(); !next.done; next = await told.next()) {
          yield [next.value]
          if (pace.due) await pace.turn()
        }
      } finally {
        await told.end()
      }
      return
    }
    // That of a detached array throws.
    const iterator = reading('ERR_DATA', 'the stream', () => elements[Symbol.iterator]())
    let block: T[] = []
    for (const element of { [Symbol.iterator]: () => iterator }) {
      block.push(element)
      if (block.length < blockSize) continue
      yield block
      block = []
      if (pace.due) await pace.turn()
    }
    yield block
  } catch (error) {
    throw theirs(error)
  }
}

/** All but the first `skip` elements. */
export async function* left<T>(blocks: PackedBlocks<T>, skip: number): AsyncGenerator<Block<T>> {
  let rest = skip
  for await (const block of blocks) {
    if (rest >= block.length) rest -= block.length
    else {
      const [place, from] = [placeOf(block), rest]
      yield rest === 0
        ? block
        : placed(
            block.slice(rest),
            moved(place, (at) => at + from),
          )
      rest = 0
    }
  }
}

/** The first `count` elements. */
export async function* first<T>(blocks: PackedBlocks<T>, count: number): AsyncGenerator<Block<T>> {
  let rest = count
  if (rest === 0) return
  for await (const block of blocks) {
    yield block.length <= rest ? block : placed(block.slice(0, rest), placeOf(block))
    rest -= block.length
    if (rest <= 0) return
  }
}

/** What a function makes of each element and its number, from one on. */
export async function* mapped<T, U>(
  blocks: PackedBlocks<T>,
  change: (element: T, index: number) => U | Promise<U>,
  from: number,
): AsyncGenerator<readonly U[]> {
  let index = from
  for await (const block of blocks) {
    const changed: U[] = []
    for (const element of block) {
      const value = callTheirs(() => change(element, index++))
      changed.push(value instanceof Promise ? await value : value)
    }
    yield placed(changed, placeOf(block))
  }
}

/** The elements that are to be kept. */
export async function* filtered<T>(
  blocks: PackedBlocks<T>,
  keep: (element: T) => boolean | Promise<boolean>,
): AsyncGenerator<Block<T>> {
  for await (const block of blocks) {
    const kept: T[] = []
    const from: number[] = []
    for (const [at, element] of block.entries()) {
      const wanted = callTheirs(() => keep(element))
      if (!(typeof wanted === 'boolean' ? wanted : await wanted)) continue
      kept.push(element)
      from.push(at)
    }
    yield placed(
      kept,
      moved(placeOf(block), (at) => from[at] as number),
    )
  }
}

/** Arrays of `size` consecutive elements, each `stride` after the one before. */
export async function* windows<T>(
  blocks: PackedBlocks<T>,
  size: number,
  stride: number,
): AsyncGenerator<readonly T[][]> {
  let kept: T[] = []
  let gap = 0
  for await (const block of blocks) {
    for (const element of block) kept.push(element)
    if (gap > 0) {
      const dropped = Math.min(gap, kept.length)
      kept = kept.slice(dropped)
      gap -= dropped
    }
    const made: T[][] = []
    let at = 0
    for (; at + size <= kept.length; at += stride) made.push(kept.slice(at, at + size))
    gap += Math.max(0, at - kept.length)
    kept = kept.slice(at)
    yield made
  }
}

/** Batches of `size` rows. */
export async function* batches<T>(
  blocks: PackedBlocks<T>,
  size: number,
  dropRemainder: boolean,
): AsyncGenerator<readonly unknown[]> {
  let rows: T[] = []
  for await (const block of blocks) {
    const made: unknown[] = []
    for (const row of block) {
      rows.push(row)
      if (rows.length < size) continue
      made.push(stacked(rows))
      rows = []
    }
    if (made.length > 0) yield made
  }
  if (rows.length > 0 && !dropRemainder) yield [stacked(rows)]
}

/** Elements drawn from a buffer of so many. */
export async function* shuffled<T>(blocks: PackedBlocks<T>, size: number, random: Random): AsyncGenerator<Block<T>> {
  const buffer = new RowList<T>()
  for await (const block of blocks) {
    const filling = Math.min(block.length, size - buffer.length)
    if (filling > 0) buffer.append(block.slice(0, filling))
    if (filling < block.length) yield buffer.exchange(filling > 0 ? block.slice(filling) : block, random)
  }
  for (let last = buffer.length - 1; last > 0; last--) buffer.swap(random(last + 1), last)
  yield* sliced(buffer, 0)
}

/** The same, asked for so many blocks ahead. */
export async function* ahead<B>(blocks: AsyncIterable<B>, count: number): AsyncGenerator<B> {
  const iterator = blocks[Symbol.asyncIterator]()
  const waiting: Promise<IteratorResult<B>>[] = []
  const ask = () => {
    const next = iterator.next()
    // Who takes it sees the error.
    next.catch(() => undefined)
    waiting.push(next)
  }
  try {
    while (waiting.length < count) ask()
    for (;;) {
      const next = await (waiting.shift() as Promise<IteratorResult<B>>)
      if (next.done) return
      ask()
      yield next.value
    }
  } finally {
    await iterator.return?.()
  }
}
