import type { Epoch, Progress } from '../cli/progress.js'
import { batchPause, type Callback, closing, type Logs } from './callback.js'

/** The losses and metrics in logs, without the training's position. */
function scores({ epoch, batch, batches, size, seconds, ...values }: Logs): Logs {
  return values
}

/**
 * Shows a training's progress on stderr. With 1, as the command line does: a bar on a terminal, lines elsewhere. With
 * 2, always one line per epoch. The terminal is tidied up, however the training ends.
 */
export async function shownProgress(verbose: 1 | 2): Promise<Callback> {
  const { reporter } = await import('../cli/progress.js')
  const show = reporter<Progress & { readonly logs: Logs }, Epoch & { readonly logs: Logs }>(
    false,
    { unit: 'batches', progress: ({ logs }) => scores(logs), epoch: ({ logs }) => scores(logs) },
    verbose === 1,
  )
  return {
    // The bar is drawn no more often.
    [batchPause]: 0.1,
    onBatchEnd: (batch, logs, { epochs }) =>
      show.progress({ epoch: (logs.epoch ?? 0) + 1, epochs, done: batch + 1, total: logs.batches ?? 1, logs }),
    onEpochEnd: (epoch, logs, { epochs }) => show.epoch({ epoch: epoch + 1, epochs, seconds: logs.seconds ?? 0, logs }),
    [closing]: () => show.close(),
  }
}
