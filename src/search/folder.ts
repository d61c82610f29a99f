import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, SeqloomError } from '../errors.js'
import { cannot, isThere, makeFolder, openRegular, replaceFile } from '../files.js'
import { isRecord } from '../options.js'
import { recorded } from '../record/event.js'
import { bestOf, type SavedTrial, type Trial } from './trial.js'

const searchName = 'search.json'
const trialPrefix = 'trial-'
const formatVersion = 1
const states = ['complete', 'pruned', 'failed', 'paused']

/** What tells a search from others, by the names of what it depends on. */
export type SearchIdentity = Readonly<Record<string, unknown>>

/** The folder of a search: `search.json` says which one it is, and each trial has a file. */
export class SearchFolder {
  readonly path: string
  readonly #sign: 1 | -1

  private constructor(path: string, sign: 1 | -1) {
    this.path = path
    this.#sign = sign
  }

  /**
   * Makes the folder, or opens that of the same search, or that of another one no trial of which is there. Rejects with
   * `ERR_IO`, with `ERR_STATE` for that of another one, and with `ERR_FORMAT` for a damaged file.
   */
  static async open(path: string, identity: SearchIdentity, sign: 1 | -1): Promise<SearchFolder> {
    const file = join(path, searchName)
    const folder = new SearchFolder(path, sign)
    await makeFolder(path).catch((cause: unknown) => {
      throw cannot('write to', path, cause)
    })
    const now = JSON.parse(JSON.stringify(identity)) as Record<string, unknown>
    const before = await readJson(file)
    if (before === undefined) await write(file, { version: formatVersion, search: now })
    else if (!isRecord(before) || before.version !== formatVersion || !isRecord(before.search)) {
      throw new SeqloomError('ERR_FORMAT', `'${file}' is not what a search writes; choose another folder`)
    } else {
      const { search } = before
      const other = Object.keys(now).find((name) => JSON.stringify(now[name]) !== JSON.stringify(search[name]))
      if (other === undefined) return folder
      if ((await readdir(path)).some((name) => name.startsWith(trialPrefix))) {
        throw new SeqloomError(
          'ERR_STATE',
          `'${path}' holds a search with ${other} ${brief(search[other])}, not ${brief(now[other])}; search as before to go on, or choose another folder to begin anew`,
        )
      }
      await write(file, { version: formatVersion, search: now })
    }
    return folder
  }

  /** The name of a trial. */
  static nameOf(number: number): string {
    return `${trialPrefix}${String(number).padStart(4, '0')}`
  }

  /** The folder of a trial's backup. */
  backup(number: number): string {
    return join(this.path, SearchFolder.nameOf(number))
  }

  /** The folder of the records of the trials. */
  get runs(): string {
    return join(this.path, 'runs')
  }

  /** A trial that was written; undefined if there is none. Rejects with `ERR_FORMAT` and `ERR_IO`. */
  async read(number: number): Promise<Trial | undefined> {
    const saved = await readJson(this.#file(number))
    if (saved === undefined) return undefined
    if (!isTrial(saved) || saved.number !== number) {
      throw new SeqloomError(
        'ERR_FORMAT',
        `'${this.#file(number)}' is not what a search writes; move it away, and the trial is made again`,
      )
    }
    return withBest({ ...saved, values: saved.values.map(Number) }, this.#sign)
  }

  /** Writes a trial. Rejects with `ERR_IO`. */
  async write({ value: _, bestEpoch: __, ...trial }: Trial): Promise<void> {
    await write(this.#file(trial.number), { ...trial, values: trial.values.map(recorded) } satisfies SavedTrial)
  }

  #file(number: number): string {
    return join(this.path, `${SearchFolder.nameOf(number)}.json`)
  }
}

/**
 * Throws `ERR_IO` for a folder in which other files are and no search: a search adds nothing to them. Hidden files, such
 * as those of a file manager, may be there.
 */
export async function checkFolder(path: string): Promise<void> {
  const names = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [] as string[]
    throw cannot('write to', path, cause)
  })
  const other = names.find((name) => !name.startsWith('.'))
  if (other === undefined || names.includes(searchName)) return
  throw new SeqloomError(
    'ERR_IO',
    `'${path}' holds ${describe(other)} and no search; name an empty folder, or one that is not there yet`,
  )
}

/** A trial with the best of its values. */
export function withBest(trial: Trial, sign: 1 | -1): Trial {
  const best = trial.state === 'failed' ? undefined : bestOf(trial.values, sign)
  return best ? { ...trial, value: best.value, bestEpoch: best.at + 1 } : trial
}

const brief = (value: unknown): string => (isRecord(value) ? JSON.stringify(value) : describe(value))

function isTrial(value: unknown): value is SavedTrial {
  if (!isRecord(value)) return false
  const { number, options, state, values, seconds } = value
  const sound = Number.isSafeInteger(number) && isRecord(options) && states.includes(state as string)
  return sound && Array.isArray(values) && typeof seconds === 'number'
}

async function readJson(path: string): Promise<unknown> {
  try {
    if (!(await isThere(path))) return undefined
    await (await openRegular(path)).close()
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cannot('read', path, cause)
    throw new SeqloomError(
      'ERR_FORMAT',
      `'${path}' is damaged: ${cause.message}; copy it again, or choose another folder to begin anew`,
      { cause },
    )
  }
}

const write = (path: string, value: object): Promise<void> =>
  replaceFile(path, Buffer.from(`${JSON.stringify(value, null, 2)}\n`))
