import type { TensorLike } from '../data/tensor.js'
import { checkOptions, custom, flag, integer, label, number, oneOf } from '../options.js'
import type { Callback, CallbackState, Logs, Training } from './callback.js'
import { Monitor, type MonitorMode } from './monitor.js'

/** Options of {@link earlyStopping}. */
export interface EarlyStoppingOptions {
  /** The value to follow; default `'val_loss'`. */
  readonly monitor?: string
  /** How many epochs without improvement to allow; default 0. */
  readonly patience?: number
  /** The least improvement that counts; default 0. */
  readonly minDelta?: number
  /** Default `'auto'`: larger is better for accuracies, smaller for everything else. */
  readonly mode?: MonitorMode
  /** Whether to end with the weights of the best epoch; default false. */
  readonly restoreBestWeights?: boolean
  /**
   * A value to beat: until it is, improvements do not begin the patience anew. Default null: none.
   */
  readonly baseline?: number | null
  /** The number of the first epoch that counts; default 0. */
  readonly startFromEpoch?: number
}

/** Stops a training that no longer improves. */
class EarlyStopping implements Callback {
  readonly #monitor: Monitor
  readonly #patience: number
  readonly #restore: boolean
  readonly #baseline: number | undefined
  readonly #first: number
  #wait = 0
  #best: readonly TensorLike[] | undefined

  constructor(options: EarlyStoppingOptions) {
    checkOptions('callbacks.earlyStopping', options, {
      accepted: {
        monitor: label,
        patience: integer(0),
        minDelta: number(0),
        mode: oneOf(['auto', 'min', 'max']),
        restoreBestWeights: flag,
        baseline: custom('a finite number, or null', (v) => v === null || number().accepts(v)),
        startFromEpoch: integer(0),
      },
      refused: { verbose: [0, false] },
    })
    const { monitor = 'val_loss', mode = 'auto', minDelta = 0 } = options
    this.#monitor = new Monitor('callbacks.earlyStopping', monitor, mode, minDelta)
    this.#patience = options.patience ?? 0
    this.#restore = options.restoreBestWeights ?? false
    this.#baseline = options.baseline ?? undefined
    this.#first = options.startFromEpoch ?? 0
  }

  onTrainBegin(): void {
    this.#monitor.reset()
    this.#wait = 0
    this.#best = undefined
  }

  async onEpochEnd(epoch: number, logs: Logs, training: Training): Promise<void> {
    if (epoch < this.#first || !this.#monitor.isDue(logs, training)) return
    const improves = this.#monitor.improves(logs)
    this.#wait++
    if (!improves) {
      if (this.#wait >= this.#patience && epoch > 0) training.stop()
      return
    }
    if (this.#baseline === undefined || this.#monitor.beats(this.#baseline)) this.#wait = 0
    if (this.#restore) this.#best = await training.model.copyWeights()
  }

  async onTrainEnd(_logs: Logs, training: Training): Promise<void> {
    if (this.#best) await training.model.putWeights(this.#best)
    this.#best = undefined
  }

  getState(): CallbackState {
    return { values: { best: this.#monitor.best, wait: this.#wait }, ...(this.#best && { tensors: this.#best }) }
  }

  setState({ values, tensors }: CallbackState): void {
    const { best, wait } = values as { best: number | null; wait: number }
    this.#monitor.best = best
    this.#wait = wait
    this.#best = tensors
  }
}

/**
 * Ends the training when a value has not improved for `patience` epochs. With `restoreBestWeights`, the model ends with
 * the weights of its best epoch, whether or not the training was stopped early. Errors: `ERR_OPTION`; `fit` rejects
 * with it if there is no such value.
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  return new EarlyStopping(options)
}
