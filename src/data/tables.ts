import { requireReadable, SeqloomError } from '../errors.js'
import { checkOptions, custom, given, oneOf } from '../options.js'
import type { Block, PackedBlocks } from './blocks.js'
import { bytesOf, collected, isByteStream } from './bytes.js'
import type { ColumnPacking } from './columnPacking.js'
import {
  type ColumnOptions,
  columnRules,
  columnsRead,
  completeRows,
  type Example,
  examplesOf,
  type TableRow,
} from './columns.js'
import type { TableOptions } from './csv.js'
import { Dataset, type Start } from './dataset.js'
import { type Files, matching, namedFiles } from './files.js'
import { goneThrough, ofFiles } from './ofFiles.js'
import { PackedRows } from './packed.js'
import type { ParquetFile } from './parquet.js'
import { moved, type Place, placed } from './places.js'
import { checkEncoding, standardInput, streamBytes } from './textFile.js'

/** Options of {@link csv}. */
export interface CsvOptions extends ColumnOptions, Pick<TableOptions, 'delimiter' | 'encoding' | 'decimal'> {}

/** Options of {@link jsonLines} and `data.text`. */
export interface TextFileOptions extends Pick<TableOptions, 'encoding'> {}

/** @inline Column options with an input: rows to train with. */
type WithX<Options extends ColumnOptions> = Options & { readonly x: NonNullable<ColumnOptions['x']> }

/** Rows of a table, or what they make, packed, and where they are. */
interface PlacedRows {
  readonly rows: readonly TableRow[] | PackedRows<Example>
  readonly place: Place
}

const text_ = custom('a text', (v) => typeof v === 'string' && v !== '')

/** Rules of the options that say how texts are read. */
const textRules = { delimiter: text_, encoding: text_, decimal: oneOf(['.', ',']) }

/** The options of reading, checked. */
function readingOptions({ delimiter, encoding, decimal }: CsvOptions): TableOptions {
  if (encoding !== undefined) checkEncoding(encoding)
  return given({ delimiter, encoding, decimal } as TableOptions)
}

/** What makes examples, or objects, of the rows of a table. */
function placedExamples(where: string, options: ColumnOptions): (rows: PlacedRows) => Block<Example> {
  const make = examplesOf(where, options)
  const complete = options.dropMissing ? completeRows(options) : undefined
  return ({ rows, place }) => {
    if (rows instanceof PackedRows) return placed(rows, place)
    if (!complete) return placed(make(rows, place) as readonly Example[], place)
    const kept = complete(rows)
    const there = moved(place, (at) => kept[at] as number) as Place
    const some = kept.map((at) => rows[at] as TableRow)
    return placed(make(some, there) as readonly Example[], there)
  }
}

/** The rows of tables that are read from their beginning. */
function tables<Options extends ColumnOptions>(
  where: string,
  files: Files,
  options: Options,
  rules: Parameters<typeof checkOptions>[2]['accepted'],
  read: (path: string, how: ReturnType<typeof readingOptions>) => AsyncIterable<PlacedRows>,
): Dataset<Example> {
  requireReadable(where, options)
  checkOptions(where, options, { accepted: { ...columnRules, ...rules } })
  const [make, how] = [placedExamples(where, options), readingOptions(options)]
  return ofFiles(where, files, async function* (path, given) {
    for await (const rows of read(path, { ...how, ...given })) yield make(rows)
  })
}

/**
 * The records of CSV files (RFC 4180, with a header line each), read bit by bit; names that end in `.gz` or `.zst` are
 * decompressed, those that end in `.tsv` separated by tabs. With `x`, and `y`, rows to train with; else objects of
 * texts. Instead of files, a stream of a file's bytes: that of `createReadStream`, or the body of a response. While it is gone through: `ERR_IO`; `ERR_DATA`, naming file and line, for what is broken, a missing column,
 * what is no finite number where numbers are expected, a column with decimal points and
 * decimal commas, and labels that are not among the `classes`.
 */
export function csv(files: Files, options: WithX<CsvOptions>): Dataset<Example>
export function csv(files: Files, options?: CsvOptions): Dataset<Readonly<Record<string, string>>>
export function csv(files: Files, options: CsvOptions = {}): Dataset<Example> | Dataset<Record<string, string>> {
  let header: string | undefined
  // All files and passes have the same, so that their rows go together.
  let packing: ColumnPacking | undefined
  return tables('data.csv', files, options, textRules, async function* (path, how) {
    const [{ csvBlocks, csvPlace }, { packingOf }] = await Promise.all([
      import('./csv.js'),
      import('./columnPacking.js'),
    ])
    packing ??= packingOf(options)
    const wanted = columnsRead(options)
    for await (const block of csvBlocks(path, wanted, how, packing)) {
      const { rows } = block
      const first = rows.at(0)
      if (wanted === undefined && first !== undefined) header = sameColumns(path, Object.keys(first).join(), header)
      yield { rows, place: csvPlace(path, block, how) }
    }
  })
}

function sameColumns(path: string, own: string, header: string | undefined): string {
  if (header === undefined || header === own) return own
  throw new SeqloomError('ERR_DATA', `${path} has the columns ${own}, the files before it ${header}`)
}

/**
 * The objects of files with one JSON object a line, as {@link csv}; without `x` they stay as they are. Lists of numbers
 * are sequences.
 */
