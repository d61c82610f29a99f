import { type Blocks, filtered, type PackedBlocks, shuffled, unpacked } from '../../data/blocks.js'
import { bucketed } from '../../data/buckets.js'
import { Dataset, type Start } from '../../data/dataset.js'
import { namingPlaces, placeOf } from '../../data/places.js'
import { randomOf } from '../../data/random.js'
import { isStreamed } from '../../data/sources.js'
import { type Spool, spooled } from '../../data/spool.js'
import { AbortError, SeqloomError } from '../../errors.js'
import { LowestRanks, rankOf, sizeIn } from './drawn.js'
import { finite, Gathered, gathered, type RowStream, type Rows } from './rows.js'
import type { Training } from './served.js'

/** How many bytes of rows are held in memory: those of small data sets, of a sample, of a validation part, of a buffer. */
const budget = 32 << 20

/** The most rows that are shuffled together, and the most that are held out. */
const mostRows = 10_000

/** What a training needs to know of the rows of a task that do not fit into memory. */
export interface SurveyOptions<Row> {
  /** Checks rows. `ERR_DATA`, naming a row by its number, from 0. */
  readonly check: (rows: readonly Row[]) => void
  /** Equal for rows of which not some may be trained on and others held out. */
  readonly keyOf: (row: Row) => string
  /** Rows to validate on, if they were given: none is held out then. */
  readonly given?: readonly Row[] | undefined
  /** The share of the rows to hold out otherwise. */
  readonly share: number
  readonly seed: number
  readonly signal: AbortSignal | undefined
  /** Is told of every row, or that a row counts after all as not trained on. */
  readonly count?: (row: Row, change: 1 | -1) => void
}

/** What one pass over rows has found out. */
export interface Survey<Row> {
  /** The rows to train on. */
  readonly training: Dataset<Row>
  /** How many there are. */
  readonly rows: number
  /** Some of them, drawn at random, from which vocabularies and scales are learned. */
  readonly sample: readonly Row[]
  /** Rows to validate on. */
  readonly held: readonly Row[]
  /** How many rows fit into a buffer. */
  readonly buffer: number
}

/**
 * Goes through rows once: checks and counts them, draws a sample and holds some out, all in bounded memory. What is
 * held out is decided by a hash of each row's key and the seed, so that every pass, and a resumed training, decides
 * alike.
 */
export async function survey<Row>(source: Dataset<Row>, options: SurveyOptions<Row>): Promise<Survey<Row>> {
  const { check, keyOf, given, seed, signal, count } = options
  const share = given ? 0 : options.share
  const sample = new LowestRanks<Row>(1, budget)
  const held = new LowestRanks<Row>(share, budget)
  const random = randomOf(seed, 0)
  const draw = (row: Row, size: number) => {
    const rank = random(2 ** 32) / 2 ** 32
    if (rank < sample.bound) sample.add(rank, row, size)
  }
  // A row that is held out takes at least its part of the budget.
  const least = budget / mostRows
  let [rows, bytes, kept] = [0, 0, 0]
  for await (const block of source.open({ pass: 0, skip: 0 })) {
    if (signal?.aborted) throw new AbortError(signal)
    if (block.length === 0) continue
    const [place, before] = [placeOf(block), rows]
    await namingPlaces((row) => place?.(row) ?? `${source.name}: row ${before + row}`, (async () => check(block))())
    for (const row of block) {
      const size = sizeIn(row)
      rows++
      bytes += size
      count?.(row, 1)
      const rank = share > 0 ? rankOf(keyOf(row), seed) : 1
      if (rank >= held.bound) {
        draw(row, size)
        continue
      }
      kept++
      for (const back of held.add(rank, row, Math.max(size, least))) {
        kept--
        draw(back, sizeIn(back))
      }
    }
  }
  if (rows === kept) throw new SeqloomError('ERR_DATA', `there are no rows to train on in ${source.name}`)
  const { bound } = held
  const values = held.values
  for (const row of values) count?.(row, -1)
  const all = (start: Start): PackedBlocks<Row> => {
    const blocks = source.openPacked(start)
    return bound > 0 && share > 0 ? filtered(blocks, (row) => rankOf(keyOf(row), seed) >= bound) : blocks
  }
  return {
    training: new Dataset<Row>({ name: source.name, all }),
    rows: rows - kept,
    sample: sample.values,
    held: given ?? values,
    buffer: Math.max(1, Math.min(mostRows, Math.floor((budget * rows) / bytes))),
  }
}

