import type { History } from '../callbacks/callback.js'
import type { DataSet } from '../data/tensor.js'
import { AbortError } from '../errors.js'
import type { Loss, LossName } from '../losses/loss.js'
import type { TracedFunction } from '../losses/traced.js'
import type { AnyMetric } from '../model/compile.js'
import { adam } from '../optimizers/index.js'
import type { TrainingSettings } from './classifierOptions.js'
import { type ReportSettings, reports } from './classifierReports.js'
import { keepBest, type Trainee } from './keepBest.js'
import { randomSplit } from './split.js'

/** What a task trains on, and for what. */
export interface FitData {
  readonly x: DataSet
  readonly y: DataSet
  readonly validationData: readonly [DataSet, DataSet] | undefined
  /** How many rows there are to train on. */
  readonly rows: number
  /** Default `'sparseCategoricalCrossentropy'`. */
  readonly loss?: LossName | Loss | TracedFunction
  readonly metrics?: readonly AnyMetric[]
}

/** The settings of {@link fitTask}. */
export type FitSettings = ReportSettings &
  Pick<TrainingSettings<never>, 'learningRate' | 'restoreBest' | 'backupDir' | 'resume' | 'signal'>

/** Compiles a task's model with Adam, trains it, and puts its best weights back, however the training ends. */
export async function fitTask(trainee: Trainee, data: FitData, settings: FitSettings): Promise<History> {
  const { model } = trainee
  const { x, y, validationData, rows, loss = 'sparseCategoricalCrossentropy', metrics = [] } = data
  const { epochs, batchSize, signal } = settings
  model.compile({ optimizer: adam({ learningRate: settings.learningRate }), loss, metrics })
  return await keepBest(
    trainee,
    settings,
    (best) => [reports(rows, settings, best)],
    (callbacks) =>
      model.fit(x, y, {
        ...{ epochs, batchSize, callbacks },
        ...(validationData && { validationData }),
        ...(signal && { signal }),
      }),
  )
}

/** The rows to train on and those to measure on: given ones, or a share that the seed draws. */
export function divide<Row>(
  rows: readonly Row[],
  { validationData, validationSplit }: Pick<TrainingSettings<Row>, 'validationData' | 'validationSplit'>,
  seed: number,
): { readonly training: readonly Row[]; readonly validation: readonly Row[] } {
  if (validationData) return { training: rows, validation: validationData }
  const { training, validation } = randomSplit(rows.length, validationSplit, seed)
  const pick = (index: number) => rows[index] as Row
  return { training: training.map(pick), validation: validation.map(pick) }
}

/** Throws an AbortError if the signal has aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal)
}
