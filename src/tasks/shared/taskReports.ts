import type { ReportSettings } from './reports.js'
import type { ClassifierEpoch, ClassifierProgress } from './training.js'

/** Where the training of a task without an accuracy stands after a batch. */
export type TaskProgress = Omit<ClassifierProgress, 'accuracy'>

/** What an epoch of a task without an accuracy came to. */
export type TaskEpoch = Omit<ClassifierEpoch, 'accuracy' | 'valAccuracy'>

/** The listeners of a training without an accuracy. */
export interface TaskListeners {
  /** Called as batches end; quick batches may be reported together. */
  readonly onProgress?: (progress: TaskProgress) => void
  /** Called, and awaited, as each epoch ends. */
  readonly onEpoch?: (epoch: TaskEpoch) => void | Promise<void>
}

/** Listeners that are told no accuracy. */
export function withoutAccuracy({
  onProgress,
  onEpoch,
}: TaskListeners): Pick<ReportSettings, 'onProgress' | 'onEpoch'> {
  return {
    ...(onProgress && { onProgress: ({ accuracy, ...progress }) => onProgress(progress) }),
    ...(onEpoch && { onEpoch: ({ accuracy, valAccuracy, ...epoch }) => onEpoch(epoch) }),
  }
}
