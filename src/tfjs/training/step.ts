import { describe, SeqloomError } from '../../errors.js'
import type { ClassWeights as CoreClassWeights } from '../../model/classWeight.js'
import type { Model } from '../../model/index.js'
import { evaluate, onBatch } from '../../model/training.js'
import { isRecord } from '../../options.js'
import { warn } from '../../warn.js'
import type { LayersModel } from '../models/model.js'
import type { Rows } from './data.js'
import { penaltyOf } from './penalty.js'

/** A factor for each class. */
export type ClassWeight = { [classIndex: number]: number }
/** The same for each output by name. */
export type ClassWeightMap = { [output: string]: ClassWeight }
/** @inline A factor for each class; for several outputs in order or by name. */
export type ClassWeights = ClassWeight | ClassWeight[] | ClassWeightMap

/** The models whose losses were no numbers. */
const warned = new WeakSet<LayersModel>()

/** One for one, several for several. */
const alone = (all: readonly Rows[]) => (all.length === 1 ? (all[0] as Rows) : all)

/** One step of training on rows, which a prediction may interrupt; the loss and the metrics before it. */
export async function trainRows(
  model: LayersModel,
  inputs: readonly Rows[],
  targets: readonly Rows[],
  classWeight: ClassWeights | null | undefined,
): Promise<number[]> {
  const { core } = model.prepareTraining()
  const weights = classWeight == null ? undefined : classWeightOf(model, classWeight)
  try {
    const options = weights ? { classWeight: weights } : {}
    return await onBatch(core.engine, 'trainOnBatch', alone(inputs), alone(targets), options, true)
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_NUMERIC') throw error
    // tfjs goes on with losses that are no numbers.
    if (!warned.has(model)) warn('WARN_NUMERIC', `${error.message}; such steps are left out, and their loss is NaN`)
    warned.add(model)
    return model.metricsNames.map(() => Number.NaN)
  }
}

/** The loss and the metrics of rows, which a prediction may interrupt. */
export async function testRows(
  model: LayersModel,
  inputs: readonly Rows[],
  targets: readonly Rows[],
  batchSize: number,
): Promise<number[]> {
  const { core } = model.prepareTraining()
  const scores = await evaluate(core, core.engine, alone(inputs), alone(targets), { batchSize }, true)
  return unpenalized(core, scores as number[])
}

/** The same on this thread. */
export function testRowsSync(
  model: LayersModel,
  inputs: readonly Rows[],
  targets: readonly Rows[],
  batchSize: number,
): number[] {
  const { core } = model.prepareTraining()
  return unpenalized(core, core.evaluateSync(alone(inputs), alone(targets), { batchSize }))
}

/** The loss without what regularizers add, and the metrics. */
const unpenalized = (core: Model, [loss, ...metrics]: readonly number[]): number[] => [
  (loss as number) - penaltyOf(core),
  ...metrics,
]

/** The outputs for rows. */
export function predictRows(model: LayersModel, inputs: readonly Rows[], batchSize: number) {
  const outputs = model.core.predictSync(alone(inputs), { batchSize })
  return Array.isArray(outputs) ? outputs : [outputs]
}

/** Factors of the only output, or those of each output in order. */
function classWeightOf(model: LayersModel, given: ClassWeights): CoreClassWeights {
  const names = model.outputNames
  if (names.length === 1) {
    const byName = given as Record<string, unknown>
    return (Array.isArray(given) ? given[0] : (byName[names[0] as string] ?? given)) as CoreClassWeights
  }
  if (Array.isArray(given)) return given
  const unknown = isRecord(given) ? Object.keys(given).find((name) => !names.includes(name)) : undefined
  if (!isRecord(given) || unknown !== undefined) {
    const got = unknown === undefined ? describe(given) : `the key ${describe(unknown)}`
    throw new SeqloomError(
      'ERR_OPTION',
      `The model has multiple (${names.length}) outputs, so classWeight must be an array of ${names.length} elements or an object with ${names} keys, not ${got}`,
    )
  }
  return names.map((name) => (given as Record<string, never>)[name] ?? null)
}

/** `ERR_OPTION` for a batch size that is none. */
export function checkBatchSize(batchSize: unknown): void {
  if (Number.isInteger(batchSize) && (batchSize as number) > 0) return
  throw new SeqloomError('ERR_OPTION', `batchSize is required to be a positive integer, but got ${describe(batchSize)}`)
}

/** `ERR_OPTION` for a first epoch that is none. */
export function checkInitialEpoch(initialEpoch: unknown): void {
  if (Number.isInteger(initialEpoch) && (initialEpoch as number) >= 0) return
  throw new SeqloomError('ERR_OPTION', `initialEpoch must be an integer of at least 0, not ${describe(initialEpoch)}`)
}
