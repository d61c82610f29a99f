import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeqloomError } from '../errors.js'
import { checkOptions, filePath, flag } from '../options.js'
import type { Callback, Logs } from './callback.js'

/** Options of {@link csvLogger}. */
export interface CsvLoggerOptions {
  /** The file to write. */
  readonly file: string
  /** Whether to go on in a file that is there, instead of writing it anew; default false. A resumed training always goes on. */
  readonly append?: boolean
}

/** Writes a CSV file with a line for every epoch. */
class CsvLogger implements Callback {
  readonly #file: string
  readonly #append: boolean
  /** The names of the values, once the header is there. */
  #columns: readonly string[] | undefined
  #resumed = false

  constructor(options: CsvLoggerOptions) {
    checkOptions('callbacks.csvLogger', options, {
      accepted: { file: filePath, append: flag },
      required: ['file'],
      refused: { separator: [','] },
    })
    this.#file = options.file
    this.#append = options.append ?? false
  }

  onTrainBegin(): void {
    this.#columns = undefined
    this.#resumed = false
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const values = { epoch: epoch + 1, ...logs }
    try {
      this.#columns ??= await this.#begin(values)
      const columns = this.#columns
      await appendFile(this.#file, `${columns.map((name) => (values as Logs)[name] ?? '').join(',')}\n`)
    } catch (cause) {
      if (cause instanceof SeqloomError) throw cause
      throw new SeqloomError(
        'ERR_IO',
        `callbacks.csvLogger: cannot write '${this.#file}': ${(cause as Error).message}`,
        {
          cause,
        },
      )
    }
  }

  getState(): { readonly values: null } {
    return { values: null }
  }

  setState(): void {
    this.#resumed = true
  }

  /** Writes the header, or checks the one that is there. */
  async #begin(values: object): Promise<readonly string[]> {
    const columns = Object.keys(values)
    const header = columns.map(quoted).join(',')
    const known = this.#append || this.#resumed ? await readFile(this.#file, 'utf8').catch(missing) : undefined
    if (known === undefined || known === '') {
      await mkdir(dirname(this.#file), { recursive: true })
      await writeFile(this.#file, `${header}\n`)
      return columns
    }
    const [first = ''] = known.split(/\r?\n/, 1)
    if (first !== header) {
      throw new SeqloomError(
        'ERR_DATA',
        `callbacks.csvLogger: '${this.#file}' begins with '${first}', the values of this training are '${header}'; take another file`,
      )
    }
    // A process that was killed while it wrote leaves half a line.
    if (!known.endsWith('\n')) await appendFile(this.#file, '\n')
    return columns
  }
}

const quoted = (name: string): string => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/**
 * Writes a CSV file with a line for every epoch: its number from 1, `loss`, metrics, both with `val_`, and `seconds`. The first line has the
 * names. Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO`, or with `ERR_DATA` for a file of other columns.
 */
export function csvLogger(options: CsvLoggerOptions): Callback {
  return new CsvLogger(options)
}
