import { backupAndRestore } from '../callbacks/backupAndRestore.js'
import type { Callback, History } from '../callbacks/callback.js'
import type { Model } from '../model/index.js'
import { BestWeights } from './bestWeights.js'

/** Whether a training is backed up. */
export interface BackupSettings {
  /**
   * A folder for a backup, every minute and when the signal aborts: the same training started again goes on from it, bit for bit. The backup is removed
   * in the end, and nothing else that may be in the folder.
   */
  readonly backupDir?: string | URL
  /** Whether to go on from a backup that is there; default true. Otherwise the training begins anew, and its first backup replaces the one that is there. */
  readonly resume?: boolean
}

/** What is trained. */
export interface Trainee {
  readonly model: Pick<Model, 'compile' | 'fit' | 'getWeights' | 'setWeights'>
  /** Whether the model got the weights of an earlier step back, to which its optimizer's state does not belong; default false. */
  restored?: boolean
  /** Whether its training has not come to its end; default false. */
  unfinished?: boolean
}

/** Trains a compiled model with the callbacks that a task makes, and backups if asked for; puts its best weights back, however the training ends. */
export async function keepBest(
  trainee: Trainee,
  { backupDir, resume = true, restoreBest }: BackupSettings & { readonly restoreBest: boolean },
  callbacksFor: (best: BestWeights) => readonly Callback[],
  train: (callbacks: readonly Callback[]) => Promise<History>,
): Promise<History> {
  trainee.restored = false
  trainee.unfinished = true
  const best = new BestWeights(trainee.model)
  const backup = backupDir === undefined ? [] : [backupAndRestore({ backupDir, resume, saveMinutes: 1 })]
  try {
    const history = await train([...callbacksFor(best), ...backup])
    trainee.unfinished = false
    return history
  } finally {
    if (restoreBest) trainee.restored = best.restore()
  }
}
