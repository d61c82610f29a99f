import type { Model } from '../model/index.js'

/** Keeps the weights of the epoch with the highest accuracy so far; of equals, the one with the lowest loss. */
export class BestWeights {
  readonly #model: Pick<Model, 'getWeights' | 'setWeights'>
  #weights: ReturnType<Model['getWeights']> | undefined
  #accuracy = Number.NEGATIVE_INFINITY
  #loss = Number.POSITIVE_INFINITY
  #epoch: number | undefined

  constructor(model: Pick<Model, 'getWeights' | 'setWeights'>) {
    this.#model = model
  }

  /** The best epoch so far, from 1; undefined before the first one ends. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Remembers the model's weights if this epoch is the best so far. */
  offer(epoch: number, accuracy: number, loss: number): void {
    if (!(accuracy > this.#accuracy || (accuracy === this.#accuracy && loss < this.#loss))) return
    this.#accuracy = accuracy
    this.#loss = loss
    this.#epoch = epoch
    this.#weights = this.#model.getWeights()
  }

  /** Puts the best weights back into the model, if an epoch has ended; returns whether one has. */
  restore(): boolean {
    if (this.#weights) this.#model.setWeights(this.#weights)
    return this.#weights !== undefined
  }
}
