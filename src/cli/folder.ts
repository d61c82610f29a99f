import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { SeqloomError } from '../errors.js'

/** `ERR_IO` unless the folder can be written, or made where it is not there: better known before training than after. */
export async function checkFolder(folder: string): Promise<void> {
  let existing = resolve(folder)
  try {
    while (!(await exists(existing))) existing = dirname(existing)
    if (!(await stat(existing)).isDirectory()) throw new Error(`${existing} is not a folder`)
    await access(existing, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new SeqloomError('ERR_IO', `cannot write to ${folder}: ${(error as Error).message}`, { cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