export function jsonLines(files: Files, options: WithX<TextFileOptions & ColumnOptions>): Dataset<Example>
export function jsonLines(files: Files, options?: TextFileOptions & ColumnOptions): Dataset<TableRow>
export function jsonLines(
  files: Files,
  options: TextFileOptions & ColumnOptions = {},
): Dataset<Example> | Dataset<TableRow> {
  return tables('data.jsonLines', files, options, { encoding: text_ }, async function* (path, how) {
    const { objectBlocks } = await import('./jsonLines.js')
    for await (const { rows, lines } of objectBlocks(path, how)) {
      yield { rows, place: (at) => `${path}: line ${lines[at]}` }
    }
  }) as Dataset<Example> | Dataset<TableRow>
}

/**
 * The rows of Parquet files, a few thousand at a time, columns that are not named left unread; as {@link csv}, without
 * `x` objects by column. All of the format's compressions are read. As such a file is read from its end, a stream of its
 * bytes is collected in memory, once for all passes (`ERR_MEMORY`).
 */
export function parquet(files: Files, options: WithX<ColumnOptions>): Dataset<Example>
export function parquet(files: Files, options?: ColumnOptions): Dataset<TableRow>
export function parquet(files: Files, options: ColumnOptions = {}): Dataset<Example> | Dataset<TableRow> {
  requireReadable('data.parquet', options)
  checkOptions('data.parquet', options, { accepted: columnRules })
  const [wanted, make] = [columnsRead(options), placedExamples('data.parquet', options)]
  const { name, sources } = parquetSources(files)
  const from = async function* ({ skip, signal }: Start): PackedBlocks<Example> {
    const { parquetBlocks } = await import('./parquet.js')
    let left = skip
    for (const source of await sources(signal)) {
      const named = typeof source === 'string' ? source : source.name
      for await (const { rows, first } of parquetBlocks(source, wanted, left)) {
        if (rows.length === 0) left -= first
        else yield make({ rows, place: (at) => `${named}: row ${first + at + 1}` })
      }
      if (left < 0) left = 0
    }
  }
  const size = async () => {
    const { parquetRows } = await import('./parquet.js')
    let count = 0
    for (const source of await sources()) count += await parquetRows(source)
    return count
  }
  return new Dataset<Example>({ name, from, size })
}

/** The Parquet files that are meant; a stream's bytes are collected, and kept for further passes. */
function parquetSources(files: Files): {
  readonly name: string
  readonly sources: (signal?: AbortSignal) => Promise<readonly ParquetFile[]>
} {
  if (isByteStream('data.parquet', files)) {
    const name = 'the stream'
    let kept: Promise<Uint8Array> | undefined
    return {
      name,
      sources: async (signal) => {
        const isFirst = kept === undefined
        kept ??= collected(name, streamBytes(name, { opened: bytesOf(name, files, signal) }), signal)
        try {
          return [{ name, bytes: await kept }]
        } catch (error) {
          throw isFirst ? error : goneThrough(name)
        }
      },
    }
  }
  const paths = namedFiles('data.parquet', files)
  if (paths.includes(standardInput)) {
    throw new SeqloomError(
      'ERR_OPTION',
      'data.parquet: a Parquet file is read from its end, so it cannot be standard input',
    )
  }
  return { name: paths.join(', '), sources: () => matching(paths) }
}

/** The rows of Arrow files and streams (`.arrow`, `.feather`), as {@link csv}. Needs the package `apache-arrow`. */
export function arrow(files: Files, options: WithX<ColumnOptions>): Dataset<Example>
export function arrow(files: Files, options?: ColumnOptions): Dataset<TableRow>
export function arrow(files: Files, options: ColumnOptions = {}): Dataset<Example> | Dataset<TableRow> {
  return tables('data.arrow', files, options, {}, async function* (path, how) {
    const { arrowBlocks } = await import('./arrow.js')
    for await (const { rows, first } of arrowBlocks(path, how)) {
      yield { rows, place: (at) => `${path}: row ${first + at + 1}` }
    }
  }) as Dataset<Example> | Dataset<TableRow>
}

/** Options of {@link query}. */
export interface QueryOptions extends ColumnOptions {
  /** The database file of DuckDB; default one in memory, for queries of files. */
  readonly database?: string
}

/**
 * The rows that a query in SQL gives, as {@link csv}, by DuckDB, which reads tables, Parquet, CSV, JSON and other
 * databases: `data.query("SELECT a, b, label FROM 'logs/*.parquet' WHERE a > 0", { x: ['a', 'b'], y: 'label' })`. Say
 * `ORDER BY` where the order matters, as it does for resuming. Needs the package `@duckdb/node-api`.
 */
export function query(sql: string, options: WithX<QueryOptions>): Dataset<Example>
export function query(sql: string, options?: QueryOptions): Dataset<TableRow>
export function query(sql: string, options: QueryOptions = {}): Dataset<Example> | Dataset<TableRow> {
  requireReadable('data.query', options)
  checkOptions('data.query', options, { accepted: { ...columnRules, database: text_ } })
  if (typeof sql !== 'string' || sql.trim() === '') throw new SeqloomError('ERR_OPTION', 'data.query: expected SQL')
  const make = placedExamples('data.query', options)
  return new Dataset<Example>({
    name: 'the query',
    async *all() {
      const { queryBlocks } = await import('./query.js')
      for await (const { rows, first } of queryBlocks(sql, options.database)) {
        yield make({ rows, place: (at) => `data.query: row ${first + at + 1}` })
      }
    },
  })
}
