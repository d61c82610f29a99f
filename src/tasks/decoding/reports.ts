import type { Callback } from '../../callbacks/callback.js'
import type { BestWeights } from '../shared/bestWeights.js'
import type { TaskEpoch } from '../shared/taskReports.js'
import type { DecoderTraining } from './options.js'

/**
 * Reports the training of a decoder on `total` rows, and offers the weights of every epoch as the best. Losses are
 * those of the tokens, without what layers add.
 */
export function decoderReports(
  total: number,
  settings: DecoderTraining & { readonly epochs: number },
  best: BestWeights,
): Callback {
  const { epochs, batchSize, onProgress, onEpoch } = settings
  return {
    onBatchEnd(batch, { epoch = Number.NaN, words_perplexity: perplexity = Number.NaN }) {
      const done = Math.min((batch + 1) * batchSize, total)
      onProgress?.({ epoch: epoch + 1, epochs, done, total, loss: Math.log(perplexity) })
    },
    async onEpochEnd(index, logs) {
      const { words_perplexity: perplexity = Number.NaN, val_words_perplexity: validation, seconds = Number.NaN } = logs
      const epoch = index + 1
      const [loss, valLoss] = [Math.log(perplexity), validation === undefined ? undefined : Math.log(validation)]
      await best.offer(epoch, [valLoss ?? loss])
      const ended: TaskEpoch = {
        ...{ epoch, epochs, loss, seconds, best: best.epoch ?? epoch },
        ...(valLoss !== undefined && { valLoss }),
      }
      await onEpoch?.(ended)
    },
    getState: () => best.getState(),
    setState: (state) => best.setState(state),
  }
}
