import type { Callback, Logs } from '../callbacks/callback.js'
import type { BestWeights } from './bestWeights.js'
import type { TaskListeners } from './taskReports.js'

/** What reports need to know of a training. */
interface ReportSettings extends TaskListeners {
  readonly epochs: number
  readonly batchSize: number
}

/**
 * Reports the training of a forecaster on `total` windows and offers the weights of every epoch as the best: those of the lowest loss on what is held
 * out, without that of the lowest training loss, and those of the last epoch where too little is held out to tell.
 */
export function forecasterReports(
  total: number,
  decides: boolean,
  settings: ReportSettings,
  best: BestWeights,
): Callback {
  const { epochs, batchSize, onProgress, onEpoch } = settings
  return {
    onBatchEnd(batch, logs) {
      const done = Math.min((batch + 1) * batchSize, total)
      onProgress?.({ epoch: value(logs, 'epoch') + 1, epochs, done, total, loss: value(logs, 'loss') })
    },
    async onEpochEnd(index, logs) {
      const { val_loss: valLoss } = logs
      const epoch = index + 1
      const loss = value(logs, 'loss')
      best.offer(epoch, [decides ? (valLoss ?? loss) : -epoch])
      await onEpoch?.({
        ...{ epoch, epochs, loss, seconds: value(logs, 'seconds') },
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
