import { SeqloomError } from '../../errors.js'
import type { Callbacks, History, Logs, YieldEveryOptions } from '../callbacks/index.js'
import { givenOnly } from '../layers/options.js'
import type { LayersModel } from '../models/model.js'
import { inputsFor, type Rows, rowsOf, type TensorOrArrayOrMap, tensorsFor } from './data.js'
import { callbackList, named, Totals } from './fit.js'
import { type ClassWeights, checkInitialEpoch, testRows, trainRows } from './step.js'

/** Batches of a data set, one after the other. */
export interface Batches {
  next(): Promise<{ readonly done: boolean; readonly value: unknown }>
}

/** A data set, as `tf.data.*` makes it. */
export interface DatasetLike {
  readonly size?: number | null
  iterator(): Promise<Batches>
}

/** Options of `model.fitDataset`, for a data set of any elements. */
export interface ModelFitDatasetArgs<_T = unknown> {
  /** How many batches an epoch takes; by default all of the data set. */
  batchesPerEpoch?: number
  epochs: number
  initialEpoch?: number
  verbose?: 0 | 1 | 2 | boolean
  callbacks?: Callbacks
  validationData?: [TensorOrArrayOrMap, TensorOrArrayOrMap] | DatasetLike | null
  validationBatchSize?: number
  validationBatches?: number
  yieldEvery?: YieldEveryOptions
  classWeight?: ClassWeights
}

const isDataset = (given: unknown): given is DatasetLike =>
  typeof (given as { iterator?: unknown } | null)?.iterator === 'function'

/** Trains on the batches of a data set. */
export async function fitDataset(
  model: LayersModel,
  dataset: DatasetLike,
  args: ModelFitDatasetArgs,
): Promise<History> {
  if (args == null)
    throw new SeqloomError(
      'ERR_OPTION',
      'For fitDataset(), the 2nd argument (config) is required, but it is not provided in this call.',
    )
  if (!isDataset(dataset)) throw new SeqloomError('ERR_DATA', 'fitDataset: expected a data set, as tf.data.* makes it')
  const { epochs, batchesPerEpoch, initialEpoch = 0, validationData, validationBatchSize = 32 } = givenOnly(args)
  requirePositive('fitDataset(), config.epochs', epochs, true)
  checkInitialEpoch(initialEpoch)
  requirePositive('fitDataset(), config.batchesPerEpoch', batchesPerEpoch)
  requirePositive('fitDataset(), config.validationBatches', args.validationBatches)
  if ((args as { validationSplit?: unknown }).validationSplit != null) {
    throw new SeqloomError(
      'ERR_OPTION',
      '`validationSplit` is not supported by `fitDataset()`. Use validationData instead.',
    )
  }
  const names = model.metricsNames
  const size = dataset.size
  const { list, history } = callbackList(model, args, {
    epochs,
    initialEpoch: null,
    samples: null,
    steps: batchesPerEpoch ?? (typeof size === 'number' && Number.isFinite(size) ? size : null),
    batchSize: null,
    doValidation: validationData !== undefined,
  })
  await list.onTrainBegin()
  model.stopTraining = false
  let batches = await dataset.iterator()
  for (let epoch = initialEpoch; epoch < epochs; epoch++) {
    await list.onEpochBegin(epoch)
    const totals = new Totals(names)
    const epochLogs: Logs = {}
    if (batchesPerEpoch === undefined && epoch > initialEpoch) batches = await dataset.iterator()
    for (let batch = 0; batchesPerEpoch === undefined || batch < batchesPerEpoch; ) {
      const { done, value } = await batches.next()
      if (done && batchesPerEpoch !== undefined) {
        console.warn(
          `You provided \`batchesPerEpoch\` as ${batchesPerEpoch}, but your dataset iterator ran out of data after ${batch} batches; interrupting training. Make sure that your dataset can generate at least \`batchesPerEpoch * epochs\` batches (in this case, ${batchesPerEpoch * epochs} batches). You may need to use the repeat() function when building your dataset.`,
        )
        break
      }
      if (value !== undefined && value !== null) {
        const { inputs, targets, rows } = batchOf(model, value)
        await list.onBatchBegin(batch, { batch, size: rows })
        const values = await trainRows(model, inputs, targets, args.classWeight)
        totals.add(values, rows)
        await list.onBatchEnd(batch, { batch, size: rows, ...named(names, values) })
        batch++
      }
      if (done || batch === batchesPerEpoch) {
        const scores =
          validationData && (await validated(model, validationData, validationBatchSize, args.validationBatches))
        for (const [name, score] of Object.entries(scores ?? {})) epochLogs[`val_${name}`] = score
        break
      }
      if (model.stopTraining) break
    }
    await list.onEpochEnd(epoch, Object.assign(epochLogs, totals.means()))
    if (model.stopTraining) break
  }
  await list.onTrainEnd()
  return history
}

async function validated(
  model: LayersModel,
  data: [TensorOrArrayOrMap, TensorOrArrayOrMap] | DatasetLike,
  batchSize: number,
  batches: number | undefined,
): Promise<Logs> {
  if (isDataset(data)) return await testDataset(model, data, batches)
  const [x, y] = data
  const inputs = inputsFor(model, x)
  const targets = tensorsFor('target', model.outputNames, y)
  rowsOf(inputs, targets)
  return named(model.metricsNames, await testRows(model, inputs, targets, batchSize))
}

/** The loss and the metrics over the batches of a data set. */
export async function testDataset(
  model: LayersModel,
  dataset: DatasetLike | Batches,
  most: number | undefined,
): Promise<Logs> {
  requirePositive('Test loop expects `batches`', most)
  const batches = isDataset(dataset) ? await dataset.iterator() : (dataset as Batches)
  const totals = new Totals(model.metricsNames)
  for (let batch = 0; most === undefined || batch < most; batch++) {
    const { done, value } = await batches.next()
    if (value !== undefined && value !== null) {
      const { inputs, targets, rows } = batchOf(model, value)
      totals.add(await testRows(model, inputs, targets, rows), rows)
    }
    if (!done) continue
    if (most !== undefined) {
      console.warn(
        `Your dataset iterator ran out of data during evaluateDataset(). Interrupting evalution. Make sure that your dataset can generate at least \`batches\` batches (in this case, ${most} batches). You may need to use the repeat() function when building your dataset.`,
      )
    }
    break
  }
  return totals.means()
}

function batchOf(model: LayersModel, value: unknown): { inputs: Rows[]; targets: Rows[]; rows: number } {
  const { xs, ys } = value as { xs?: unknown; ys?: unknown }
  if (xs == null || ys == null) {
    throw new SeqloomError(
      'ERR_DATA',
      'A Dataset iterator for fitDataset() is expected to generate objects of the form `{xs: xVal, ys: yVal}`, where the two values may be `tf.Tensor`, an array of Tensors, or a map of string to Tensor.',
    )
  }
  const inputs = inputsFor(model, xs)
  const targets = tensorsFor('target', model.outputNames, ys)
  return { inputs, targets, rows: rowsOf(inputs, targets) }
}

function requirePositive(what: string, value: unknown, isRequired = false): void {
  if (value === undefined || value === null ? !isRequired : Number.isInteger(value) && (value as number) > 0) return
  throw new SeqloomError('ERR_OPTION', `For ${what} is expected to be a positive integer, but got ${value}`)
}
