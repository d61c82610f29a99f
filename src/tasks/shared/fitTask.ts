import type { Callback, History } from '../../callbacks/callback.js'
import { Dataset } from '../../data/dataset.js'
import type { DataSet } from '../../data/tensor.js'
import { AbortError } from '../../errors.js'
import type { Loss, LossName } from '../../losses/loss.js'
import type { TracedFunction } from '../../losses/traced.js'
import type { AnyMetric } from '../../model/compile.js'
import type { FitOptions, Model } from '../../model/index.js'
import { adam } from '../../optimizers/index.js'
import type { BestWeights } from './bestWeights.js'
import { type KeepSettings, keepBest, type Trainee } from './keepBest.js'
import { type ReportSettings, reports } from './reports.js'
import type { TrainingSettings } from './training.js'
import { inStages, type Unfreezing } from './unfreezing.js'

/** The data and the goal of a task's training. */
export interface FitData {
  /** The inputs, or batches `{ x, y, sampleWeight }` one after another. */
  readonly x: DataSet | Dataset<unknown>
  /** The targets; none for batches. */
  readonly y?: DataSet | undefined
  readonly validationData: readonly [DataSet, DataSet] | undefined
  /** How many rows there are to train on. */
  readonly rows: number
  /** Default `'sparseCategoricalCrossentropy'`. */
  readonly loss?: LossName | Loss | TracedFunction
  readonly metrics?: readonly AnyMetric[]
  /** Factors of the loss by class, in order. */
  readonly classWeight?: readonly number[] | undefined
  /** Factors of the loss by row. */
  readonly sampleWeight?: Float32Array | undefined
  /** What is trained only from some epoch on. */
  readonly unfreezing?: Unfreezing | undefined
}

/** The settings of {@link fitTask}. */
export type FitSettings = ReportSettings & KeepSettings & Pick<TrainingSettings<never>, 'learningRate' | 'signal'>

/** Compiles a task's model with Adam, trains it, and restores the kept epoch's weights, however the training ends. */
export async function fitTask(trainee: Trainee, data: FitData, settings: FitSettings): Promise<History> {
  const { model } = trainee
  const { x, y, validationData, rows, loss = 'sparseCategoricalCrossentropy', metrics = [] } = data
  const { classWeight, sampleWeight, unfreezing } = data
  const { batchSize, signal } = settings
  const optimizer = adam({ learningRate: settings.learningRate })
  return await trainKept(trainee, settings, {
    unfreezing,
    compile: () => model.compile({ optimizer, loss, metrics }),
    callbacksFor: (best) => [reports(rows, settings, best)],
    run: (range, callbacks) =>
      fitRows(model, x, y, {
        ...{ ...range, batchSize, callbacks },
        ...(validationData && { validationData }),
        ...(classWeight && { classWeight: { ...classWeight } }),
        ...(sampleWeight && { sampleWeight }),
        ...(signal && { signal }),
      }),
  })
}

/** How {@link trainKept} trains. */
export interface KeptTraining {
  readonly unfreezing: Unfreezing | undefined
  /** Compiles the model, always with the same optimizer, so that it continues from stage to stage where it was. */
  readonly compile: () => void
  /** The callbacks that the task makes. */
  readonly callbacksFor: (best: BestWeights) => readonly Callback[]
  /** Trains the epochs of a range. */
  readonly run: (range: Pick<FitOptions, 'epochs' | 'initialEpoch'>, callbacks: readonly Callback[]) => Promise<History>
}

/**
 * Compiles and trains a model, stage by stage where layers wait for their turn, and restores the kept epoch's weights,
 * however the training ends.
 */
export async function trainKept(
  trainee: Trainee,
  settings: KeepSettings & { readonly epochs: number },
  { unfreezing, compile, callbacksFor, run }: KeptTraining,
): Promise<History> {
  const { epochs } = settings
  if (!unfreezing) {
    compile()
    return await keepBest(trainee, settings, callbacksFor, (callbacks) => run({ epochs }, callbacks))
  }
  // Each stage has its own backups.
  const { backupDir: _, ...others } = settings
  return await keepBest(trainee, others, callbacksFor, (callbacks) =>
    inStages(unfreezing, epochs, settings, (range, further) => {
      compile()
      return run(range, [...callbacks, ...further])
    }),
  )
}

/** {@link Model.fit} of inputs and targets, or of batches that come one after another. */
export async function fitRows(
  model: Pick<Model, 'fit'>,
  x: DataSet | Dataset<unknown>,
  y: DataSet | undefined,
  options: FitOptions,
): Promise<History> {
  if (!(x instanceof Dataset)) return await model.fit(x, y as DataSet, options)
  // Batches have their size, and rows that are alike in length are together already.
  const { batchSize, bucketByLength: _, ...rest } = options
  return await model.fit(x, { ...rest, ...(batchSize !== undefined && { validationBatchSize: batchSize }) })
}

/** Throws an AbortError if the signal has aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal)
}
