import { describe, SeqloomError } from '../errors.js'
import type { Callback } from './callback.js'

/**
 * Sets the learning rate before every epoch to what a function of the epoch's number (from 0) and the present rate
 * gives. Logs and the history get it as `learning_rate`. For a rate that changes with every step, give `compile` a
 * schedule or a function. Errors: `ERR_OPTION`; `fit` rejects with it for a rate that is not a finite number of at least
 * 0, with `ERR_STATE` if the rate follows a schedule, and with what the function throws.
 */
export function learningRateScheduler(schedule: (epoch: number, learningRate: number) => number): Callback {
  if (typeof schedule !== 'function') {
    throw new SeqloomError(
      'ERR_OPTION',
      `callbacks.learningRateScheduler: expected a function, not ${describe(schedule)}`,
    )
  }
  return {
    onEpochBegin: (epoch, _logs, { model }) => {
      const rate: unknown = schedule(epoch, model.learningRate)
      if (typeof rate !== 'number' || !(rate >= 0 && rate < Number.POSITIVE_INFINITY)) {
        throw new SeqloomError(
          'ERR_OPTION',
          `callbacks.learningRateScheduler: the rate of epoch ${epoch} must be a finite number of at least 0, not ${describe(rate)}`,
        )
      }
      model.learningRate = rate
    },
    onEpochEnd: (_epoch, logs, { model }) => {
      logs.learning_rate = model.learningRate
    },
  }
}
