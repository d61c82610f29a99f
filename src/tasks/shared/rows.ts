import type { TableRow } from '../../data/columns.js'
import { Dataset } from '../../data/dataset.js'
import { namingPlaces, type Place, placed, placeOf } from '../../data/places.js'
import { from, isStreamed } from '../../data/sources.js'
import { AbortError, describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** Rows that come one after another: a `Dataset`, any other iterable or async iterable, or a stream. */
export type RowStream<Row> = AsyncIterable<Row> | (Iterable<Row> & { readonly length?: never }) | ReadableStream<Row>

/** @inline Rows: an array, or what gives them one after another, such as `data.csv`, whose columns are not known to types. */
export type Rows<Row> = readonly Row[] | RowStream<Row> | RowStream<TableRow>

/** Throws `ERR_DATA` unless `list` is a non-empty array. */
export function checkList(where: string, what: string, list: readonly unknown[]): void {
  if (!Array.isArray(list)) {
    throw notRows(where, what, list)
  }
  checkNotEmpty(where, list)
}

/** What is said of anything but rows; of the name of a file, how files are read. */
export function notRows(where: string, what: string, given: unknown): SeqloomError {
  const cure = typeof given === 'string' ? '; data.csv, data.jsonLines and the like read files' : ''
  return new SeqloomError('ERR_DATA', `${where}: expected an array of ${what}, not ${describe(given)}${cure}`)
}

/** A row as it was given, for errors. */
export function describeRow(row: unknown): string {
  if (!isRecord(row) || Array.isArray(row)) return describe(row)
  const fields = Object.entries(row).slice(0, 4)
  return `{ ${fields.map(([name, value]) => `${name}: ${describe(value)}`).join(', ')} }`
}

/** `ERR_DATA` for a list without rows. */
export function checkNotEmpty(where: string, list: readonly unknown[]): void {
  if (list.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows`)
}

/** Rows of a stream that are in memory, with where each was read. */
export class Gathered<Row> {
  readonly rows: Row[] = []
  /** What stands before the decimals of numbers in texts: of files that differ, any that is not a point. */
  decimal: Place['decimal']
  readonly #blocks: { readonly first: number; readonly place: Place | undefined }[] = []

  /** Adds a block of a data set. */
  add(block: readonly Row[]): void {
    const place = placeOf(block)
    this.#blocks.push({ first: this.rows.length, place })
    if (this.decimal === undefined || this.decimal === '.') this.decimal = place?.decimal ?? this.decimal
    for (const row of block) this.rows.push(row)
  }

  /** The rows as a data set, which says where each was read. */
  dataset(name: string): Dataset<Row> {
    const rows = this.rows
    const blocks = this.#blocks
    return new Dataset<Row>({
      name,
      async *all() {
        for (const [at, { first, place }] of blocks.entries()) {
          yield placed(rows.slice(first, blocks[at + 1]?.first), place)
        }
      },
    })
  }

  /** Waits for work on the rows; an error that names one names its place. */
  async naming<T>(work: Promise<T>): Promise<T> {
    return await namingPlaces((row) => {
      const block = this.#blocks.findLast(({ first }) => first <= row)
      return block?.place?.(row - block.first)
    }, work)
  }
}

/** All rows of a stream; `ERR_DATA`, naming it, for one without rows or without an end. */
export async function gathered<Row>(
  where: string,
  rows: RowStream<Row>,
  signal: AbortSignal | undefined,
): Promise<Gathered<Row>> {
  const source = finite(where, rows)
  const found = new Gathered<Row>()
  for await (const block of source.open({ pass: 0, skip: 0 })) {
    if (signal?.aborted) throw new AbortError(signal)
    found.add(block)
  }
  if (found.rows.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows in ${source.name}`)
  return found
}

/** A stream as a data set. `ERR_OPTION` for one that never ends. */
export function finite<Row>(where: string, rows: RowStream<Row>): Dataset<Row> {
  const source = from(rows as never) as Dataset<Row>
  if (!source.endless) return source
  throw new SeqloomError('ERR_OPTION', `${where}: the rows never end; take(n) gives the first ones`)
}

/** Does work on rows, those of a stream once all are in memory. */
export async function withRows<Row, T>(
  where: string,
  rows: Rows<Row>,
  signal: AbortSignal | undefined,
  work: (rows: readonly Row[], decimal: Place['decimal']) => Promise<T>,
): Promise<T> {
  if (!isStreamed(rows)) return await work(rows as readonly Row[], undefined)
  const found = await gathered(where, rows as RowStream<Row>, signal)
  return await found.naming(work(found.rows, found.decimal))
}
