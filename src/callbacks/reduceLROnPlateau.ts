import { checkOptions, custom, integer, label, number, oneOf, positive } from '../options.js'
import type { Callback, CallbackState, Logs, Training } from './callback.js'
import { Monitor, type MonitorMode } from './monitor.js'

/** Options of {@link reduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** The value to follow; default `'val_loss'`. */
  readonly monitor?: string
  /** The factor by which the learning rate is multiplied, below 1; default 0.1. */
  readonly factor?: number
  /** How many epochs without improvement to allow; default 10. */
  readonly patience?: number
  /** Default `'auto'`: larger is better for accuracies, smaller for everything else. */
  readonly mode?: MonitorMode
  /** The least improvement that counts; default 1e-4. */
  readonly minDelta?: number
  /** How many epochs after a reduction do not count; default 0. */
  readonly cooldown?: number
  /** The lowest learning rate; default 0. */
  readonly minLr?: number
}

/** Lowers the learning rate of a training that no longer improves. */
class ReduceLROnPlateau implements Callback {
  readonly #monitor: Monitor
  readonly #factor: number
  readonly #patience: number
  readonly #cooldown: number
  readonly #minLr: number
  #wait = 0
  #cooling = 0

  constructor(options: ReduceLROnPlateauOptions) {
    checkOptions('callbacks.reduceLROnPlateau', options, {
      accepted: {
        monitor: label,
        factor: custom('a number above 0 and below 1', (v) => positive.accepts(v) && (v as number) < 1),
        patience: integer(0),
        mode: oneOf(['auto', 'min', 'max']),
        minDelta: number(0),
        cooldown: integer(0),
        minLr: number(0),
      },
      refused: { verbose: [0, false] },
    })
    const { monitor = 'val_loss', mode = 'auto', minDelta = 1e-4 } = options
    this.#monitor = new Monitor('callbacks.reduceLROnPlateau', monitor, mode, minDelta)
    this.#factor = options.factor ?? 0.1
    this.#patience = options.patience ?? 10
    this.#cooldown = options.cooldown ?? 0
    this.#minLr = options.minLr ?? 0
  }

  onTrainBegin(): void {
    this.#monitor.reset()
    this.#wait = 0
    this.#cooling = 0
  }

  onEpochEnd(_epoch: number, logs: Logs, training: Training): void {
    const { model } = training
    logs.learning_rate = model.learningRate
    if (!this.#monitor.isDue(logs, training)) return
    if (this.#cooling > 0) {
      this.#cooling--
      this.#wait = 0
    }
    if (this.#monitor.improves(logs)) {
      this.#wait = 0
      return
    }
    if (this.#cooling > 0) return
    this.#wait++
    if (this.#wait < this.#patience) return
    const now = model.learningRate
    if (now <= this.#minLr) return
    model.learningRate = Math.max(now * this.#factor, this.#minLr)
    this.#cooling = this.#cooldown
    this.#wait = 0
  }

  getState(): CallbackState {
    return { values: { best: this.#monitor.best, wait: this.#wait, cooling: this.#cooling } }
  }

  setState({ values }: CallbackState): void {
    const { best, wait, cooling } = values as { best: number | null; wait: number; cooling: number }
    this.#monitor.best = best
    this.#wait = wait
    this.#cooling = cooling
  }
}

/**
 * Multiplies the learning rate by `factor` when a value has not improved for `patience` epochs. Logs and the history get
 * the epoch's rate as `learning_rate`. Errors: `ERR_OPTION`; `fit` rejects with it if there is no such value, and with `ERR_STATE` if the learning rate follows a schedule.
 */
export function reduceLROnPlateau(options: ReduceLROnPlateauOptions = {}): Callback {
  return new ReduceLROnPlateau(options)
}
