import type { CallbackState } from '../../callbacks/callback.js'
import type { TensorLike } from '../../data/tensor.js'
import type { Keep } from './division.js'

/** What has weights. */
interface Weighted {
  copyWeights(): Promise<TensorLike[]>
  putWeights(weights: readonly TensorLike[]): Promise<void>
}

/**
 * Keeps the weights of the epoch with the lowest cost so far (among equals, with the lowest next cost), or of the last
 * epoch that has ended.
 */
export class BestWeights {
  readonly #model: Weighted
  readonly #keep: Keep
  #weights: CallbackState['tensors']
  #costs: readonly number[] = []
  #epoch: number | undefined

  constructor(model: Weighted, keep: Keep) {
    this.#model = model
    this.#keep = keep
  }

  /** The epoch that is kept so far, from 1; undefined before the first one ends. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Remembers the model's weights if this epoch is the one to keep so far. */
  async offer(epoch: number, costs: readonly number[]): Promise<void> {
    const different = costs.findIndex((cost, index) => cost !== this.#costs[index])
    const [cost, least = Number.POSITIVE_INFINITY] = [costs[different], this.#costs[different]]
    if (this.#keep === 'best' && !(cost !== undefined && cost < least)) return
    this.#weights = await this.#model.copyWeights()
    this.#costs = costs
    this.#epoch = epoch
  }

  /** What a backup of the training keeps. */
  getState(): CallbackState {
    const values = this.#epoch === undefined ? null : [this.#epoch, ...this.#costs]
    return { values, ...(this.#weights && { tensors: this.#weights }) }
  }

  /** Continues from a backup. */
  setState({ values, tensors }: CallbackState): void {
    if (values === null) return
    const [epoch, ...costs] = values as [number, ...number[]]
    this.#epoch = epoch
    this.#costs = costs
    this.#weights = tensors
  }

  /** Restores the kept weights in the model if an epoch has ended; returns whether one has. */
  async restore(): Promise<boolean> {
    if (this.#weights) await this.#model.putWeights(this.#weights)
    return this.#weights !== undefined
  }
}
