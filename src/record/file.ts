import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, makeFolder } from '../files.js'
import { warn } from '../warn.js'
import { type RunEvent, recordName } from './event.js'

/** Writes the record of a run. */
export class RecordFile {
  /** The run's folder. */
  readonly folder: string
  readonly #path: string
  readonly #changed: () => void
  #lines: string[] = []
  #writing: Promise<void> | undefined
  #broken = false

  private constructor(folder: string, changed: () => void) {
    this.folder = folder
    this.#path = join(folder, recordName)
    this.#changed = changed
  }

  /** Makes a new folder for a run, below another one, and in it an empty record. Rejects with `ERR_IO`. */
  static async create(parent: string, name: string, changed: () => void): Promise<RecordFile> {
    const file = new RecordFile(await freshFolder(parent, name), changed)
    try {
      await writeFile(file.#path, '', { flag: 'wx' })
    } catch (cause) {
      throw cannot('write', file.#path, cause)
    }
    return file
  }

  /** Goes on with the record in a folder. */
  static reopen(folder: string, changed: () => void): RecordFile {
    return new RecordFile(folder, changed)
  }

  /**
   * Notes an event. A record that cannot be written any more, such as on a full disk, is warned of once
   * (`WARN_RECORD`): the training is worth more.
   */
  write(event: RunEvent): void {
    if (this.#broken) return
    this.#lines.push(`${JSON.stringify(event)}\n`)
    this.#writing ??= this.#drain()
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    await this.#writing
  }

  async #drain(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        const text = this.#lines.join('')
        this.#lines = []
        await appendFile(this.#path, text)
        this.#changed()
      }
    } catch (error) {
      this.#broken = true
      this.#lines = []
      warn(
        'WARN_RECORD',
        `the record of the training ends here: cannot write ${this.#path}: ${(error as Error).message}`,
      )
    } finally {
      this.#writing = undefined
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
