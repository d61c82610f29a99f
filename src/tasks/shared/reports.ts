import type { Callback, Logs } from '../../callbacks/callback.js'
import type { TrainClassifierOptions } from '../optionTypes.js'
import type { BestWeights } from './bestWeights.js'
import type { ClassifierEpoch } from './training.js'

/** What reports need to know of a training, and where they go. */
export type ReportSettings = Pick<TrainClassifierOptions<never>, 'onProgress' | 'onEpoch'> & {
  readonly epochs: number
  readonly batchSize: number
}

/**
 * Reports the training of a task on `total` rows, and offers the weights of every epoch as the best; accuracies may be
 * missing.
 */
export function reports(total: number, settings: ReportSettings, best: BestWeights): Callback {
  const { epochs, batchSize, onProgress, onEpoch } = settings
  return {
    onBatchEnd(batch, logs) {
      const done = Math.min((batch + 1) * batchSize, total)
      onProgress?.({ epoch: value(logs, 'epoch') + 1, epochs, done, total, ...measured(logs) })
    },
    async onEpochEnd(index, logs) {
      const { val_loss: valLoss, val_accuracy: valAccuracy } = logs
      const epoch = index + 1
      await best.offer(epoch, [-(valAccuracy ?? logs.accuracy ?? 0), valLoss ?? value(logs, 'loss')])
      const ended: ClassifierEpoch = {
        ...{ epoch, epochs, ...measured(logs) },
        ...(valLoss !== undefined && { valLoss }),
        ...(valAccuracy !== undefined && { valAccuracy }),
        ...{ seconds: value(logs, 'seconds'), best: best.epoch ?? epoch },
      }
      await onEpoch?.(ended)
    },
    getState: () => best.getState(),
    setState: (state) => best.setState(state),
  }
}

function measured(logs: Logs): { loss: number; accuracy: number } {
  return { loss: value(logs, 'loss'), accuracy: value(logs, 'accuracy') }
}

function value(logs: Logs, name: string): number {
  return logs[name] ?? Number.NaN
}
