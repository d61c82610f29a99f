import { describe, reading, requireReadable, SeqloomError } from '../errors.js'
import { checkOptions, custom, isCallable, isRecord } from '../options.js'
import { type Blocks, blocksOf, sliced } from './blocks.js'
import { type ColumnOptions, columnRules, columnsRead, type Example, exampleOf, type TableRow } from './columns.js'
import type { TableOptions } from './csv.js'
import { Dataset, type Start } from './dataset.js'
import { type Files, matching, namedFiles } from './files.js'
import type { Streamed } from './tensor.js'
import { checkEncoding, standardInput } from './textFile.js'

/** Options of {@link csv}. */
export interface CsvOptions extends ColumnOptions, Pick<TableOptions, 'delimiter' | 'encoding'> {}

/** Options of {@link jsonLines} and {@link text}. */
export interface TextFileOptions extends Pick<TableOptions, 'encoding'> {}

const text_ = custom('a text', (v) => typeof v === 'string' && v !== '')

/** What is gone through by one function for each file after another. */
function ofFiles<T>(where: string, given: Files, read: (path: string, pass: number) => Blocks<T>): Dataset<T> {
  const paths = namedFiles(where, given)
  const name = paths.join(', ')
  let used = false
  return new Dataset<T>({
    name: paths.includes(standardInput) ? 'standard input' : name,
    once: paths.includes(standardInput),
    async *all(pass) {
      if (paths.includes(standardInput)) {
        if (used) throw goneThrough('standard input')
        used = true
      }
      for (const path of await matching(paths)) yield* read(path, pass)
    },
  })
}

const goneThrough = (name: string): SeqloomError =>
  new SeqloomError(
    'ERR_DATA',
    `${name} can be gone through only once; for several epochs, store it in a file, keep it in memory with .cache(), or give a function that opens it anew to data.from`,
  )

/**
 * The records of CSV files (RFC 4180, with a header line each), read bit by bit; names that end in `.gz` or `.zst` are
 * decompressed, those that end in `.tsv` separated by tabs. With `x`, and `y`, rows to train with; else objects of
 * texts. While it is gone through: `ERR_IO`; `ERR_DATA`, naming file and line, for what is broken, a missing column,
 * text where numbers are expected, and labels that are not among the `classes`.
 */
export function csv(
  files: Files,
  options: CsvOptions & { readonly x: NonNullable<ColumnOptions['x']> },
): Dataset<Example>
export function csv(files: Files, options?: CsvOptions): Dataset<Readonly<Record<string, string>>>
export function csv(
  files: Files,
  options: CsvOptions = {},
): Dataset<Example> | Dataset<Readonly<Record<string, string>>> {
  requireReadable('data.csv', options)
  checkOptions('data.csv', options, { accepted: { ...columnRules, delimiter: text_, encoding: text_ } })
  const { delimiter, encoding } = options
  if (encoding !== undefined) checkEncoding(encoding)
  const read = { ...(delimiter !== undefined && { delimiter }), ...(encoding !== undefined && { encoding }) }
  const [wanted, make] = [columnsRead(options), exampleOf('data.csv', options)]
  let header: string | undefined
  return ofFiles('data.csv', files, async function* (path) {
    const { csvBlocks } = await import('./csv.js')
    for await (const { rows, lines } of csvBlocks(path, wanted, read)) {
      const [first] = rows
      if (wanted === undefined && first !== undefined) header = sameColumns(path, Object.keys(first).join(), header)
      yield rows.map((row, at) => make(row, () => `${path}: line ${lines[at]}`))
    }
  }) as Dataset<Example>
}

function sameColumns(path: string, own: string, header: string | undefined): string {
  if (header === undefined || header === own) return own
  throw new SeqloomError('ERR_DATA', `${path} has the columns ${own}, the files before it ${header}`)
}

/**
 * The objects of files with one JSON object a line, as {@link csv}; without `x` they stay as they are. Lists of numbers
 * are sequences.
 */
