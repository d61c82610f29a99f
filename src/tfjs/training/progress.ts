import { Callback, type Logs } from '../callbacks/index.js'

/** Prints two lines for each epoch. */
export class ProgressLines extends Callback {
  static override readonly takesNumbers = true
  #began = 0
  #batches = 0

  override async onEpochBegin(epoch: number): Promise<void> {
    console.log(`Epoch ${epoch + 1} / ${this.params.epochs}`)
    this.#began = performance.now()
    this.#batches = 0
  }

  override async onBatchEnd(): Promise<void> {
    this.#batches++
  }

  override async onEpochEnd(_epoch: number, logs: Logs = {}): Promise<void> {
    const milliseconds = performance.now() - this.#began
    const perStep = (milliseconds * 1000) / Math.max(1, this.#batches)
    const values = Object.entries(logs)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${Number(value.toPrecision(4))}`)
    console.log(`${milliseconds.toFixed(0)}ms ${perStep.toFixed(0)}us/step - ${values.join(' ')}`)
  }
}
