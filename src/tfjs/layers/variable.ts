import type { Tensor } from '../tensor.js'
import type { DataType } from '../types.js'
import type { Shape } from './symbolic.js'

/** A layer, as far as its variables are concerned. */
export interface VariableOwner {
  getWeights(): Tensor[]
  setWeights(weights: Tensor[]): void
}

/** A weight of a layer. */
export class LayerVariable {
  readonly originalName: string
  readonly dtype: DataType = 'float32'
  /** @internal What stands for the weight while the layer's `call` is recorded. */
  traced: Tensor | undefined
  readonly #owner: VariableOwner
  readonly #index: number

  constructor(
    readonly name: string,
    readonly shape: Shape,
    public trainable: boolean,
    owner: VariableOwner,
    index: number,
  ) {
    this.originalName = name
    this.#owner = owner
    this.#index = index
  }

  /** The values now. */
  read(): Tensor {
    return this.traced ?? (this.#owner.getWeights()[this.#index] as Tensor)
  }

  /** Replaces the values. */
  write(value: Tensor): this {
    const weights = this.#owner.getWeights()
    weights[this.#index] = value
    this.#owner.setWeights(weights)
    return this
  }

  get val(): Tensor {
    return this.read()
  }

  dispose(): void {}
}