export function jsonLines(
  files: Files,
  options: TextFileOptions & ColumnOptions & { readonly x: NonNullable<ColumnOptions['x']> },
): Dataset<Example>
export function jsonLines(files: Files, options?: TextFileOptions & ColumnOptions): Dataset<TableRow>
export function jsonLines(
  files: Files,
  options: TextFileOptions & ColumnOptions = {},
): Dataset<Example> | Dataset<TableRow> {
  requireReadable('data.jsonLines', options)
  checkOptions('data.jsonLines', options, { accepted: { ...columnRules, encoding: text_ } })
  const make = exampleOf('data.jsonLines', options)
  return ofFiles('data.jsonLines', files, async function* (path) {
    const { objectIn, streamLines } = await import('./jsonLines.js')
    let line = 0
    let rows: (TableRow | Example)[] = []
    for await (const written of streamLines(path, encodingOf(options))) {
      const place = `${path}: line ${++line}`
      if (written.trim() === '') continue
      rows.push(make(objectIn(place, written), () => place))
      if (rows.length < 256) continue
      yield rows
      rows = []
    }
    yield rows
  }) as Dataset<Example>
}

const encodingOf = ({ encoding }: TextFileOptions): TextFileOptions => {
  if (encoding === undefined) return {}
  checkEncoding(encoding)
  return { encoding }
}

/** The lines of text files, without their ends; compressed ones as for {@link csv}. */
export function text(files: Files, options: TextFileOptions = {}): Dataset<string> {
  requireReadable('data.text', options)
  checkOptions('data.text', options, { accepted: { encoding: text_ } })
  const own = encodingOf(options)
  return ofFiles('data.text', files, async function* (path) {
    const { streamLines } = await import('./jsonLines.js')
    let lines: string[] = []
    for await (const line of streamLines(path, own)) {
      lines.push(line)
      if (lines.length < 256) continue
      yield lines
      lines = []
    }
    yield lines
  })
}

/**
 * The rows of Parquet files, a few thousand at a time, columns that are not named left unread; as {@link csv}, without
 * `x` objects by column. All of the format's compressions are read.
 */
export function parquet(
  files: Files,
  options: ColumnOptions & { readonly x: NonNullable<ColumnOptions['x']> },
): Dataset<Example>
export function parquet(files: Files, options?: ColumnOptions): Dataset<TableRow>
export function parquet(files: Files, options: ColumnOptions = {}): Dataset<Example> | Dataset<TableRow> {
  requireReadable('data.parquet', options)
  checkOptions('data.parquet', options, { accepted: columnRules })
  const [wanted, make] = [columnsRead(options), exampleOf('data.parquet', options)]
  const paths = namedFiles('data.parquet', files)
  if (paths.includes(standardInput)) {
    throw new SeqloomError(
      'ERR_OPTION',
      'data.parquet: a Parquet file is read from its end, so it cannot be standard input',
    )
  }
  const from = async function* ({ skip }: Start) {
    const { parquetBlocks } = await import('./parquet.js')
    let left = skip
    for (const path of await matching(paths)) {
      for await (const { rows, first } of parquetBlocks(path, wanted, left)) {
        if (rows.length === 0) left -= first
        else yield rows.map((row, at) => make(row, () => `${path}: row ${first + at + 1}`))
      }
      if (left < 0) left = 0
    }
  }
  return new Dataset<TableRow | Example>({
    name: paths.join(', '),
    all: (pass) => from({ pass, skip: 0 }),
    from,
  }) as Dataset<Example>
}

