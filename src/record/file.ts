import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, makeFolder } from '../files.js'
import { warn } from '../warn.js'
import { type RunEvent, recordName } from './event.js'

/** How long an event waits for others, so that they are written at once, in milliseconds. */
const patience = 100

/** Writes the record of a run. */
export class RecordFile {
  /** The run's folder. */
  readonly folder: string
  readonly #path: string
  #lines: string[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #broken = false

  private constructor(folder: string) {
    this.folder = folder
    this.#path = join(folder, recordName)
  }

  /** Makes a new folder for a run, below another one, and in it an empty record. Rejects with `ERR_IO`. */
  static async create(parent: string, name: string): Promise<RecordFile> {
    const file = new RecordFile(await freshFolder(parent, name))
    try {
      await writeFile(file.#path, '', { flag: 'wx' })
    } catch (cause) {
      throw cannot('write', file.#path, cause)
    }
    return file
  }

  /** Goes on with the record in a folder. */
  static reopen(folder: string): RecordFile {
    return new RecordFile(folder)
  }

  /**
   * Notes an event. A record that cannot be written any more, such as on a full disk, is warned of once
   * (`WARN_RECORD`): the training is worth more.
   */
  write(event: RunEvent): void {
    if (this.#broken) return
    this.#lines.push(`${JSON.stringify(event)}\n`)
    this.#timer ??= setTimeout(() => void this.flush(), patience).unref()
  }

  /** Writes everything. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#append())
    await this.#writing
  }

  async #append(): Promise<void> {
    const text = this.#lines.join('')
    this.#lines = []
    if (text === '') return
    try {
      await appendFile(this.#path, text)
    } catch (error) {
      this.#broken = true
      this.#lines = []
      warn(
        'WARN_RECORD',
        `the record of the training ends here: cannot write ${this.#path}: ${(error as Error).message}`,
      )
    }
  }
}

/** How many runs of one name and second there may be. */
const mostAlike = 1000

/** A new folder; where one of the name exists, with a number behind it. */
async function freshFolder(parent: string, name: string): Promise<string> {
  try {
    await makeFolder(parent)
    for (let number = 1; number <= mostAlike; number++) {
      const folder = join(parent, number === 1 ? name : `${name}-${number}`)
      try {
        await mkdir(folder)
        return folder
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  } catch (cause) {
    throw cannot('write to', parent, cause)
  }
  throw new SeqloomError('ERR_IO', `'${parent}' has ${mostAlike} runs named ${name} already; give another name`)
}
