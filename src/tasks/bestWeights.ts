import type { Sequential } from '../model/index.js'

/** Keeps the weights of the epoch with the highest score so far; the first of equals. */
export class BestWeights {
  readonly #model: Sequential
  #weights: ReturnType<Sequential['getWeights']> | undefined
  #score = Number.NEGATIVE_INFINITY
  #epoch: number | undefined

  constructor(model: Sequential) {
    this.#model = model
  }

  /** The best epoch so far, from 1; undefined before the first one ends. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Remembers the model's weights if `score` is above every score so far. */
  offer(epoch: number, score: number): void {
    if (!(score > this.#score)) return
    this.#score = score
    this.#epoch = epoch
    this.#weights = this.#model.getWeights()
  }

  /** Puts the best weights back into the model, if an epoch has ended. */
  restore(): void {
    if (this.#weights) this.#model.setWeights(this.#weights)
  }
}
