import type { Callback } from '../callbacks/callback.js'
import type { BestWeights } from './bestWeights.js'
import type { TranslatorEpoch, TranslatorTraining } from './translatorOptions.js'

/** Reports the training of a translator on `total` rows, and offers the weights of every epoch as the best. */
export function translatorReports(total: number, settings: TranslatorTraining, best: BestWeights): Callback {
  const { epochs, batchSize, onProgress, onEpoch } = settings
  return {
    onBatchEnd(batch, { epoch = Number.NaN, loss = Number.NaN }) {
      onProgress?.({ epoch: epoch + 1, epochs, done: Math.min((batch + 1) * batchSize, total), total, loss })
    },
    async onEpochEnd(index, { loss = Number.NaN, val_loss: valLoss, seconds = Number.NaN }) {
      const epoch = index + 1
      best.offer(epoch, [valLoss ?? loss])
      const ended: TranslatorEpoch = {
        ...{ epoch, epochs, loss, seconds, best: best.epoch ?? epoch },
        ...(valLoss !== undefined && { valLoss }),
      }
      await onEpoch?.(ended)
    },
  }
}