/** How rows become batches. */
export interface BatchesOptions<Row> {
  readonly batchSize: number
  readonly seed: number
  /** The length of a row, if rows of similar lengths are to come together. */
  readonly lengthOf?: (row: Row) => number
}

/** The batches of each pass, in an order that depends on the seed and the pass: what a function makes of some rows. */
export function batchesOf<Row>(
  { training, buffer }: Survey<Row>,
  { batchSize, seed, lengthOf }: BatchesOptions<Row>,
  make: (rows: readonly Row[]) => Promise<unknown>,
): Dataset<unknown> {
  const groups = async function* (start: Start): Blocks<readonly Row[]> {
    const { pass } = start
    const mixed = unpacked(shuffled(training.openPacked({ ...start, skip: 0 }), buffer, randomOf(seed, pass)))
    const together = Math.max(1, Math.floor(buffer / batchSize))
    const rows = lengthOf
      ? bucketed(mixed, batchSize, { bucketByLength: lengthOf as (row: never) => number, buffer: together, seed }, pass)
      : mixed
    let group: Row[] = []
    for await (const block of rows) {
      for (const row of block) {
        group.push(row)
        if (group.length < batchSize) continue
        yield [group]
        group = []
      }
    }
    if (group.length > 0) yield [group]
  }
  const from = async function* (start: Start): Blocks<unknown> {
    let left = start.skip
    for await (const [group] of groups(start)) {
      if (left > 0) left--
      else yield [await make(group as readonly Row[])]
    }
  }
  return new Dataset<unknown>({ name: training.name, batched: true, from })
}

/** How a task prepares a training. */
export interface Preparing<Row, Parts, T> {
  /** With all rows in memory. */
  readonly small: (rows: readonly Row[]) => Promise<Training<Parts, T>>
  /** With rows that are gone through again and again. */
  readonly large: (rows: Dataset<Row>) => Promise<Training<Parts, T>>
}

/**
 * Prepares a training on rows. Those of a stream are taken into memory if they are few, so that it makes no difference
 * where they came from. Others are gone through in each epoch; if that is possible only once, they are put into a file
 * first, which is there for as long as the training takes.
 */
export async function prepared<Row, Parts, T>(
  where: string,
  rows: Rows<Row>,
  signal: AbortSignal | undefined,
  { small, large }: Preparing<Row, Parts, T>,
): Promise<Training<Parts, T>> {
  if (!isStreamed(rows)) return await small(rows as readonly Row[])
  const source = finite(where, rows as RowStream<Row>)
  const found = new Gathered<Row>()
  const iterator = source.open({ pass: 0, skip: 0 })[Symbol.asyncIterator]()
  let ended = false
  try {
    for (let size = 0; size <= budget; ) {
      if (signal?.aborted) throw new AbortError(signal)
      const next = await iterator.next()
      ended = next.done === true
      if (next.done) break
      found.add(next.value)
      for (const row of next.value) size += sizeIn(row)
    }
    if (ended) {
      if (found.rows.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows in ${source.name}`)
      return await found.naming(small(found.rows))
    }
    if (source.once) {
      return await withSpool(await spooled(source.name, rest(found.rows, iterator, signal)), large)
    }
  } finally {
    if (!ended) await iterator.return?.()
  }
  return await large(source)
}

async function* rest<Row>(
  read: readonly Row[],
  iterator: AsyncIterator<readonly Row[]>,
  signal: AbortSignal | undefined,
): Blocks<Row> {
  for (let at = 0; at < read.length; at += 256) yield read.slice(at, at + 256)
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    if (signal?.aborted) throw new AbortError(signal)
    yield next.value
  }
}

async function withSpool<Row, Parts, T>(
  { dataset, close }: Spool<Row>,
  large: Preparing<Row, Parts, T>['large'],
): Promise<Training<Parts, T>> {
  try {
    const { parts, run } = await large(dataset)
    return { parts, run: () => run().finally(close) }
  } catch (error) {
    await close()
    throw error
  }
}

/** Rows to validate on that were given, in memory. */
export async function validationRows<Row>(
  where: string,
  rows: Rows<Row> | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Row[] | undefined> {
  if (!isStreamed(rows)) return rows as readonly Row[] | undefined
  return (await gathered(`${where}: validationData`, rows as RowStream<Row>, signal)).rows
}
