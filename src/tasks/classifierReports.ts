import type { Callback, Logs } from '../callbacks/callback.js'
import type { BestWeights } from './bestWeights.js'
import type { ClassifierEpoch, TrainingSettings } from './classifierOptions.js'

/** Reports the training of a classifier on `total` texts, and offers the weights of every epoch as the best. */
export function reports(total: number, settings: TrainingSettings, best: BestWeights): Callback {
  const { epochs, batchSize, onProgress, onEpoch } = settings
  return {
    onBatchEnd(batch, logs) {
      const done = Math.min((batch + 1) * batchSize, total)
      onProgress?.({ epoch: value(logs, 'epoch') + 1, epochs, done, total, ...measured(logs) })
    },
    async onEpochEnd(index, logs) {
      const { val_loss: valLoss, val_accuracy: valAccuracy } = logs
      const epoch = index + 1
      best.offer(epoch, [-(valAccuracy ?? value(logs, 'accuracy')), valLoss ?? value(logs, 'loss')])
      const ended: ClassifierEpoch = {
        ...{ epoch, epochs, ...measured(logs) },
        ...(valLoss !== undefined && { valLoss }),
        ...(valAccuracy !== undefined && { valAccuracy }),
        ...{ seconds: value(logs, 'seconds'), best: best.epoch ?? epoch },
      }
      await onEpoch?.(ended)
    },
  }
}

function measured(logs: Logs): { loss: number; accuracy: number } {
  return { loss: value(logs, 'loss'), accuracy: value(logs, 'accuracy') }
}

function value(logs: Logs, name: string): number {
  return logs[name] ?? Number.NaN
}
