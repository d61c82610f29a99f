import type { TrainableModel } from '../model/index.js'

/** Keeps the weights of the epoch with the highest score so far. */
export class BestWeights {
  #weights: ReturnType<TrainableModel['getWeights']> | undefined
  #score = Number.NEGATIVE_INFINITY
  /** The best epoch so far, counted from 1; undefined before the first one ends. */
  epoch: number | undefined

  constructor(readonly model: TrainableModel) {}

  /** Remembers the model's weights if `score` is above every score so far. */
  offer(epoch: number, score: number): void {
    if (!(score > this.#score)) return
    this.#score = score
    this.#weights = this.model.getWeights()
    this.epoch = epoch
  }

  /** Puts the best weights back into the model, if an epoch has ended. */
  restore(): void {
    if (this.#weights) this.model.setWeights(this.#weights)
  }
}
