import type { TensorLike } from '../data/tensor.js'
import { describe, reading, SeqloomError } from '../errors.js'
import type { Model } from '../model/model.js'
import { isRecord } from '../options.js'
import type { LookOptions } from '../record/looks.js'
import type { PlotOptions } from '../record/plot.js'

/** Values by name: `loss`, the metrics, both with `val_`, and whatever else the event has. */
export interface Logs {
  [name: string]: number
}

/** The training that a callback takes part in. */
export interface Training {
  /** The model. Inside awaited epoch callbacks it can predict, evaluate, save, and read and set weights. */
  readonly model: Model
  /** The number of the last epoch plus one. */
  readonly epochs: number
  /** How many epochs there are from one validation to the next. */
  readonly validationFreq: number
  /** Ends the training after this epoch, like setting `model.stopTraining`. */
  stop(): void
}

/** What a callback needs to continue when a training is resumed. */
export interface CallbackState {
  /** Any JSON value. */
  readonly values?: unknown
  readonly tensors?: readonly TensorLike[]
}

/** What a callback is told of a training before it begins, as in Keras. */
export interface TrainingParams {
  readonly epochs: number
  /** Batches of an epoch. */
  readonly steps: number
  readonly verbose: number
}

/** @internal The key of what a callback does last. */
export const closing: unique symbol = Symbol('closing')

/** @internal The key that says that a callback writes or shows something: of several ranks, rank 0 alone calls it. */
export const recording: unique symbol = Symbol('recording')

/** @internal The key of the least seconds between two batches that a callback is told of; default 0. */
export const batchPause: unique symbol = Symbol('batchPause')

/** @internal The key of what a callback does with the pictures of a task. */
export const showing: unique symbol = Symbol('showing')

/**
 * Functions that are called during `fit`, `evaluate` and `predict`, in Keras's order. The training waits for all of
 * them but `onBatchEnd`, of which some are skipped when batches follow each other fast; a training whose callbacks have
 * `onTrainBatchBegin`, `onTrainBatchEnd` or `onBatchBegin` waits twice for every batch. If one throws, `fit` rejects
 * with what it threw. Numbers that `onEpochEnd` adds to its logs are part of the history.
 */
export interface Callback {
  /** Whether logs include the norm of every layer's gradient, as with `callbacks.gradientNorms`; default false. */
  readonly gradientNorms?: boolean
  /** What `callbacks.swapEmaWeights` asks for. */
  readonly swapEmaWeights?: { readonly swapOnEpoch: boolean }
  /** Whether a loss that is not finite ends the training instead of rejecting, as with `callbacks.terminateOnNaN`. */
  readonly terminateOnNaN?: boolean
  /** Called before all others. */
  setModel?(model: Model): void
  /** Called before all others. */
  setParams?(params: TrainingParams): void
  onTrainBegin?(logs: Logs, training: Training): void | Promise<void>
  /** Logs: those of the last epoch. */
  onTrainEnd?(logs: Logs, training: Training): void | Promise<void>
  onEpochBegin?(epoch: number, logs: Logs, training: Training): void | Promise<void>
  /** Logs: `loss`, metrics, both with `val_`, and `seconds`. */
  onEpochEnd?(epoch: number, logs: Logs, training: Training): void | Promise<void>
  /**
   * Logs: `loss` and metrics so far in the epoch, `epoch`, `batch`, `batches`, `size` (the batch's rows) and `seconds`
   * since the epoch began.
   */
  onBatchEnd?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** Another name of `onTrainBatchBegin`, as in Keras and tfjs. */
  onBatchBegin?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** Before each batch; logs: `batch` and `size`. */
  onTrainBatchBegin?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** After each batch; logs: `loss` and metrics so far in the epoch, `batch` and `size`. */
  onTrainBatchEnd?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** Before the validation of an epoch, and in `evaluate`. */
  onTestBegin?(logs: Logs, training: Training): void | Promise<void>
  /** Logs: `loss` and metrics, without `val_`. */
  onTestEnd?(logs: Logs, training: Training): void | Promise<void>
  onTestBatchBegin?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** Logs: `loss` and metrics so far, `batch` and `size`. */
  onTestBatchEnd?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** In `predict`, as the following. */
  onPredictBegin?(logs: Logs, training: Training): void | Promise<void>
  onPredictEnd?(logs: Logs, training: Training): void | Promise<void>
  onPredictBatchBegin?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** Logs: `batch` and `size`. After `training.stop()`, `predict` gives the outputs so far. */
  onPredictBatchEnd?(batch: number, logs: Logs, training: Training): void | Promise<void>
  /** What `backupAndRestore` saves of the callback, between two awaited calls of the above. */
  getState?(): CallbackState
  /** Receives what was saved, after `onTrainBegin`, when a training is resumed. */
  setState?(state: CallbackState): void
  /** @internal Keeps the training for later, as `backupAndRestore` does. */
  readonly [keeper]?: Keeper
  /** @internal Whether it only writes or shows something. */
  readonly [recording]?: boolean
  /** @internal How rarely `onBatchEnd` may be called. */
  readonly [batchPause]?: number
  /** @internal Called last of all, however a training ends, and awaited. */
  [closing]?(ending: Ending): void | Promise<void>
  /** @internal Receives what a task can show of its model between two epochs. */
  [showing]?(looks: LookOptions): void
}

