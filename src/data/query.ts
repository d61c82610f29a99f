import { SeqloomError } from '../errors.js'
import { optionalPackage } from './optional.js'
import type { NumberedRows } from './parquet.js'

/** What we use of `@duckdb/node-api`. */
interface DuckDb {
  readonly DuckDBInstance: { create(path: string): Promise<Instance> }
}

interface Instance {
  connect(): Promise<Connection>
  closeSync(): void
}

interface Connection {
  stream(sql: string): Promise<Result>
  closeSync(): void
}

interface Result {
  columnNames(): string[]
  fetchChunk(): Promise<{ readonly rowCount: number; getRows(): unknown[][] } | null>
}

/** The rows that a query gives, as DuckDB has them ready. */
export async function* queryBlocks(sql: string, database = ':memory:'): AsyncGenerator<NumberedRows> {
  const { DuckDBInstance } = optionalPackage<DuckDb>('@duckdb/node-api', 'data.query')
  let instance: Instance | undefined
  let connection: Connection | undefined
  try {
    instance = await DuckDBInstance.create(database)
    connection = await instance.connect()
    const result = await connection.stream(sql)
    const names = result.columnNames()
    for (let first = 0; ; ) {
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) return
      const rows = chunk.getRows().map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]])))
      yield { rows, first }
      first += rows.length
    }
  } catch (error) {
    if (error instanceof SeqloomError) throw error
    throw new SeqloomError('ERR_DATA', `data.query: ${(error as Error).message}`, { cause: error })
  } finally {
    connection?.closeSync()
    instance?.closeSync()
  }
}
