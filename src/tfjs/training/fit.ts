import { SeqloomError } from '../../errors.js'
import {
  type BaseCallback,
  CallbackList,
  type Callbacks,
  History,
  type Logs,
  standardized,
  type YieldEveryOptions,
} from '../callbacks/index.js'
import { unsupported } from '../failure.js'
import { givenOnly } from '../layers/options.js'
import type { LayersModel } from '../models/model.js'
import { gatherRows, inputsFor, type Rows, rowsOf, sliceRows, type TensorOrArrayOrMap, tensorsFor } from './data.js'
import { ProgressLines } from './progress.js'
import { type ClassWeights, checkBatchSize, checkInitialEpoch, testRows, trainRows } from './step.js'

/** Options of `model.fit`. */
export interface ModelFitArgs {
  /** How many rows a step takes; default 32. */
  batchSize?: number
  /** The number of the last epoch plus one; default 1. */
  epochs?: number
  /** With 1 or 2, prints two lines for each epoch; nothing by default. */
  verbose?: 0 | 1 | 2 | boolean
  callbacks?: Callbacks
  /** The share of rows, taken from the end, that is evaluated after each epoch. */
  validationSplit?: number | null
  validationData?: [TensorOrArrayOrMap, TensorOrArrayOrMap] | [TensorOrArrayOrMap, TensorOrArrayOrMap, unknown] | null
  /** Whether every epoch shuffles the rows anew; default true. */
  shuffle?: boolean | string
  classWeight?: ClassWeights | null
  sampleWeight?: unknown
  initialEpoch?: number
  stepsPerEpoch?: number
  validationSteps?: number
  yieldEvery?: YieldEveryOptions
}

/** Trains a model batch by batch, as tfjs does: all that callbacks get and do is the same. */
export async function fitTensors(
  model: LayersModel,
  x: TensorOrArrayOrMap,
  y: TensorOrArrayOrMap,
  args: ModelFitArgs,
): Promise<History> {
  const { batchSize = 32, epochs = 1, shuffle = true, initialEpoch = 0 } = givenOnly(args)
  checkBatchSize(batchSize)
  checkInitialEpoch(initialEpoch)
  if (args.sampleWeight != null)
    throw unsupported('fit with sampleWeight', "as in tfjs; model.fit of 'seqloom' takes it")
  if (args.stepsPerEpoch != null || args.validationSteps != null) {
    throw unsupported('fit with stepsPerEpoch or validationSteps', 'as in tfjs; use fitDataset with batchesPerEpoch')
  }
  if (typeof shuffle === 'string') throw unsupported(`fit with shuffle '${shuffle}'`, 'as in tfjs; use true or false')
  let inputs = inputsFor(model, x)
  let targets = tensorsFor('target', model.outputNames, y)
  const all = rowsOf(inputs, targets)
  let validation: { readonly inputs: Rows[]; readonly targets: Rows[] } | undefined
  const { validationData, validationSplit } = givenOnly(args)
  if (validationData && validationData.length > 0) {
    if (validationData.length === 3) {
      throw unsupported('validationData with sample weights', "as in tfjs; model.fit of 'seqloom' takes it")
    }
    const [valX, valY] = validationData
    validation = {
      inputs: inputsFor(model, valX),
      targets: tensorsFor('target', model.outputNames, valY),
    }
    rowsOf(validation.inputs, validation.targets)
  } else if (validationSplit && validationSplit > 0 && validationSplit < 1) {
    const splitAt = Math.floor(all * (1 - validationSplit))
    const part = (rows: readonly Rows[], start: number, end: number) => rows.map((each) => sliceRows(each, start, end))
    validation = { inputs: part(inputs, splitAt, all), targets: part(targets, splitAt, all) }
    inputs = part(inputs, 0, splitAt)
    targets = part(targets, 0, splitAt)
  }
  const rows = rowsOf(inputs, targets)
  const { list, history } = callbackList(model, args, {
    epochs,
    initialEpoch,
    samples: rows,
    steps: null,
    batchSize,
    doValidation: validation !== undefined,
  })
  await list.onTrainBegin()
  model.stopTraining = false
  const order = Uint32Array.from({ length: rows }, (_, index) => index)
  const names = model.metricsNames
  for (let epoch = initialEpoch; epoch < epochs; epoch++) {
    await list.onEpochBegin(epoch)
    const totals = new Totals(names)
    const epochLogs: Logs = {}
    if (shuffle) shuffleInPlace(order)
    for (let batch = 0, start = 0; start < rows; batch++, start += batchSize) {
      const size = Math.min(batchSize, rows - start)
      await list.onBatchBegin(batch, {})
      const indices = order.subarray(start, start + size)
      const take = (each: Rows) => (shuffle ? gatherRows(each, indices) : sliceRows(each, start, start + size))
      const values = await trainRows(model, inputs.map(take), targets.map(take), args.classWeight)
      totals.add(values, size)
      if (start + size >= rows && validation) {
        const scores = await testRows(model, validation.inputs, validation.targets, batchSize)
        names.forEach((name, at) => {
          epochLogs[`val_${name}`] = scores[at] as number
        })
      }
      await list.onBatchEnd(batch, { batch, size, ...named(names, values) })
      if (model.stopTraining) break
    }
    await list.onEpochEnd(epoch, Object.assign(epochLogs, totals.means()))
    if (model.stopTraining) break
  }
  await list.onTrainEnd()
  return history
}

