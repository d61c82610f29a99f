import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { writtenByFirst } from '../distributed.js'
import { AbortError, describe, reading, requireReadable, SeqloomError } from '../errors.js'
import { checkReplaceable, replaceNamed } from '../files.js'
import { abortSignal, checkOptions, flag, isRecord } from '../options.js'
import { absolutePathOf } from '../path.js'
import { isFirst } from '../rank.js'
import type { Blocks } from './blocks.js'
import type { TableRow } from './columns.js'
import { uncompressed } from './compressed.js'
import { type From, from } from './sources.js'

/** Options of {@link write}. */
export interface WriteOptions {
  /** Whether to replace a file that is there; default false, which rejects with `ERR_IO`. */
  readonly overwrite?: boolean
  /** Stops writing, which rejects with an AbortError. */
  readonly signal?: AbortSignal
}

/**
 * Writes rows, which are objects, into a file as they come, in bounded memory: CSV (`.csv`, `.tsv`), JSON lines
 * (`.jsonl`, `.ndjson`), these with gzip if the name ends in `.gz`, or Parquet (`.parquet`). The columns are those of
 * the first row; values other than texts, numbers and truth values are written as their JSON, save in JSON lines. The
 * file appears at once when all is written; where the name is that of a symbolic link, the file that it leads to.
 *
 * ```ts
 * const texts = data.csv('mails.csv').map(({ text }) => text)
 * await data.write(classifier.predict(texts), 'labels.parquet') // text, label, probability, probabilities
 * ```
 *
 * Resolves to the number of rows. Rejects with `ERR_OPTION` for another ending, `ERR_DATA`, naming the row, for rows
 * with other columns, for texts in a column of a Parquet file that has numbers or truth values in its first 8192 rows, and for a CSV or Parquet file without rows, which would have no columns, `ERR_IO`, also for a file
 * that is there, what the source throws, and an AbortError. Of several ranks, rank 0 alone writes; all go through the
 * rows, and the promises of all resolve once the file is there.
 */
export async function write(rows: From<object>, file: string | URL, options: WriteOptions = {}): Promise<number> {
  const where = 'data.write'
  requireReadable(where, options)
  checkOptions(where, options, { accepted: { overwrite: flag, signal: abortSignal } })
  const path = absolutePathOf(`${where}: file`, file)
  const format = formatOf(where, path)
  return await writtenByFirst(where, () => writeRows(where, rows, path, format, options))
}

async function writeRows(
  where: string,
  rows: From<object>,
  path: string,
  format: Format,
  options: WriteOptions,
): Promise<number> {
  if (isFirst()) await checkReplaceable(path, options.overwrite ?? false)
  const source = from(rows)
  let count = 0
  let failure: { readonly error: unknown } | undefined
  async function* counted(): Blocks<TableRow> {
    try {
      for await (const block of source.open({ pass: 0, skip: 0 })) {
        if (options.signal?.aborted) throw new AbortError(options.signal)
        const wrong = block.findIndex((row) => !isRecord(row) || Array.isArray(row))
        if (wrong >= 0) {
          throw new SeqloomError(
            'ERR_DATA',
            `${where}: row ${count + wrong} must be an object, not ${describe(block[wrong])}`,
          )
        }
        if (block.length > 0) yield block as readonly TableRow[]
        count += block.length
      }
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  const bytes = format(counted())
  try {
    if (!isFirst()) for await (const _ of bytes);
    else await replaceNamed(path, /\.gz$/i.test(path) ? gzipped(bytes) : bytes)
  } catch (error) {
    // What a source throws is no failure of the file.
    throw failure ? failure.error : error
  }
  return count
}

/** Whether a file of this name is written as JSON lines, in which a field may hold others. */
export const holdsJsonLines = (path: string): boolean => /\.(jsonl|ndjson)(\.gz)?$/i.test(path)

type Format = (rows: Blocks<TableRow>) => AsyncIterable<Uint8Array>

function formatOf(where: string, path: string): Format {
  const name = /\.gz$/i.test(path) ? uncompressed(path) : path.toLowerCase()
  if (holdsJsonLines(path)) return (rows) => jsonBytes(where, rows)
  if (name.endsWith('.csv')) return (rows) => separated(where, rows, ',')
  if (name.endsWith('.tsv')) return (rows) => separated(where, rows, '\t')
  if (name.endsWith('.parquet') && !/\.gz$/i.test(path)) return (rows) => parquetBytes(where, rows)
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: the name must end in .csv, .tsv, .jsonl or .ndjson, with .gz or without, or in .parquet, not ${describe(path)}`,
  )
}

async function* gzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip()
  pipeline(Readable.from(bytes), gzip, () => {})
  yield* gzip
}

async function* jsonBytes(where: string, rows: Blocks<TableRow>): AsyncGenerator<Uint8Array> {
  let count = 0
  for await (const block of rows) {
    const lines = block.map((row, at) =>
      reading('ERR_DATA', `${where}: row ${count + at}`, () => `${JSON.stringify(row)}\n`),
    )
    yield Buffer.from(lines.join(''))
    count += block.length
  }
}

/** A value of a cell: what is not plain as its JSON, typed arrays as lists. */
function plain(value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint') return String(value)
  if (['string', 'number', 'boolean'].includes(typeof value)) return value as string
  if (value instanceof Date) return value.toJSON()
  return JSON.stringify(ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value) ?? null
}

/** The values of rows by column. */
async function* columnsOf(
  where: string,
  rows: Blocks<TableRow>,
): AsyncGenerator<{ readonly names: readonly string[]; readonly cells: ReturnType<typeof plain>[][] }> {
  let names: readonly string[] | undefined
  let count = 0
  for await (const block of rows) {
    names ??= Object.keys(block[0] as TableRow)
    const known: readonly string[] = names
    const cells = block.map((row, at) => {
      const other = Object.keys(row).find((name) => !known.includes(name))
      if (other !== undefined) {
        throw new SeqloomError(
          'ERR_DATA',
          `${where}: row ${count + at} has ${describe(other)}, unlike the first row, which has ${known.map(describe).join(', ')}`,
        )
      }
      return reading('ERR_DATA', `${where}: row ${count + at}`, () => known.map((name) => plain(row[name])))
    })
    yield { names, cells }
    count += block.length
  }
}

async function* separated(where: string, rows: Blocks<TableRow>, delimiter: string): AsyncGenerator<Uint8Array> {
  // Other delimiters are quoted, too, so that readers find the comma.
  const special = delimiter === ',' ? /[",;|\t\r\n]|^\s|\s$|^$/ : /[\t\r\n]/
  const cell = (value: ReturnType<typeof plain>): string => {
    if (value === null) return ''
    const text = String(value)
    if (!special.test(text)) return text
    if (delimiter === ',') return `"${text.replaceAll('"', '""')}"`
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${describe(text)} holds a tab or a line end, which a .tsv file cannot`,
    )
  }
  const line = (values: readonly ReturnType<typeof plain>[]) => `${values.map(cell).join(delimiter)}\n`
  let begun = false
  for await (const { names, cells } of columnsOf(where, rows)) {
    if (names[0]?.startsWith('sep=')) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: readers of tables take a first column ${describe(names[0])} for a delimiter`,
      )
    }
    yield Buffer.from((begun ? '' : line(names)) + cells.map(line).join(''))
    begun = true
  }
  if (!begun) throw withoutColumns(where)
}

