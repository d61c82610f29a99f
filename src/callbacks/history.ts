import { type Displayed, displayed, jupyterDisplay, showsInTslab } from '../pictures/display.js'
import { type PlotOptions, plot } from '../record/plot.js'
import type { History, HistoryValues } from './callback.js'

/** What `fit` resolves to. */
export class TrainingHistory implements History {
  readonly history: HistoryValues['history']
  readonly epoch: HistoryValues['epoch']

  constructor({ history, epoch }: HistoryValues = { history: {}, epoch: [] }) {
    this.history = history
    this.epoch = epoch
  }

  /** Adds the epochs of a training that goes on from these. */
  append({ history, epoch }: HistoryValues): void {
    this.epoch.push(...epoch)
    for (const [name, values] of Object.entries(history)) {
      this.history[name] ??= []
      this.history[name].push(...values)
    }
  }

  plot(options?: PlotOptions): string {
    return plot(this, options)
  }

  /** What a notebook shows. */
  [jupyterDisplay](): Displayed {
    const last = Object.entries(this.history).map(([name, values]) => `${name} ${values.at(-1)}`)
    return displayed(this.plot(), `History of ${this.epoch.length} epochs: ${last.join(', ')}`)
  }

  static {
    showsInTslab(TrainingHistory.prototype)
  }
}
