import { backupAndRestore } from '../callbacks/backupAndRestore.js'
import type { Callback, History } from '../callbacks/callback.js'
import type { Model } from '../model/index.js'
import { BestWeights } from './bestWeights.js'

/** What is trained. */
export interface Trainee {
  readonly model: Pick<Model, 'compile' | 'fit' | 'copyWeights' | 'putWeights'>
  /** Whether the model got the weights of an earlier step back, to which its optimizer's state does not belong; default false. */
  restored?: boolean
}

/** Trains a compiled model with the callbacks that a task makes, and backups if asked for; puts its best weights back, however the training ends. */
export async function keepBest(
  trainee: Trainee,
  { backupDir, restoreBest }: { readonly backupDir?: string; readonly restoreBest: boolean },
  callbacksFor: (best: BestWeights) => readonly Callback[],
  train: (callbacks: readonly Callback[]) => Promise<History>,
): Promise<History> {
  trainee.restored = false
  const best = new BestWeights(trainee.model)
  const backup = backupDir === undefined ? [] : [backupAndRestore({ backupDir, saveMinutes: 1 })]
  try {
    return await train([...callbacksFor(best), ...backup])
  } finally {
    if (restoreBest) trainee.restored = await best.restore()
  }
}
