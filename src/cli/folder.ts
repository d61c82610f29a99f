import { access, constants, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, isThere, makeFolder } from '../files.js'
import { backupKind, type Kind, wordsFor } from '../model/contents.js'
import { checkReplaceable } from '../model/save.js'
import { contentsIn } from '../model/writeFolder.js'
import { note } from './output.js'

/** Where a training's model goes, and what may happen there. */
export interface OutOptions {
  readonly out: string
  readonly resume: boolean
  readonly force: boolean
}

/**
 * The folder of a training's backup inside of the one that its model goes to, once it is sure that the training may begin: that both can be written, that
 * nothing there would be lost which is not ours or is another kind of model, and with `--resume` that there is a backup. Nothing is changed. Rejects with `ERR_IO`
 * and, where there is nothing to resume, `ERR_STATE`.
 */
export async function backupFolder({ out, resume, force }: OutOptions, task: Kind): Promise<string> {
  await checkFolder(out)
  const before = await contentsIn(out)
  if (before && !force) checkReplaceable(out, before, { kind: task, unfinished: false })
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
      `--resume: there is no backup in '${folder}' to go on from; without --resume the training begins anew`,
    )
  }
  if (!resume && backup) note(`beginning anew: the backup in ${folder} will be replaced; --resume would go on from it`)
  return folder
}

/** `ERR_IO` unless the folder can be written, or made where it is not there: better known before training than after. */
async function checkFolder(folder: string): Promise<void> {
  let existing = resolve(folder)
  try {
    while (!(await isThere(existing))) existing = dirname(existing)
    if (!(await stat(existing)).isDirectory()) throw new Error(`${existing} is not a folder`)
    await access(existing, constants.W_OK | constants.X_OK)
    // Not every folder that may be written takes others.
    for (const made of (await makeFolder(folder)).reverse()) await rmdir(made)
  } catch (error) {
    throw cannot('write to', folder, error)
  }
}
