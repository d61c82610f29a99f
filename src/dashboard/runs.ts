import { lstat, type open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, isThere, openRegular } from '../files.js'
import { isRecord } from '../options.js'
import {
  type EndEvent,
  type ListedRun,
  type RunState,
  recordName,
  recordVersion,
  type StartEvent,
} from '../record/event.js'

/** How much of a record's beginning and end is read for the list. */
const piece = 65_536

/** How long it is believed that a run which has ended does not go on, in milliseconds. */
const rest = 2000

/** A run, and how long its record is. */
export interface FoundRun extends ListedRun {
  readonly size: number
}

/** What is known of a folder. */
interface Known {
  readonly size: number
  /** When it was looked at. */
  readonly looked: number
  /** What its record says; undefined if it has none. */
  readonly said: Said | undefined
}

/** The runs below a folder, or the only one in it. */
export class Runs {
  readonly #folder: string
  /** The only run, if the folder is that of a run. */
  readonly #only: string | undefined
  readonly #known = new Map<string, Known>()

  private constructor(folder: string, only: string | undefined) {
    this.#folder = folder
    this.#only = only
  }

  /** Opens a folder of runs. Rejects with `ERR_IO` if there is none, and with `ERR_DATA` if there is no run in it. */
  static async open(folder: string): Promise<Runs> {
    const made = "callbacks.dashboard and 'seqloom train … --dashboard' make them"
    try {
      if (await isThere(join(folder, recordName))) return new Runs(dirname(folder), basename(folder))
      await readdir(folder)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cannot('read', folder, cause)
      throw new SeqloomError('ERR_IO', `there is no folder of runs '${folder}'; ${made}`, { cause })
    }
    const runs = new Runs(folder, undefined)
    if ((await runs.list()).length === 0) {
      throw new SeqloomError(
        'ERR_DATA',
        `there are no runs in '${folder}': no folder in it has a ${recordName}; ${made}`,
      )
    }
    return runs
  }

  /** The runs of a folder that a training is about to fill. */
  static of(folder: string): Runs {
    return new Runs(folder, undefined)
  }

  /** The path of a run's record. */
  path(name: string): string {
    return join(this.#folder, name, recordName)
  }

  /** The runs, the newest first. */
  async list(): Promise<FoundRun[]> {
    const names = this.#only === undefined ? await folders(this.#folder) : [this.#only]
    const found: FoundRun[] = []
    for (const name of names) {
      const known = await this.#look(name).catch(() => undefined)
      if (known) this.#known.set(name, known)
      else this.#known.delete(name)
      if (known?.said) found.push({ name, time: known.said.time, state: stateOf(known.said), size: known.size })
    }
    return found.sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1))
  }

  async #look(name: string): Promise<Known> {
    const [before, looked] = [this.#known.get(name), performance.now()]
    if (before?.said?.ended && looked - before.looked < rest) return before
    const { size } = await lstat(this.path(name))
    if (before?.size === size) return { ...before, looked }
    const file = await openRegular(this.path(name))
    try {
      return { size, looked, said: await read(file, size, before?.said) }
    } finally {
      await file.close()
    }
  }
}

/** What the record of a run says. */
interface Said {
  readonly time: number
  readonly pid: number
  readonly host: string
  readonly ended: EndEvent['state'] | undefined
}

async function folders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}

async function read(file: Awaited<ReturnType<typeof open>>, size: number, known: Said | undefined) {
  const start = known ?? startOf(await text(file, 0, Math.min(size, piece)))
  if (!start) return undefined
  const from = Math.max(0, size - piece)
  const last = parsed((await text(file, from, size - from)).trimEnd().split('\n').at(-1) ?? '')
  const ended = last?.type === 'end' ? (last.state as EndEvent['state']) : undefined
  // Another process may have gone on with it.
  const process = last?.type === 'continue' ? { pid: Number(last.pid), host: String(last.host) } : {}
  return { ...start, ...process, ended }
}

async function text(file: Awaited<ReturnType<typeof open>>, from: number, size: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, from)
  return buffer.toString('utf8', 0, bytesRead)
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** What the first line says; undefined unless it is that of a record of a version that is known. */
function startOf(head: string): Said | undefined {
  const start = parsed(head.split('\n', 1)[0] as string) as Partial<StartEvent> | undefined
  if (start?.type !== 'start' || typeof start.time !== 'number' || (start.version ?? 0) > recordVersion)
    return undefined
  return { time: start.time, pid: Number(start.pid), host: String(start.host), ended: undefined }
}

/** A run without an end goes on as long as its process is there; of another computer's, nothing is known. */
function stateOf({ ended, pid, host }: Said): RunState {
  if (ended) return ended
  if (host !== hostname()) return 'running'
  try {
    process.kill(pid, 0)
    return 'running'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'running' : 'lost'
  }
}
