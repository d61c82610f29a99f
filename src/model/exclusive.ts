import { lstat, realpath, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { callNative, SeqloomError } from '../errors.js'
import { makeFolder } from '../files.js'
import { native } from '../native/index.js'

/** The file that is locked while a folder is written. */
const lockName = '.seqloom.lock'

/** How long another process may hold a folder, in milliseconds: models of many gigabytes take minutes. */
const patience = 600_000

let arrivals: Promise<unknown> = Promise.resolve()

/** For each folder, when the last write to it ends, including waiting ones. */
const queues = new Map<string, Promise<void>>()

/**
 * Does work on a folder after all earlier work on the same folder, however its path is spelled: the last request is
 * what remains.
 */
export async function inTurn<T>(folder: string, work: () => Promise<T>): Promise<T> {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  // Finding out which folder a path means takes time, but the queues keep the order of the calls.
  const arrival = arrivals.then(async () => {
    const key = await identify(folder)
    const before = queues.get(key)
    queues.set(key, ended)
    return { key, before }
  })
  arrivals = arrival.catch(() => undefined)
  const { key, before } = await arrival
  try {
    await before
    return await work()
  } finally {
    if (queues.get(key) === ended) queues.delete(key)
    end()
  }
}

/** The same text for all paths of a folder, whether or not it exists. */
async function identify(folder: string): Promise<string> {
  let existing = resolve(folder)
  const missing: string[] = []
  for (;;) {
    const found = await realpath(existing).catch(() => undefined)
    if (found !== undefined) return join(found, ...missing)
    if (dirname(existing) === existing) return resolve(folder)
    missing.unshift(basename(existing))
    existing = dirname(existing)
  }
}

/**
 * Does work on a folder, which is made if need be, while no other process does. The lock is the system's: it ends with
 * the process. `ERR_IO` if the folder cannot be written, `ERR_STATE` if it stays locked for so many milliseconds.
 */
export async function locked<T>(folder: string, work: () => Promise<T>, wait = patience): Promise<T> {
  const lock = await acquire(folder, wait)
  try {
    return await work()
  } finally {
    // Removed first: whoever finds it gone makes a new one.
    await rm(join(folder, lockName), { force: true }).catch(() => undefined)
    callNative(() => lock.release())
  }
}

async function acquire(folder: string, wait: number) {
  const path = join(folder, lockName)
  const started = performance.now()
  for (;;) {
    await makeFolder(folder)
    const found = await lstat(path).catch(() => undefined)
    if (found && !(found.isFile() && found.size === 0)) {
      throw new SeqloomError('ERR_IO', `'${path}' is in the way: it is no lock of ours`)
    }
    const lock = attempt(path)
    if (lock) return lock
    if (performance.now() - started > wait) {
      const since = wait < 60_000 ? '' : ` for ${wait / 60_000} minutes`
      throw new SeqloomError(
        'ERR_STATE',
        `another process has been writing to '${folder}'${since}; wait until it has ended`,
      )
    }
    await setTimeout(20)
  }
}

/**
 * The lock; null if another process has it. `ERR_IO`, naming the file, if there can be none, such as in a read-only
 * folder.
 */
function attempt(path: string) {
  try {
    return callNative(() => native.FileLock.attempt(path))
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_IO') throw error
    throw new SeqloomError('ERR_IO', `cannot write '${path}': ${error.message}`, { cause: error })
  }
}
