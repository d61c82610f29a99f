import { describe, SeqloomError } from '../errors.js'
import { type Callback, type Logs, recording } from './callback.js'

/** How far a training has come, together with `loss`, the metrics and, at the end of an epoch, both with `val_`. */
export interface FitProgress {
  /** The number of the epoch, from 1. */
  readonly epoch: number
  /** The number of the last epoch. */
  readonly epochs: number
  /** How many batches of the epoch are done. */
  readonly batch: number
  /** How many batches the epoch has. */
  readonly batches: number
  /** Seconds since `fit` began. */
  readonly seconds: number
  /** Estimated seconds for the rest, at the speed so far. */
  readonly eta: number
  readonly [value: string]: number
}

/**
 * Calls a function after batches, and at the end of every epoch, where it is awaited and `batch` equals `batches`. When
 * batches follow each other fast, only the newest is reported. If the function throws, `fit` rejects. Errors:
 * `ERR_OPTION`.
 */
export function progress(report: (progress: FitProgress) => void | Promise<void>): Callback {
  if (typeof report !== 'function') {
    throw new SeqloomError('ERR_OPTION', `callbacks.progress: expected a function, not ${describe(report)}`)
  }
  let began = 0
  let first: number | undefined
  let batches = 1
  const at = (epoch: number, batch: number, epochs: number, logs: Logs): FitProgress => {
    first ??= epoch
    const seconds = (performance.now() - began) / 1000
    const done = (epoch - first) * batches + batch
    const left = (epochs - epoch) * batches - batch
    return { ...logs, epoch: epoch + 1, epochs, batch, batches, seconds, eta: done > 0 ? (seconds / done) * left : 0 }
  }
  return {
    [recording]: true,
    onTrainBegin: () => {
      began = performance.now()
      first = undefined
    },
    onEpochBegin: (epoch) => {
      first ??= epoch
    },
    onBatchEnd: (batch, { batches: all = 1, size: _size, ...logs }, training) => {
      batches = all
      return report(at(logs.epoch ?? 0, batch + 1, training.epochs, logs))
    },
    onEpochEnd: (epoch, logs, training) => report(at(epoch, batches, training.epochs, logs)),
  }
}
