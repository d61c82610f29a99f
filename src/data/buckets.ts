import { callTheirs } from '../errors.js'
import { isRecord } from '../options.js'
import type { PackedBlocks } from './blocks.js'
import { randomOf } from './random.js'

/** How rows of similar lengths come together. */
export interface BucketOptions {
  /**
   * Whether batches hold rows of similar lengths, or what gives the length of a row. Default false; with true, the
   * length of `x`.
   */
  readonly bucketByLength?: boolean | ((row: never) => number)
  /** How many batches' rows are sorted together; default 128. */
  readonly buffer?: number
  /** Determines the order of their batches, with the number of the pass; default 0. */
  readonly seed?: number
}

/** The length of a row's first sequence. */
function lengthOf(row: unknown): number {
  const x = isRecord(row) && 'x' in row ? row.x : Array.isArray(row) ? row[0] : row
  const sequence = isRecord(x) && !('length' in x) ? Object.values(x)[0] : x
  return (sequence as { readonly length?: number } | undefined)?.length ?? 0
}

/** Rows in an order in which consecutive ones make up batches of similar lengths. */
export async function* bucketed<T>(
  blocks: PackedBlocks<T>,
  size: number,
  { bucketByLength, buffer = 128, seed = 0 }: BucketOptions,
  pass: number,
): AsyncGenerator<readonly T[]> {
  const length = typeof bucketByLength === 'function' ? (bucketByLength as (row: unknown) => number) : lengthOf
  const random = randomOf(seed, pass)
  const sorted = (rows: readonly T[]): T[] => {
    const ordered = rows
      .map((row, at) => ({ row, at, length: callTheirs(() => length(row)) }))
      .sort((a, b) => a.length - b.length || a.at - b.at)
      .map(({ row }) => row)
    const batches = Array.from({ length: Math.floor(ordered.length / size) }, (_, at) =>
      ordered.slice(at * size, (at + 1) * size),
    )
    for (let last = batches.length - 1; last > 0; last--) {
      const at = random(last + 1)
      const taken = batches[at] as T[]
      batches[at] = batches[last] as T[]
      batches[last] = taken
    }
    // A smaller batch stays the last.
    return [...batches.flat(), ...ordered.slice(batches.length * size)]
  }
  let rows: T[] = []
  for await (const block of blocks) {
    for (const row of block) rows.push(row)
    while (rows.length >= size * buffer) {
      yield sorted(rows.slice(0, size * buffer))
      rows = rows.slice(size * buffer)
    }
  }
  if (rows.length > 0) yield sorted(rows)
}
