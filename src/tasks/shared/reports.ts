import type { Callback, Logs } from '../../callbacks/callback.js'
import type { TrainClassifierOptions } from '../optionTypes.js'
import type { BestWeights } from './bestWeights.js'
import type { ClassifierEpoch, ClassifierProgress } from './training.js'

/** What reports need to know of a training, and where they go. */
export type ReportSettings = Pick<TrainClassifierOptions<never>, 'onProgress' | 'onEpoch'> & {
  readonly epochs: number
  readonly batchSize: number
}

/** What a training part or a validation part is measured by. */
export interface Measured {
  readonly loss: number
  readonly accuracy?: number
}

/** Finds the measures of a part in logs, where those of the validation part begin with `val_`; undefined if they are not there. */
export type Measure = (logs: Logs, part: '' | 'val_') => Measured | undefined

/** What epochs are told apart by: the lowest cost is the best, of equals the lowest next one. */
export type Costs = (measured: Measured) => readonly number[]

const lossAndAccuracy: Measure = (logs, part) => {
  const [loss, accuracy] = [logs[`${part}loss`], logs[`${part}accuracy`]]
  return loss === undefined ? undefined : { loss, ...(accuracy !== undefined && { accuracy }) }
}

/** The loss alone. */
export const byLoss: Costs = ({ loss }) => [loss]

const byAccuracy: Costs = ({ loss, accuracy = 0 }) => [-accuracy, loss]

/** Reports the training of a task on `total` rows, and offers the weights of every epoch as the best. */
export function reports(
  total: number,
  { epochs, batchSize, onProgress, onEpoch }: ReportSettings,
  best: BestWeights,
  costs: Costs = byAccuracy,
  measure: Measure = lossAndAccuracy,
): Callback {
  const trained = (logs: Logs) => measure(logs, '') ?? { loss: Number.NaN }
  return {
    ...(onProgress && {
      onBatchEnd(batch: number, logs: Logs) {
        const { epoch = Number.NaN } = logs
        const done = Math.min((batch + 1) * batchSize, total)
        onProgress({ epoch: epoch + 1, epochs, done, total, ...trained(logs) } as ClassifierProgress)
      },
    }),
    async onEpochEnd(index, logs) {
      const epoch = index + 1
      const training = trained(logs)
      const validation = measure(logs, 'val_')
      await best.offer(epoch, costs(validation ?? training))
      const ended = {
        ...{ epoch, epochs, ...training },
        ...(validation && { valLoss: validation.loss }),
        ...(validation?.accuracy !== undefined && { valAccuracy: validation.accuracy }),
        ...{ seconds: logs.seconds ?? Number.NaN, best: best.epoch ?? epoch },
      }
      await onEpoch?.(ended as ClassifierEpoch)
    },
    getState: () => best.getState(),
    setState: (state) => best.setState(state),
  }
}
