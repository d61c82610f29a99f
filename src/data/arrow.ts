import { AbortError, SeqloomError } from '../errors.js'
import { optionalPackage } from './optional.js'
import type { NumberedRows } from './parquet.js'
import { streamBytes, type TextOptions } from './textFile.js'

/** What we use of `apache-arrow`. */
interface Arrow {
  readonly RecordBatchReader: {
    from(
      source: AsyncIterable<Uint8Array>,
    ): Promise<AsyncIterable<{ toArray(): Iterable<readonly [string, unknown]>[] }>>
  }
}

/** The rows of an Arrow file or stream, a record batch at a time. */
export async function* arrowBlocks(
  path: string,
  how: Pick<TextOptions, 'signal' | 'opened'> = {},
): AsyncGenerator<NumberedRows> {
  const { RecordBatchReader } = optionalPackage<Arrow>('apache-arrow', 'data.arrow')
  const bytes = streamBytes(path, how)
  let first = 0
  try {
    for await (const batch of await RecordBatchReader.from(bytes)) {
      const rows = batch.toArray().map((row) => Object.fromEntries(row))
      yield { rows, first }
      first += rows.length
    }
  } catch (error) {
    if (error instanceof SeqloomError || error instanceof AbortError) throw error
    throw new SeqloomError('ERR_DATA', `${path} cannot be read as Arrow: ${(error as Error).message}`, { cause: error })
  } finally {
    // The library does not end what it reads where its own reader ends early.
    await bytes.return(undefined)
  }
}
