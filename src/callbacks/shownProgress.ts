import type { Epoch, Progress } from '../cli/progress.js'
import type { Callback, Logs } from './callback.js'

/** Losses and metrics of logs, without what says where the training is. */
function scores({ epoch, batch, batches, size, seconds, ...values }: Logs): Logs {
  return values
}

/**
 * Shows how a training goes, on stderr: with 1 as the command line does, a bar on a terminal and lines elsewhere; with 2 always lines, one for every
 * epoch. `close` leaves the terminal in order, however the training ends.
 */
export async function shownProgress(
  verbose: 1 | 2,
): Promise<{ readonly callback: Callback; readonly close: () => void }> {
  const { reporter } = await import('../cli/progress.js')
  const show = reporter<Progress & { readonly logs: Logs }, Epoch & { readonly logs: Logs }>(
    false,
    { unit: 'batches', progress: ({ logs }) => scores(logs), epoch: ({ logs }) => scores(logs) },
    verbose === 1,
  )
  return {
    callback: {
      onBatchEnd: (batch, logs, { epochs }) =>
        show.progress({ epoch: (logs.epoch ?? 0) + 1, epochs, done: batch + 1, total: logs.batches ?? 1, logs }),
      onEpochEnd: (epoch, logs, { epochs }) =>
        show.epoch({ epoch: epoch + 1, epochs, seconds: logs.seconds ?? 0, logs }),
    },
    close: () => show.close(),
  }
}