/** How a training ended: with what it rejects, if it does. */
export interface Ending {
  readonly failure?: { readonly error: unknown }
}

/** @internal The key of a callback's {@link Keeper}. */
export const keeper: unique symbol = Symbol('keeper')

/**
 * Moments at which a training is kept, each after what all callbacks do then. At all but the end the training is
 * parked.
 */
export type KeptMoment = 'begin' | 'checkpoint' | 'epochEnd' | 'abort' | 'trained' | 'end'

/** What keeps a whole training, so that another one can go on where it was. */
export interface Keeper {
  /** When the loop stops between two steps for a checkpoint: after so many steps or seconds. */
  readonly checkpoints: { readonly checkpointSteps?: number; readonly checkpointSeconds?: number }
  at(moment: KeptMoment, training: KeptTraining): Promise<void>
}

/** What identifies a training, so that another run can continue it. */
export type TrainingIdentity = Readonly<Record<string, number | boolean | string>>

/** A training between two steps, besides the model's own state. */
export interface TrainingState {
  /** The native loop's state as text: the position in the epoch, and the sums of losses and metrics. */
  readonly progress: string
  /** Whether a callback has ended the training. */
  readonly stopped: boolean
  readonly history: HistoryValues
}

/** A training as a {@link Keeper} sees it. */
export interface KeptTraining extends Training {
  readonly callbacks: readonly Callback[]
  readonly identity: TrainingIdentity
  /** Where the training is now. */
  state(): TrainingState
  /** Lets the training begin where another was. */
  goOn(from: TrainingState): void
}

/** The names of the functions that are called when something happens. @internal */
export type Moment = Extract<keyof Callback, `on${string}`>

const moments: readonly Moment[] = [
  'onTrainBegin',
  'onTrainEnd',
  'onEpochBegin',
  'onEpochEnd',
  'onBatchBegin',
  'onBatchEnd',
  'onTrainBatchBegin',
  'onTrainBatchEnd',
  'onTestBegin',
  'onTestEnd',
  'onTestBatchBegin',
  'onTestBatchEnd',
  'onPredictBegin',
  'onPredictEnd',
  'onPredictBatchBegin',
  'onPredictBatchEnd',
]
const unsupported: readonly string[] = ['onYield']

/**
 * Checks the callbacks given to `fit`, `evaluate` or `predict`: unknown functions are `ERR_OPTION`; those that only
 * tfjs calls are `ERR_UNSUPPORTED`.
 */
export function checkCallbacks(given: unknown, where = 'fit'): Callback[] {
  return reading('ERR_OPTION', `${where}: callbacks`, () => checkEach(given, where))
}

function checkEach(given: unknown, where: string): Callback[] {
  const list = given === undefined || given === null ? [] : Array.isArray(given) ? given : [given]
  for (const callback of list) {
    if (!isRecord(callback)) {
      throw new SeqloomError('ERR_OPTION', `${where}: a callback must be an object, not ${describe(callback)}`)
    }
    for (const name in callback) {
      if (!name.startsWith('on') || callback[name] === undefined) continue
      if (unsupported.includes(name))
        throw new SeqloomError('ERR_UNSUPPORTED', `${where}: callbacks have no ${name} yet`)
      if (!moments.includes(name as Moment)) {
        throw new SeqloomError('ERR_OPTION', `${where}: callbacks have no ${name}; they have ${moments.join(', ')}`)
      }
    }
    for (const name of [...moments, 'getState', 'setState', 'setModel', 'setParams']) {
      if (callback[name] !== undefined && typeof callback[name] !== 'function') {
        throw new SeqloomError('ERR_OPTION', `${where}: ${name} must be a function, not ${describe(callback[name])}`)
      }
    }
  }
  return list
}

/** The values of the epochs of a training. */
export interface HistoryValues {
  /** One number per epoch for `loss`, every metric, and both with `val_`. */
  readonly history: Record<string, number[]>
  /** The numbers of the epochs. */
  readonly epoch: number[]
}

/** What `fit` resolves to. In a notebook of Deno it shows itself as its plot. */
export interface History extends HistoryValues {
  /**
   * A picture (SVG) of the losses and metrics by epoch: `writeFileSync('run.svg', history.plot())`. Errors:
   * `ERR_OPTION`.
   */
  plot(options?: PlotOptions): string
}
