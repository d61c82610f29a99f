import { describe, SeqloomError } from '../../errors.js'
import type { ClassWeight } from '../../model/classWeight.js'
import { unsupported } from '../failure.js'
import type { LayersModel } from '../models/model.js'
import type { Rows } from './data.js'

/** A factor for each class; for several outputs in order or by name. */
export type ClassWeights =
  | { [classIndex: number]: number }
  | { [classIndex: number]: number }[]
  | { [output: string]: { [classIndex: number]: number } }

/** One for one, several for several. */
const alone = (all: readonly Rows[]) => (all.length === 1 ? (all[0] as Rows) : all)

/** One step of training on rows; the loss and the metrics before it. */
export async function trainRows(
  model: LayersModel,
  inputs: readonly Rows[],
  targets: readonly Rows[],
  classWeight: ClassWeights | null | undefined,
): Promise<number[]> {
  const { core } = model.prepareTraining()
  const weights = classWeight == null ? undefined : classWeightOf(model, classWeight)
  return await core.trainOnBatch(alone(inputs), alone(targets), weights ? { classWeight: weights } : {})
}

/** The loss and the metrics of rows. */
export async function testRows(
  model: LayersModel,
  inputs: readonly Rows[],
  targets: readonly Rows[],
  batchSize: number,
): Promise<number[]> {
  const { core } = model.prepareTraining()
  return await core.evaluate(alone(inputs), alone(targets), { batchSize })
}

/** The same on this thread. */
export function testRowsSync(
  model: LayersModel,
  inputs: readonly Rows[],
  targets: readonly Rows[],
  batchSize: number,
): number[] {
  const { core } = model.prepareTraining()
  return core.evaluateSync(alone(inputs), alone(targets), { batchSize })
}

/** The outputs for rows. */
export function predictRows(model: LayersModel, inputs: readonly Rows[], batchSize: number) {
  const outputs = model.core.predictSync(alone(inputs), { batchSize })
  return Array.isArray(outputs) ? outputs : [outputs]
}

function classWeightOf(model: LayersModel, given: ClassWeights): ClassWeight {
  const [name, ...others] = model.outputNames
  if (others.length > 0) {
    throw unsupported('classWeight for several outputs', "weight the rows: model.fit of 'seqloom' takes sampleWeight")
  }
  const own: unknown = Array.isArray(given) ? given[0] : ((given as Record<string, unknown>)[name as string] ?? given)
  return own as ClassWeight
}

/** `ERR_OPTION` for a batch size that is none. */
export function checkBatchSize(batchSize: unknown): void {
  if (Number.isInteger(batchSize) && (batchSize as number) > 0) return
  throw new SeqloomError('ERR_OPTION', `batchSize is required to be a positive integer, but got ${describe(batchSize)}`)
}