/** How many rows a row group has. */
const groupRows = 8192

async function* parquetBytes(where: string, rows: Blocks<TableRow>): AsyncGenerator<Uint8Array> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer')
  const bytes = new ByteWriter()
  const taken = (): Uint8Array => {
    const { buffer, index } = bytes as unknown as { buffer: ArrayBuffer; index: number }
    const part = new Uint8Array(buffer.slice(0, index))
    ;(bytes as unknown as { index: number }).index = 0
    return part
  }
  type Kind = 'STRING' | 'DOUBLE' | 'BOOLEAN'
  let writer: InstanceType<typeof ParquetWriter> | undefined
  let [names, kinds]: [readonly string[], Kind[]] = [[], []]
  let pending: ReturnType<typeof plain>[][] = []
  let written = 0
  const flush = () => {
    const columnData = names.map((name, at) => ({
      ...{ name, type: kinds[at] as Kind, nullable: true },
      data: pending.map((cells, row) =>
        inColumn(`${where}: row ${written + row}: ${describe(name)}`, cells[at] ?? null, kinds[at] as Kind),
      ),
    }))
    written += pending.length
    writer ??= new ParquetWriter({ writer: bytes, schema: schemaFromColumnData({ columnData }) })
    writer.write({ columnData, rowGroupSize: groupRows })
    pending = []
    return taken()
  }
  for await (const { names: known, cells } of columnsOf(where, rows)) {
    names = known
    for (const row of cells) pending.push(row)
    if (pending.length < groupRows) continue
    if (kinds.length === 0) kinds = kindsOf(names, pending)
    yield flush()
  }
  if (names.length === 0) throw withoutColumns(where)
  if (kinds.length === 0) kinds = kindsOf(names, pending)
  if (pending.length > 0) yield flush()
  writer?.finish()
  yield taken()
}

const withoutColumns = (where: string): SeqloomError =>
  new SeqloomError('ERR_DATA', `${where}: without rows there are no columns; a .jsonl file may be empty`)

/** The types of columns, by the first rows. */
function kindsOf(names: readonly string[], rows: readonly (readonly ReturnType<typeof plain>[])[]) {
  return names.map((_, at) => {
    const values = rows.map((cells) => cells[at]).filter((value) => value !== null)
    if (values.length > 0 && values.every((value) => typeof value === 'number')) return 'DOUBLE' as const
    return values.length > 0 && values.every((value) => typeof value === 'boolean')
      ? ('BOOLEAN' as const)
      : ('STRING' as const)
  })
}

/** A value of a column of some type; `ERR_DATA` for one that the first rows did not foresee, save in columns of texts. */
function inColumn(where: string, value: ReturnType<typeof plain>, kind: 'STRING' | 'DOUBLE' | 'BOOLEAN') {
  if (value === null) return null
  if (kind === 'STRING') return String(value)
  if (typeof value === (kind === 'DOUBLE' ? 'number' : 'boolean')) return value
  const values = kind === 'DOUBLE' ? 'numbers' : 'truth values'
  throw new SeqloomError(
    'ERR_DATA',
    `${where} is ${describe(value)}, where the first ${groupRows} rows have ${values}: make texts of them all`,
  )
}
