import { checkOptions, custom, filePath, flag, integer, positive } from '../options.js'
import { absolutePathOf } from '../path.js'
import type { Callback } from './callback.js'

/** Options of {@link backupAndRestore}. */
export interface BackupAndRestoreOptions {
  /** The folder of the backup; each one replaces the one before. */
  readonly backupDir: string | URL
  /** When to back up: after every epoch, or after so many steps. Default `'epoch'`, or nothing where `saveMinutes` is given. */
  readonly saveFreq?: 'epoch' | number
  /** Backs up when so many minutes have passed since the last backup. */
  readonly saveMinutes?: number
  /** Whether to remove the backup when the training has ended, and the folder if nothing else is in it; default true. */
  readonly deleteCheckpoint?: boolean
  /** Whether to go on from a backup that is there; default true. Otherwise the training begins anew, and its first backup replaces the one that is there. */
  readonly resume?: boolean
}

/** Says to `fit` when and where to back up; `fit` itself does it, behind all other callbacks. */
export class BackupAndRestore implements Callback {
  declare readonly onTrainBegin?: never
  readonly folder: string
  readonly everyEpoch: boolean
  readonly steps: number | undefined
  readonly seconds: number | undefined
  readonly removes: boolean
  readonly resumes: boolean

  constructor(options: BackupAndRestoreOptions) {
    checkOptions('callbacks.backupAndRestore', options, {
      accepted: {
        backupDir: filePath,
        saveFreq: custom("'epoch' or a number of steps", (v) => v === 'epoch' || integer(1).accepts(v)),
        saveMinutes: positive,
        deleteCheckpoint: flag,
        resume: flag,
      },
      required: ['backupDir'],
      refused: { doubleCheckpoint: [false] },
    })
    const { backupDir, saveMinutes, saveFreq = saveMinutes === undefined ? 'epoch' : undefined } = options
    this.folder = absolutePathOf('callbacks.backupAndRestore: backupDir', backupDir)
    this.everyEpoch = saveFreq === 'epoch'
    this.steps = typeof saveFreq === 'number' ? saveFreq : undefined
    this.seconds = saveMinutes === undefined ? undefined : saveMinutes * 60
    this.removes = options.deleteCheckpoint ?? true
    this.resumes = options.resume ?? true
  }
}

/**
 * Backs a training up and, when the same training is started again, goes on where the backup was made: weights, optimizer, random state,
 * place in the epoch, history and the states of the other callbacks. A training that was killed at any moment and is resumed ends with the
 * bits of one that never stopped. An aborted `fit` makes a last backup. The folder holds a model that `loadModel` can read.
 *
 * Only the backup's own files are written, replaced and removed. Give `fit` the same data and options again: a sample of the data is compared. Errors: `ERR_OPTION`; `fit` rejects
 * with `ERR_IO`, also for a `model.json` in the folder that is not ours, with `ERR_FORMAT` for a damaged backup, and with `ERR_STATE` for the backup of
 * another training or a saved model, which stays as it is.
 */
export function backupAndRestore(options: BackupAndRestoreOptions): Callback {
  return new BackupAndRestore(options)
}
