import type { Callback, CallbackState, Logs, Training } from '../callbacks/callback.js'
import { Monitor, type MonitorMode } from '../callbacks/monitor.js'

/** Follows what is monitored in the training of a trial, and ends it where others are compared with it. */
export class Watcher implements Callback {
  readonly #monitor: Monitor
  readonly #name: string
  readonly #rung: number | undefined
  readonly #pause: () => void
  /** What is monitored, after each epoch. */
  values: number[] = []
  /** What is wrong with every trial alike. */
  wrong: unknown
  paused = false

  /** `pause` is called where an epoch begins after `rung` ones. */
  constructor(monitor: Monitored, rung: number | undefined, pause: () => void) {
    this.#monitor = new Monitor(monitor.where, monitor.name, monitor.mode, 0)
    this.#name = monitor.name
    this.#rung = rung
    this.#pause = pause
  }

  // Not at the end of an epoch: by now it is known that the training goes on.
  onEpochBegin(epoch: number): void {
    if (epoch !== this.#rung) return
    this.paused = true
    this.#pause()
  }

  onEpochEnd(epoch: number, logs: Logs, training: Training): void {
    // A training of a task may begin its epochs anew.
    this.values.length = Math.min(this.values.length, epoch)
    if (!this.#monitor.isDue(logs, training)) {
      this.values[epoch] = Number.NaN
      return
    }
    try {
      this.#monitor.improves(logs)
    } catch (error) {
      this.wrong = error
      throw error
    }
    this.values[epoch] = logs[this.#name] as number
  }

  getState(): CallbackState {
    return { values: this.values.map(String) }
  }

  setState({ values }: CallbackState): void {
    this.values = (values as readonly string[]).map(Number)
  }
}

/** What a search compares. */
export interface Monitored {
  readonly where: string
  readonly name: string
  readonly mode: MonitorMode
}
