import { checkOptions, custom, filePath, flag, integer, positive } from '../options.js'
import { absolutePathOf } from '../path.js'
import type { Callback } from './callback.js'

/** Options of {@link backupAndRestore}. */
export interface BackupAndRestoreOptions {
  /** The folder of the backup; each backup replaces the previous one. */
  readonly backupDir: string | URL
  /**
   * When to back up: after every epoch, or after this many steps. Default `'epoch'`, or never if `saveMinutes` is
   * given.
   */
  readonly saveFreq?: 'epoch' | number
  /** Backs up when this many minutes have passed since the last backup. */
  readonly saveMinutes?: number
  /**
   * Whether to remove the backup when the training has ended, and the folder if nothing else is in it; default true.
   */
  readonly deleteCheckpoint?: boolean
  /**
   * Whether to continue from an existing backup; default true. Otherwise the training starts over, and its first backup
   * replaces the existing one.
   */
  readonly resume?: boolean
}

/** Tells `fit` when and where to back up; `fit` itself does it, after all other callbacks. */
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
 * Backs a training up. When the same training is started again, it continues where the backup was made: with the
 * weights, the optimizer, the random state, the position in the epoch, the history and the states of the other
 * callbacks. A training that was killed at any moment and is resumed ends with the same bits as one that never stopped.
 * An aborted `fit` makes a last backup. The folder holds a model that `loadModel` can read.
 *
 * Only the backup's own files are written, replaced and removed. To resume, give `fit` the same data and options again.
 * Errors: `ERR_OPTION`; `fit` rejects with `ERR_IO`, also for a `model.json` in the folder that is not Seqloom's, with
 * `ERR_FORMAT` for a damaged backup, and with `ERR_STATE` for the backup of another training or a saved model, which
 * stays as it is.
 */
export function backupAndRestore(options: BackupAndRestoreOptions): Callback {
  return new BackupAndRestore(options)
}
