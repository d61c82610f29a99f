import { SeqloomError } from '../errors.js'
import { openNamed } from '../files.js'
import { decompressed } from './compressed.js'
import { optionalPackage } from './optional.js'
import type { NumberedRows } from './parquet.js'
import { standardInput } from './textFile.js'

/** What we use of `apache-arrow`. */
interface Arrow {
  readonly RecordBatchReader: {
    from(
      source: AsyncIterable<Uint8Array>,
    ): Promise<AsyncIterable<{ toArray(): Iterable<readonly [string, unknown]>[] }>>
  }
}

/** The rows of an Arrow file or stream, a record batch at a time. */
export async function* arrowBlocks(path: string): AsyncGenerator<NumberedRows> {
  const { RecordBatchReader } = optionalPackage<Arrow>('apache-arrow', 'data.arrow')
  const stream = path === standardInput ? process.stdin : (await openNamed(path)).createReadStream()
  let first = 0
  try {
    for await (const batch of await RecordBatchReader.from(decompressed(path, stream))) {
      const rows = batch.toArray().map((row) => Object.fromEntries(row))
      yield { rows, first }
      first += rows.length
    }
  } catch (error) {
    if (error instanceof SeqloomError) throw error
    throw new SeqloomError('ERR_DATA', `${path} cannot be read as Arrow: ${(error as Error).message}`, { cause: error })
  } finally {
    // The library does not end what it reads where its own reader ends early.
    stream.destroy()
  }
}
