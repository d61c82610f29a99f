import type { Callback, Logs } from '../../callbacks/callback.js'
import type { BestWeights } from '../shared/bestWeights.js'
import type { GeneratorTraining } from './options.js'

/** What reports need to know about a training. */
export type ReportedTraining = GeneratorTraining & Required<Pick<GeneratorTraining, 'epochs' | 'batchSize' | 'time'>>

/**
 * Reports the training of a text generator on `rows` rows of steps, and offers the weights of every epoch as the best.
 */
export function generatorReports(rows: number, settings: ReportedTraining, best: BestWeights): Callback {
  const { epochs, batchSize, time, onProgress, onEpoch } = settings
  return {
    onBatchEnd(batch, logs) {
      const done = (batch + 1) * batchSize * time
      onProgress?.({ epoch: value(logs, 'epoch') + 1, epochs, done, total: rows * time, loss: value(logs, 'loss') })
    },
    async onEpochEnd(index, logs) {
      const { val_loss: valLoss } = logs
      const epoch = index + 1
      const loss = value(logs, 'loss')
      await best.offer(epoch, [valLoss ?? loss])
      const seconds = value(logs, 'seconds')
      await onEpoch?.({
        ...{ epoch, epochs, loss, seconds },
        ...(valLoss !== undefined && { valLoss }),
        best: best.epoch ?? epoch,
      })
    },
    getState: () => best.getState(),
    setState: (state) => best.setState(state),
  }
}

function value(logs: Logs, name: string): number {
  return logs[name] ?? Number.NaN
}
