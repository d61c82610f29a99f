import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeqloomError } from '../errors.js'
import { makeFolder } from '../files.js'
import { checkOptions, custom, filePath, flag, isRecord } from '../options.js'
import { absolutePathOf } from '../path.js'
import { type Callback, type CallbackState, type Logs, recording } from './callback.js'

/** Options of {@link csvLogger}. */
export interface CsvLoggerOptions {
  /** The file to write. */
  readonly file: string | URL
  /**
   * Whether to continue an existing file instead of replacing it; default false. A resumed training always continues
   * it.
   */
  readonly append?: boolean
  /** The character between values: one that no number has; default `','`. */
  readonly separator?: string
}

const separatorCheck = custom(
  "one character that no number has, such as ',', ';' or '\\t'",
  (value) => typeof value === 'string' && value.length === 1 && !/[\w.+\-"\r\n]/.test(value),
)

/** Writes a CSV file with one line per epoch. */
class CsvLogger implements Callback {
  readonly [recording] = true
  readonly #file: string
  readonly #append: boolean
  readonly #separator: string
  /** The names of the values, once the header is written. */
  #columns: readonly string[] | undefined
  /** How many lines after the header stay. */
  #lines: number | undefined
  #resumed = false

  constructor(options: CsvLoggerOptions) {
    checkOptions('callbacks.csvLogger', options, {
      accepted: { file: filePath, append: flag, separator: separatorCheck },
      required: ['file'],
    })
    this.#file = absolutePathOf('callbacks.csvLogger: file', options.file)
    this.#append = options.append ?? false
    this.#separator = options.separator ?? ','
  }

  async onTrainBegin(): Promise<void> {
    this.#columns = undefined
    this.#resumed = false
    await this.#using(async () => {
      const [, ...lines] = linesOf((await this.#read()).toString())
      this.#lines = this.#append ? lines.length : 0
    })
  }

  async onEpochEnd(epoch: number, { seconds, ...logs }: Logs): Promise<void> {
    const values = { epoch: epoch + 1, ...logs, ...(seconds === undefined ? {} : { seconds }) }
    await this.#using(async () => {
      this.#columns ??= await this.#begin(values)
      const columns = this.#columns
      await appendFile(this.#file, `${columns.map((name) => (values as Logs)[name] ?? '').join(this.#separator)}\n`)
      if (this.#lines !== undefined) this.#lines++
    })
  }

  getState(): CallbackState {
    return { values: this.#lines === undefined ? null : { lines: this.#lines } }
  }

  setState({ values }: CallbackState): void {
    this.#resumed = true
    // Backups of earlier versions do not have it.
    this.#lines = values === null ? undefined : linesIn(values)
  }

  /** The bytes of the file; none if there is no file, or if it is not a regular file but, say, a terminal. */
  async #read(): Promise<Buffer> {
    const about = await stat(this.#file).catch(missing)
    const bytes = about?.isFile() ? await readFile(this.#file) : Buffer.alloc(0)
    if (!this.#append && bytes.length > 0 && !isLog(bytes.toString())) {
      throw new SeqloomError(
        'ERR_IO',
        `callbacks.csvLogger: '${this.#file}' is no log of a training, so it is left as it is; use another file`,
      )
    }
    return bytes
  }

  /** Writes the header, or checks the existing one. */
  async #begin(values: { readonly epoch: number }): Promise<readonly string[]> {
    const columns = Object.keys(values)
    const header = columns.map((name) => quoted(name, this.#separator)).join(this.#separator)
    const bytes = await this.#read()
    if (bytes.length === 0 || !(this.#append || this.#resumed)) {
      await makeFolder(dirname(this.#file))
      await writeFile(this.#file, `${header}\n`)
      return columns
    }
    const [first] = linesOf(bytes.toString())
    if (first !== header) {
      throw new SeqloomError(
        'ERR_DATA',
        `callbacks.csvLogger: '${this.#file}' begins with '${first}', but the values of this training are '${header}'; use another file`,
      )
    }
    if (this.#resumed && this.#lines !== undefined) await this.#takeBack(bytes, this.#lines, values.epoch)
    // A process that was killed while writing leaves half a line.
    else if (bytes.at(-1) !== lineFeed) await appendFile(this.#file, '\n')
    return columns
  }

  /**
   * Removes the lines of epochs that are repeated, from `epoch` on: they were written after the backup from which the
   * training continues.
   */
  async #takeBack(bytes: Buffer, lines: number, epoch: number): Promise<void> {
    let end = 0
    for (let line = 0; line <= lines && end < bytes.length; line++) {
      const at = bytes.indexOf(lineFeed, end)
      end = at < 0 ? bytes.length : at + 1
    }
    const later = bytes.subarray(end).toString()
    const isOurs =
      areRows(later, this.#separator) &&
      linesOf(later).every((line, at) => isPartOf(line, epoch + at, later, this.#separator))
    if (!isOurs) {
      throw new SeqloomError(
        'ERR_DATA',
        `callbacks.csvLogger: '${this.#file}' has other lines behind the ${lines} that were written before the backup, so it is left as it is; use another file`,
      )
    }
    if (end < bytes.length) await truncate(this.#file, end)
    if (bytes[end - 1] !== lineFeed) await appendFile(this.#file, '\n')
  }

  async #using(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (cause) {
      if (cause instanceof SeqloomError) throw cause
      const message = `callbacks.csvLogger: cannot write '${this.#file}': ${(cause as Error).message}`
      throw new SeqloomError('ERR_IO', message, { cause })
    }
  }
}

const lineFeed = 10

/** The lines of a log, without the end of the last one. */
const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))

/** Whether a text is what this callback writes, with whatever separator. */
const isLog = (text: string): boolean => {
  const [header = ''] = linesOf(text)
  const separator = header.charAt('epoch'.length)
  const [epoch, loss, ...others] = separatorCheck.accepts(separator) ? header.split(separator) : []
  if (epoch !== 'epoch' || loss !== 'loss' || others.at(-1) !== 'seconds') return false
  const end = text.indexOf('\n')
  return end < 0 || areRows(text.slice(end + 1), separator)
}

const number = /^(?:-?\d[\d.]*(?:e[+-]?\d+)?|-?Infinity|NaN)?$/

/** Whether all lines hold numbers; the last one may be cut off. */
function areRows(text: string, separator: string): boolean {
  const lines = linesOf(text).map((line) => line.split(separator))
  const last = text.endsWith('\n') ? [] : (lines.pop() ?? [])
  return (
    lines.every(([epoch = '', ...values]) => /^\d+$/.test(epoch) && values.every((value) => number.test(value))) &&
    last.every((part) => /^[-+\d.eInfityNa]*$/.test(part))
  )
}

/** Whether a line of `text` belongs to an epoch, or may belong to it if it is cut off at the end. */
function isPartOf(line: string, epoch: number, text: string, separator: string): boolean {
  const [first = ''] = line.split(separator, 1)
  return first === String(epoch) || (text.endsWith(line) && line === first && String(epoch).startsWith(first))
}

function linesIn(values: unknown): number {
  const lines = isRecord(values) ? values.lines : undefined
  if (!Number.isSafeInteger(lines) || (lines as number) < 0) throw new TypeError('lines must be a whole number')
  return lines as number
}

const quoted = (name: string, separator: string): string =>
  /["\r\n]/.test(name) || name.includes(separator) ? `"${name.replaceAll('"', '""')}"` : name

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/**
 * Writes a CSV file with one line per epoch: its number from 1, `loss`, metrics, both with `val_`, and `seconds`. The
 * first line has the names. An existing log is replaced, or continued with `append`; when a training is resumed, the
 * lines of repeated epochs are removed first. Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO`, also for a file that
 * is not such a log, which stays as it is, and with `ERR_DATA` for a log with other columns.
 */
export function csvLogger(options: CsvLoggerOptions): Callback {
  return new CsvLogger(options)
}
