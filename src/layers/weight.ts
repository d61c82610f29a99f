import type { Data, Tensor } from '../data/tensor.js'

/** A weight of a layer, as a model knows it. */
export interface Weight {
  /** Its name: `lstm/kernel`. */
  readonly name: string
  readonly shape: readonly number[]
  /** Whether training changes it, as the layers say now; a change takes effect when the model is compiled. */
  readonly trainable: boolean
  /** A copy of its values. */
  read(): Tensor
  /** Replaces its values. Errors: `ERR_SHAPE`, `ERR_DATA`, `ERR_STATE`. */
  assign(values: Data): void
}