/** The rows of Arrow files and streams (`.arrow`, `.feather`), as {@link csv}. Needs the package `apache-arrow`. */
export function arrow(
  files: Files,
  options: ColumnOptions & { readonly x: NonNullable<ColumnOptions['x']> },
): Dataset<Example>
export function arrow(files: Files, options?: ColumnOptions): Dataset<TableRow>
export function arrow(files: Files, options: ColumnOptions = {}): Dataset<Example> | Dataset<TableRow> {
  requireReadable('data.arrow', options)
  checkOptions('data.arrow', options, { accepted: columnRules })
  const make = exampleOf('data.arrow', options)
  return ofFiles('data.arrow', files, async function* (path) {
    const { arrowBlocks } = await import('./arrow.js')
    for await (const { rows, first } of arrowBlocks(path)) {
      yield rows.map((row, at) => make(row, () => `${path}: row ${first + at + 1}`))
    }
  }) as Dataset<Example>
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
export function query(
  sql: string,
  options: QueryOptions & { readonly x: NonNullable<ColumnOptions['x']> },
): Dataset<Example>
export function query(sql: string, options?: QueryOptions): Dataset<TableRow>
export function query(sql: string, options: QueryOptions = {}): Dataset<Example> | Dataset<TableRow> {
  requireReadable('data.query', options)
  checkOptions('data.query', options, { accepted: { ...columnRules, database: text_ } })
  if (typeof sql !== 'string' || sql.trim() === '') throw new SeqloomError('ERR_OPTION', 'data.query: expected SQL')
  const make = exampleOf('data.query', options)
  return new Dataset<TableRow | Example>({
    name: 'the query',
    async *all() {
      const { queryBlocks } = await import('./query.js')
      for await (const { rows, first } of queryBlocks(sql, options.database)) {
        yield rows.map((row, at) => make(row, () => `data.query: row ${first + at + 1}`))
      }
    },
  }) as Dataset<Example>
}

/** What {@link from} takes. */
export type From<T> =
  | AsyncIterable<T>
  | Iterable<T>
  | ReadableStream<T>
  | ((start: Start) => AsyncIterable<T> | Iterable<T>)

/**
 * The elements of an array, any iterable or async iterable, a Node.js or web stream, or of what a function returns,
 * which is called for every pass. With `seeks`, the function leaves out the first `skip` elements itself, so that a
 * resumed training need not go through them. Streams and iterators can be gone through once; that again is `ERR_DATA`.
 */
export function from<T>(source: From<T>, options: { readonly seeks?: boolean } = {}): Dataset<T> {
  requireReadable('data.from', options)
  checkOptions('data.from', options, { accepted: { seeks: custom('true or false', (v) => typeof v === 'boolean') } })
  return reading('ERR_DATA', 'data.from', () => opening(source, options.seeks ?? false))
}

function opening<T>(source: From<T>, seeks: boolean): Dataset<T> {
  if (source instanceof Dataset) return source as Dataset<T>
  const name = 'the stream'
  if (isCallable(source)) {
    const open = source as (start: Start) => AsyncIterable<T> | Iterable<T>
    const all = (start: Start): Blocks<T> => blocksOf(iterableOf<T>(open(start)))
    return new Dataset<T>({ name, all: (pass) => all({ pass, skip: 0 }), from: seeks ? all : undefined })
  }
  if (Array.isArray(source)) {
    const given = source as readonly T[]
    return new Dataset<T>({
      name: 'the array',
      all: () => sliced(given, 0),
      from: ({ skip }) => sliced(given, skip),
    })
  }
  const iterable = iterableOf<T>(source)
  const once = 'next' in iterable || 'pipe' in iterable || 'getReader' in (source as object)
  let used = false
  return new Dataset<T>({
    name,
    once,
    all: () => {
      if (once && used) throw goneThrough(name)
      used = true
      return blocksOf(iterable)
    },
  })
}

/** Whether a value gives rows or batches one after another, rather than being data itself. */
export function isStreamed(value: unknown): value is Streamed {
  try {
    if (value instanceof Dataset) return true
    if (!isRecord(value) || Array.isArray(value) || ArrayBuffer.isView(value)) return false
    return !('shape' in value) && (Symbol.asyncIterator in value || Symbol.iterator in value || 'getReader' in value)
  } catch {
    // A proxy that throws.
    return false
  }
}

function iterableOf<T>(source: unknown): AsyncIterable<T> | Iterable<T> {
  return reading('ERR_DATA', 'data.from', () => foundIn<T>(source))
}

function foundIn<T>(source: unknown): AsyncIterable<T> | Iterable<T> {
  if (Array.isArray(source)) return source
  if (isRecord(source)) {
    if (Symbol.asyncIterator in source) return source as unknown as AsyncIterable<T>
    if (Symbol.iterator in source) return source as unknown as Iterable<T>
    if ('next' in source && isCallable(source.next)) {
      return { [Symbol.asyncIterator]: () => source } as unknown as AsyncIterable<T>
    }
  }
  throw new SeqloomError('ERR_DATA', `data.from: expected an iterable, a stream or a function, not ${describe(source)}`)
}
