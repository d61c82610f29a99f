import type { CallbackState } from '../callbacks/callback.js'
import type { Tensor } from '../data/tensor.js'

/** What has weights. */
interface Weighted {
  copyWeights(): Promise<Tensor[]>
  putWeights(weights: readonly Tensor[]): Promise<void>
}

/** Keeps the weights of the epoch with the lowest cost so far; of equals, the one with the lowest next cost. */
export class BestWeights {
  readonly #model: Weighted
  #weights: CallbackState['tensors']
  #costs: readonly number[] = []
  #epoch: number | undefined

  constructor(model: Weighted) {
    this.#model = model
  }

  /** The best epoch so far, from 1; undefined before the first one ends. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Remembers the model's weights if this epoch is the best so far. */
  async offer(epoch: number, costs: readonly number[]): Promise<void> {
    const different = costs.findIndex((cost, index) => cost !== this.#costs[index])
    const [cost, least = Number.POSITIVE_INFINITY] = [costs[different], this.#costs[different]]
    if (!(cost !== undefined && cost < least)) return
    this.#weights = await this.#model.copyWeights()
    this.#costs = costs
    this.#epoch = epoch
  }

  /** What a backup of the training keeps. */
  getState(): CallbackState {
    const values = this.#epoch === undefined ? null : [this.#epoch, ...this.#costs]
    return { values, ...(this.#weights && { tensors: this.#weights }) }
  }

  /** Goes on from a backup. */
  setState({ values, tensors }: CallbackState): void {
    if (values === null) return
    const [epoch, ...costs] = values as [number, ...number[]]
    this.#epoch = epoch
    this.#costs = costs
    this.#weights = tensors
  }

  /** Puts the best weights back into the model, if an epoch has ended; returns whether one has. */
  async restore(): Promise<boolean> {
    if (this.#weights) await this.#model.putWeights(this.#weights)
    return this.#weights !== undefined
  }
}