/** Values by the names of the loss and the metrics. */
export const named = (names: readonly string[], values: readonly number[]): Logs =>
  Object.fromEntries(names.map((name, at) => [name, values[at] as number]))

/** Means over batches, each counted by its rows. */
export class Totals {
  readonly #names: readonly string[]
  readonly #sums: number[]
  #rows = 0

  constructor(names: readonly string[]) {
    this.#names = names
    this.#sums = names.map(() => 0)
  }

  add(values: readonly number[], rows: number): void {
    this.#rows += rows
    for (const at of this.#sums.keys()) this.#sums[at] = (this.#sums[at] as number) + (values[at] as number) * rows
  }

  get rows(): number {
    return this.#rows
  }

  /** None if there were no rows. */
  means(): Logs {
    if (this.#rows === 0) return {}
    return named(
      this.#names,
      this.#sums.map((sum) => sum / this.#rows),
    )
  }
}

/** What callbacks are told of a training. */
export interface TrainingParams {
  readonly epochs: number
  readonly initialEpoch: number | null
  readonly samples: number | null
  readonly steps: number | null
  readonly batchSize: number | null
  readonly doValidation: boolean
}

/** The callbacks of a training, the history last. */
export function callbackList(
  model: LayersModel,
  args: Pick<ModelFitArgs, 'callbacks' | 'yieldEvery' | 'verbose'>,
  params: TrainingParams,
): { readonly list: CallbackList; readonly history: History } {
  const verbose = Number(args.verbose ?? 0)
  const history = new History()
  const lines: BaseCallback[] = verbose > 0 ? [new ProgressLines()] : []
  const list = new CallbackList([...lines, ...standardized(args.callbacks, args.yieldEvery), history])
  const names = model.metricsNames
  const metrics = params.doValidation ? [...names, ...names.map((name) => `val_${name}`)] : [...names]
  list.setParams({ ...params, verbose, metrics })
  list.setModel(model)
  model.history = history
  return { list, history }
}

function shuffleInPlace(order: Uint32Array): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const value = order[last] as number
    order[last] = order[other] as number
    order[other] = value
  }
}

/** Runs a training of a model, which may have one at a time. */
export async function whileTraining<T>(model: LayersModel, run: () => Promise<T>): Promise<T> {
  if (model.isTraining) {
    throw new SeqloomError('ERR_STATE', 'Cannot start training because another fit() call is ongoing.')
  }
  model.isTraining = true
  try {
    return await run()
  } finally {
    model.isTraining = false
  }
}
