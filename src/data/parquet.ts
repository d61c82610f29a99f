import { SeqloomError } from '../errors.js'
import { openNamed } from '../files.js'
import type { TableRow } from './columns.js'
import { setField } from './fields.js'

/** Rows of a file, and the number of the first, from 0. */
export interface NumberedRows {
  readonly rows: readonly TableRow[]
  readonly first: number
}

const rowsAtOnce = 4096

/** A text may begin with U+FEFF, which the library's own reading takes for a byte order mark. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const parsers = { stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes) }

function namedRow(names: readonly string[], values: readonly unknown[]): TableRow {
  const row: Record<string, unknown> = {}
  for (let at = 0; at < names.length; at++) setField(row, names[at] as string, values[at])
  return row
}

/** A Parquet file: by its path, or its bytes, which have a name for messages. */
export type ParquetFile = string | { readonly name: string; readonly bytes: Uint8Array }

/** What is read of a Parquet file, which is from its end on. */
interface Opened {
  readonly byteLength: number
  slice(start: number, end?: number): Promise<ArrayBuffer>
  close(): Promise<void>
}

async function opened(source: ParquetFile): Promise<Opened> {
  if (typeof source !== 'string') {
    const { bytes } = source
    return {
      byteLength: bytes.length,
      slice: async (start, end) => Uint8Array.prototype.slice.call(bytes, start, end).buffer,
      close: async () => {},
    }
  }
  const file = await openNamed(source)
  try {
    const { size } = await file.stat()
    return {
      byteLength: size,
      slice: async (start, end = size) => {
        const buffer = new ArrayBuffer(Math.max(0, end - start))
        const { bytesRead } = await file.read(new Uint8Array(buffer), 0, buffer.byteLength, start)
        return bytesRead === buffer.byteLength ? buffer : buffer.slice(0, bytesRead)
      },
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** How many rows a Parquet file has. */
export async function parquetRows(source: ParquetFile): Promise<number> {
  for await (const { first } of parquetBlocks(source, undefined, Number.POSITIVE_INFINITY)) return first
  return 0
}

/** The rows of a Parquet file from one on; if it has no more than these, one block without rows says how many it has. */
export async function* parquetBlocks(
  source: ParquetFile,
  columns: readonly string[] | undefined,
  skip: number,
): AsyncGenerator<NumberedRows> {
  const [{ parquetMetadataAsync, parquetRead, parquetSchema }, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet-compressors'),
  ])
  const path = typeof source === 'string' ? source : source.name
  const file = await opened(source)
  try {
    const metadata = await parquetMetadataAsync(file)
    const names = parquetSchema(metadata).children.map(({ element }) => element.name)
    const missing = columns?.find((column) => !names.includes(column))
    if (missing !== undefined) {
      throw new SeqloomError('ERR_DATA', `${path} has no column '${missing}'; its columns are ${names.join(', ')}`)
    }
    const total = Number(metadata.num_rows)
    if (skip >= total) {
      yield { rows: [], first: total }
      return
    }
    // A row group is decompressed as a whole whatever is read of it, so that each is read in few pieces.
    let group = 0
    for (const { num_rows } of metadata.row_groups) {
      const end = group + Number(num_rows)
      const step = Math.max(rowsAtOnce, Math.ceil((end - group) / 8))
      for (let at = Math.max(group, skip); at < end; at += step) {
        const [rowStart, rowEnd] = [at, Math.min(end, at + step)]
        const selected = columns ? { columns: [...columns] } : {}
        let found: readonly (readonly unknown[])[] = []
        const onComplete = (rows: unknown[][]) => {
          found = rows
        }
        // Rows as arrays: the library's objects would lack a column called `__proto__`.
        const how = { rowFormat: 'array' as const, parsers, ...selected }
        await parquetRead({ file, metadata, compressors, rowStart, rowEnd, onComplete, ...how })
        yield { rows: found.map((row) => namedRow(columns ?? names, row)), first: at }
      }
      group = end
    }
    if (skip > 0) yield { rows: [], first: skip }
  } catch (error) {
    if (error instanceof SeqloomError) throw error
    throw new SeqloomError('ERR_DATA', `${path} cannot be read as Parquet: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    await file.close()
  }
}
