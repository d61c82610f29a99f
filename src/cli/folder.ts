import { access, constants, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, isThere, makeFolder } from '../files.js'
import { backupKind, type Kind, wordsFor } from '../model/contents.js'
import { checkReplaceable } from '../model/save.js'
import { contentsIn } from '../model/writeFolder.js'
import { isFirst } from '../rank.js'
import { note } from './output.js'

/** Where a trained model is saved, and what may be replaced there. */
export interface OutOptions {
  readonly out: string
  readonly resume: boolean
  readonly force: boolean
}

/**
 * The folder of a training's backup, inside the folder that its model is saved to. It is returned once it is certain
 * that the training may begin: both folders can be written, nothing would be lost that is not Seqloom's or is another
 * kind of model, and with `--resume` there is a backup. Nothing is changed. Rejects with `ERR_IO` and, if there is
 * nothing to resume, `ERR_STATE`.
 */
export async function backupFolder({ out, resume, force }: OutOptions, task: Kind): Promise<string> {
  // Nothing is written by other ranks.
  if (!isFirst()) return join(out, 'backup')
  await checkOut(out, task, force)
  const folder = join(out, 'backup')
  await checkFolder(folder)
  const backup = await contentsIn(folder)
  if (backup && backup.kind !== backupKind) {
    throw new SeqloomError(
      'ERR_IO',
      `'${folder}' holds ${wordsFor(backup)}, and the training needs that folder for its backups; choose another --out`,
    )
  }
  if (resume && !backup) {
    throw new SeqloomError(
      'ERR_STATE',
      `--resume: there is no backup in '${folder}' to continue from; without --resume the training starts over`,
    )
  }
  if (!resume && backup)
    note(`beginning anew: the backup in ${folder} will be replaced; --resume would continue from it`)
  return folder
}

/** Throws `ERR_IO` unless a model of this kind can be saved in a folder, or may replace what is there. */
export async function checkOut(out: string, task: Kind, force: boolean): Promise<void> {
  await checkFolder(out)
  const before = await contentsIn(out)
  if (before && !force) checkReplaceable(out, before, { kind: task, unfinished: false })
}

/**
 * Throws `ERR_IO` unless the folder can be written, or made if it is missing: better known before training than after.
 */
async function checkFolder(folder: string): Promise<void> {
  let existing = resolve(folder)
  try {
    while (!(await isThere(existing))) existing = dirname(existing)
    if (!(await stat(existing)).isDirectory()) throw new Error(`${existing} is not a folder`)
    await access(existing, constants.W_OK | constants.X_OK)
    // Not every writable folder can contain others.
    for (const made of (await makeFolder(folder)).reverse()) await rmdir(made)
  } catch (error) {
    throw cannot('write to', folder, error)
  }
}
