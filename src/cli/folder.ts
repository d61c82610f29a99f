import { access, constants, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SeqloomError } from '../errors.js'

/** `ERR_IO` unless the folder can be written, or made where it is not there: better known before training than after. */
async function checkFolder(folder: string): Promise<void> {
  let existing = resolve(folder)
  try {
    while (!(await exists(existing))) existing = dirname(existing)
    if (!(await stat(existing)).isDirectory()) throw new Error(`${existing} is not a folder`)
    await access(existing, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new SeqloomError('ERR_IO', `cannot write to ${folder}: ${(error as Error).message}`, { cause: error })
  }
}

/** The folder of a training's backup inside of the one that its model goes to; it is removed unless the training is to go on from it. */
export async function backupFolder(out: string, resume: boolean): Promise<string> {
  await checkFolder(out)
  const folder = join(out, 'backup')
  if (!resume) await rm(folder, { recursive: true, force: true })
  return folder
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
