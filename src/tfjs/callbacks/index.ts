import { SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { dispose } from '../globals.js'
import type { LayersModel } from '../models/model.js'
import { scalar } from '../ops/creation.js'
import type { Tensor } from '../tensor.js'

/** Values by name: `loss`, the metrics, both with `val_`; for batches also `batch` and `size`. */
export interface Logs {
  [name: string]: number
}

/** @inline What `fit` says of a training. */
export interface Params {
  // biome-ignore lint/suspicious/noExplicitAny: as in tfjs.
  [key: string]: any
}

/** When `fit` gives way to other work, or calls `onYield`. */
export type YieldEveryOptions = 'auto' | 'batch' | 'epoch' | 'never' | number

/** What `fit` calls; all of it is awaited. */
export abstract class BaseCallback {
  /**
   * @internal Whether logs are given as numbers to it and to those after it; to a program's own classes they come as
   * scalars otherwise, as in tfjs.
   */
  static readonly takesNumbers: boolean = false
  validationData: Tensor | Tensor[] | null = null
  params: Params = {}

  setParams(params: Params): void {
    this.params = params
  }

  setModel(_model: LayersModel): void {}
  async onEpochBegin(_epoch: number, _logs?: Logs): Promise<void> {}
  async onEpochEnd(_epoch: number, _logs?: Logs): Promise<void> {}
  async onBatchBegin(_batch: number, _logs?: Logs): Promise<void> {}
  async onBatchEnd(_batch: number, _logs?: Logs): Promise<void> {}
  async onTrainBegin(_logs?: Logs): Promise<void> {}
  async onTrainEnd(_logs?: Logs): Promise<void> {}
}

/** A callback that knows its model; programs extend it. */
export abstract class Callback extends BaseCallback {
  model: LayersModel = null as never

  override setModel(model: LayersModel): void {
    this.model = model
  }
}

/** The history of a training, which `fit` resolves to. */
export class History extends BaseCallback {
  static override readonly takesNumbers = true
  epoch: number[] = []
  history: { [name: string]: number[] } = {}

  override async onTrainBegin(): Promise<void> {
    this.epoch = []
    this.history = {}
  }

  override async onEpochEnd(epoch: number, logs: Logs = {}): Promise<void> {
    this.epoch.push(epoch)
    for (const [name, value] of Object.entries(logs)) {
      const values = this.history[name] ?? []
      this.history[name] = values
      values.push(value)
    }
  }

  async syncData(): Promise<void> {}
}

/** Functions that `fit` calls. */
export interface CustomCallbackArgs {
  onTrainBegin?: ((logs?: Logs) => void | Promise<void>) | null
  onTrainEnd?: ((logs?: Logs) => void | Promise<void>) | null
  onEpochBegin?: ((epoch: number, logs?: Logs) => void | Promise<void>) | null
  onEpochEnd?: ((epoch: number, logs?: Logs) => void | Promise<void>) | null
  onBatchBegin?: ((batch: number, logs?: Logs) => void | Promise<void>) | null
  onBatchEnd?: ((batch: number, logs?: Logs) => void | Promise<void>) | null
  onYield?: ((epoch: number, batch: number, logs: Logs) => void | Promise<void>) | null
  // biome-ignore lint/complexity/noBannedTypes: as in tfjs.
  nowFunc?: Function
  // biome-ignore lint/complexity/noBannedTypes: as in tfjs.
  nextFrameFunc?: Function
}

/** How long `yieldEvery: 'auto'` is, in milliseconds. */
const autoYield = 125

/** A callback of functions. */
export class CustomCallback extends BaseCallback {
  static override readonly takesNumbers = true
  readonly #args: CustomCallbackArgs
  readonly #yieldEvery: YieldEveryOptions
  #epoch = 0
  #lastYield = Number.NEGATIVE_INFINITY

  constructor(args: CustomCallbackArgs, yieldEvery?: YieldEveryOptions) {
    super()
    this.#args = args
    this.#yieldEvery = yieldEvery === undefined || yieldEvery === null || yieldEvery === 'auto' ? autoYield : yieldEvery
    if (this.#yieldEvery === 'never' && args.onYield != null) {
      throw new SeqloomError(
        'ERR_OPTION',
        'yieldEvery is `never` but you provided an `onYield` callback. Either change `yieldEvery` or remove the callback',
      )
    }
  }

  override async onTrainBegin(logs?: Logs): Promise<void> {
    await this.#args.onTrainBegin?.(logs)
  }

  override async onTrainEnd(logs?: Logs): Promise<void> {
    await this.#args.onTrainEnd?.(logs)
  }

  override async onEpochBegin(epoch: number, logs?: Logs): Promise<void> {
    this.#epoch = epoch
    await this.#args.onEpochBegin?.(epoch, logs)
  }

  override async onEpochEnd(epoch: number, logs?: Logs): Promise<void> {
    await this.#args.onEpochEnd?.(epoch, logs)
    if (this.#yieldEvery === 'epoch') await nextTurn()
  }

  override async onBatchBegin(batch: number, logs?: Logs): Promise<void> {
    await this.#args.onBatchBegin?.(batch, logs)
  }

  override async onBatchEnd(batch: number, logs: Logs = {}): Promise<void> {
    await this.#args.onBatchEnd?.(batch, logs)
    if (this.#yieldEvery === 'batch') {
      await nextTurn()
      return
    }
    if (typeof this.#yieldEvery !== 'number') return
    const now = performance.now()
    if (now - this.#lastYield < this.#yieldEvery) return
    this.#lastYield = now
    await this.#args.onYield?.(this.#epoch, batch, logs)
    await nextTurn()
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** What every callback is told at a moment. */
type LoggedMoment = 'onEpochBegin' | 'onEpochEnd' | 'onBatchBegin' | 'onBatchEnd'

/** Several callbacks as one. */
export class CallbackList {
  readonly callbacks: BaseCallback[]

  constructor(callbacks: BaseCallback[] = []) {
    this.callbacks = callbacks
  }

  append(callback: BaseCallback): void {
    this.callbacks.push(callback)
  }

  setParams(params: Params): void {
    for (const callback of this.callbacks) callback.setParams(params)
  }

  setModel(model: LayersModel): void {
    for (const callback of this.callbacks) callback.setModel(model)
  }

  async onEpochBegin(epoch: number, logs: Logs = {}): Promise<void> {
    await this.#tell('onEpochBegin', epoch, logs)
  }

  async onEpochEnd(epoch: number, logs: Logs = {}): Promise<void> {
    await this.#tell('onEpochEnd', epoch, logs)
  }

  async onBatchBegin(batch: number, logs: Logs = {}): Promise<void> {
    await this.#tell('onBatchBegin', batch, logs)
  }

  async onBatchEnd(batch: number, logs: Logs = {}): Promise<void> {
    await this.#tell('onBatchEnd', batch, logs)
  }

  async onTrainBegin(logs: Logs = {}): Promise<void> {
    for (const callback of this.callbacks) await callback.onTrainBegin(logs)
  }

  async onTrainEnd(logs: Logs = {}): Promise<void> {
    for (const callback of this.callbacks) await callback.onTrainEnd(logs)
  }

  async #tell(moment: LoggedMoment, at: number, logs: Logs): Promise<void> {
    // As in tfjs, where a callback that reads numbers leaves them to those after it.
    let areNumbers = false
    for (const callback of this.callbacks) {
      areNumbers ||= (callback.constructor as typeof BaseCallback).takesNumbers
      if (areNumbers) {
        await callback[moment](at, logs)
        continue
      }
      const scalars = scalarsOf(logs)
      await callback[moment](at, scalars as Logs)
      dispose(scalars)
    }
  }
}

/** Losses and metrics as scalars. */
const scalarsOf = (logs: Logs): Record<string, number | Tensor> =>
  Object.fromEntries(
    Object.entries(logs).map(([name, value]) => [name, name === 'batch' || name === 'size' ? value : scalar(value)]),
  )

/** Callbacks as `fit` takes them: one or several, objects of functions or of classes. */
export type Callbacks = BaseCallback | CustomCallbackArgs | (BaseCallback | CustomCallbackArgs)[] | null

/** Callbacks of any form as a list. `ERR_OPTION` for what is none. */
export function standardized(given: Callbacks | undefined, yieldEvery?: YieldEveryOptions): BaseCallback[] {
  const list = given === undefined || given === null ? [] : Array.isArray(given) ? given : [given]
  return list
    .filter((each) => each !== undefined && each !== null)
    .map((each) => {
      if (each instanceof BaseCallback) return each
      if (isRecord(each)) return new CustomCallback(each as CustomCallbackArgs, yieldEvery)
      throw new SeqloomError(
        'ERR_OPTION',
        `fit: a callback must be an object of functions or a tf.Callback, not ${typeof each}`,
      )
    })
}

/** Options of `tf.callbacks.earlyStopping`. */
export interface EarlyStoppingCallbackArgs {
  /** Default `'val_loss'`. */
  monitor?: string
  minDelta?: number
  patience?: number
  verbose?: number
  mode?: 'auto' | 'min' | 'max'
  baseline?: number
  /** tfjs refuses it; here the model ends with the weights of its best epoch. */
  restoreBestWeights?: boolean
}

/** Stops a training that no longer improves. */
export class EarlyStopping extends Callback {
  static override readonly takesNumbers = true
  readonly #monitor: string
  readonly #minDelta: number
  readonly #patience: number
  readonly #verbose: number
  readonly #baseline: number | undefined
  readonly #restores: boolean
  readonly #grows: boolean
  #wait = 0
  #stoppedEpoch = 0
  #best = 0
  #bestWeights: Tensor[] | undefined

  constructor(args: EarlyStoppingCallbackArgs = {}) {
    super()
    const { monitor, minDelta, patience, verbose, mode, baseline, restoreBestWeights } = args ?? {}
    this.#monitor = monitor || 'val_loss'
    this.#patience = patience || 0
    this.#verbose = verbose || 0
    this.#baseline = baseline ?? undefined
    this.#restores = restoreBestWeights ?? false
    if (mode && !['auto', 'min', 'max'].includes(mode)) {
      console.warn(`EarlyStopping mode '${mode}' is invalid. Falling back to mode 'auto'.`)
    }
    this.#grows = mode === 'max' || (mode !== 'min' && this.#monitor.includes('acc'))
    this.#minDelta = Math.abs(minDelta || 0)
  }

  override async onTrainBegin(): Promise<void> {
    this.#wait = 0
    this.#stoppedEpoch = 0
    this.#bestWeights = undefined
    this.#best = this.#baseline ?? (this.#grows ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY)
  }

  override async onEpochEnd(epoch: number, logs: Logs = {}): Promise<void> {
    const current = logs[this.#monitor]
    if (current === undefined || current === null) {
      console.warn(
        `Metric for EarlyStopping ${this.#monitor} is not available. Available metrics are: ${Object.keys(logs)}`,
      )
      return
    }
    const isBetter = this.#grows ? current - this.#minDelta > this.#best : current + this.#minDelta < this.#best
    if (isBetter) {
      this.#best = current
      this.#wait = 0
      if (this.#restores) this.#bestWeights = this.model.getWeights()
      return
    }
    this.#wait++
    if (this.#wait >= this.#patience) {
      this.#stoppedEpoch = epoch
      this.model.stopTraining = true
    }
  }

  override async onTrainEnd(): Promise<void> {
    if (this.#bestWeights) this.model.setWeights(this.#bestWeights)
    if (this.#stoppedEpoch > 0 && this.#verbose) console.log(`Epoch ${this.#stoppedEpoch}: early stopping.`)
  }
}

/** `tf.callbacks`. */
export const callbacks = {
  earlyStopping: (args?: EarlyStoppingCallbackArgs): EarlyStopping => new EarlyStopping(args),
}
