import { callTheirs } from '../errors.js'
import type { Block, PackedBlocks } from './blocks.js'
import { RowList } from './packed.js'

/** Which rows a rank works on: its share of each batch. */
export interface Wanted {
  /** Rows of a batch. */
  readonly size: number
  readonly rank: number
  /** How many ranks there are. */
  readonly ranks: number
}

/** Where a rank's share begins of what ranks share out in order. */
export const shareStart = (of: number, rank: number, ranks: number): number => Math.floor((of * rank) / ranks)

/** The rows of a batch that a rank works on. */
export interface Part<T> {
  readonly rows: Block<T>
  /** The number of the first of them in the pass. */
  readonly first: number
  /** How many rows the batch has on all ranks together. */
  readonly of: number
}

/** Cuts rows, the first of which has the number `first`, into batches, and takes a rank's part of each. */
export async function* parts<T>(
  blocks: PackedBlocks<T>,
  { size, rank, ranks }: Wanted,
  first: number,
): AsyncGenerator<Part<T>> {
  let at = first
  let batch = new RowList<T>(size)
  const own = (): Part<T> => {
    const of = batch.length
    const [from, to] = [shareStart(of, rank, ranks), shareStart(of, rank + 1, ranks)]
    // A rank for which there is no row works on the first one, which then does not count.
    const [begin, end] = from < to ? [from, to] : [0, 1]
    const part = { rows: batch.slice(begin, end), first: at + begin, of }
    at += of
    batch = new RowList<T>(size)
    return part
  }
  for await (const block of blocks) {
    for (let from = 0; from < block.length; ) {
      const to = Math.min(block.length, from + size - batch.length)
      batch.append(from === 0 && to === block.length ? block : block.slice(from, to))
      from = to
      if (batch.length === size) yield own()
    }
  }
  if (batch.length > 0) yield own()
}

/** What a function makes of each row of the parts and its number. */
export async function* mappedParts<T, U>(
  given: AsyncIterable<Part<T>>,
  change: (element: T, index: number) => U | Promise<U>,
): AsyncGenerator<Part<U>> {
  for await (const { rows, first, of } of given) {
    const changed: U[] = []
    let index = first
    for (const element of rows) {
      const value = callTheirs(() => change(element, index++))
      changed.push(value instanceof Promise ? await value : value)
    }
    yield { rows: changed, first, of }
  }
}
