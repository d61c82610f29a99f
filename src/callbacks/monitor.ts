import { describe, SeqloomError } from '../errors.js'
import { largerIsBetter } from '../metrics/metric.js'
import { warn } from '../warn.js'
import type { Logs, Training } from './callback.js'

/**
 * Whether a smaller or a larger value is better; `auto` is `max` for accuracies, precision, recall, F1 and AUC, and
 * `min` for everything else.
 */
export type MonitorMode = 'auto' | 'min' | 'max'

/** Follows one value over the epochs and recognizes improvements. */
export class Monitor {
  readonly #where: string
  readonly #name: string
  readonly #sign: 1 | -1
  readonly #minDelta: number
  /** The best value so far, with the sign that makes smaller better; null before the first. */
  best: number | null = null
  #warned = false

  constructor(where: string, name: string, mode: MonitorMode, minDelta: number) {
    this.#where = where
    this.#name = name
    this.#minDelta = minDelta
    this.#sign = mode === 'max' || (mode === 'auto' && largerIsBetter(name)) ? -1 : 1
  }

  /** Starts over; `threshold` is the value that the first one has to beat. */
  reset(threshold?: number): void {
    this.best = threshold === undefined ? null : this.#sign * threshold
    this.#warned = false
  }

  /** Whether the best value so far is better than another by more than `minDelta`. */
  beats(value: number): boolean {
    return this.best !== null && this.best < this.#sign * value - this.#minDelta
  }

  /** Whether there is a value in this epoch: with `validationFreq`, that of a validation is not in all of them. */
  isDue(logs: Logs, { validationFreq }: Training): boolean {
    return !(validationFreq > 1 && this.#name.startsWith('val_') && logs.val_loss === undefined)
  }

  /** Whether this epoch's value is better than the best so far by more than `minDelta`. */
  improves(logs: Logs): boolean {
    const value = logs[this.#name]
    if (value === undefined) {
      const names = Object.keys(logs).join(', ')
      const hint = this.#name.startsWith('val_') ? '; give validationData or validationSplit' : ''
      throw new SeqloomError(
        'ERR_OPTION',
        `${this.#where}: there is no ${describe(this.#name)} to monitor, only ${names}${hint}`,
      )
    }
    if (Number.isNaN(value) && !this.#warned) {
      this.#warned = true
      warn(
        'WARN_MONITOR',
        `${this.#where}: ${describe(this.#name)} is NaN, which is never an improvement: the data do not determine it, as with the AUC of a single class`,
      )
    }
    if (!(this.#sign * value < (this.best ?? Number.POSITIVE_INFINITY) - this.#minDelta)) return false
    this.best = this.#sign * value
    return true
  }
}
