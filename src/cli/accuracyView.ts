import type { ClassifierEpoch, ClassifierProgress } from '../tasks/shared/training.js'
import type { TaskView } from './progress.js'

/** What progress shows of the training of a task with classes. */
export const accuracyView: TaskView<ClassifierProgress, ClassifierEpoch> = {
  unit: 'sequences',
  decides: 'accuracy',
  progress: ({ loss, accuracy }) => ({ loss, accuracy }),
  epoch: ({ loss, accuracy, valLoss, valAccuracy }) => ({
    ...{ loss, accuracy },
    ...{ val_loss: valLoss, val_accuracy: valAccuracy },
  }),
}
