// Models and layers as functions with gradients: one native call forward, one back.
import type { AnyLayer } from '../../layers/layer.js'
import type { Model } from '../../model/index.js'
import { unsupported } from '../failure.js'
import { Tensor } from '../tensor.js'
import { isTaping, type Key, keyOf, recordStep, type Slope } from './tape.js'
import { weightKey } from './weights.js'

/** A layer that has weights itself. */
export interface WeightHolder {
  readonly id: number
  readonly name: string
  readonly trainable: boolean
  cores(): readonly AnyLayer[]
  specs(): readonly { readonly name: string; readonly shape: readonly number[]; readonly isLearned: boolean }[]
  getWeights(): Tensor[]
  setWeights(weights: Tensor[]): void
}

interface Numbers {
  readonly data: Float32Array | Int32Array | Uint8Array
  readonly shape: number[]
}

const numbersOf = ({ values, shape }: Tensor): Numbers => ({ data: values as Float32Array, shape })

/** Where each trained weight of some layers is in a model: its key, its shape and its name there. */
function weightsIn({ engine }: Model, holders: readonly WeightHolder[]) {
  return holders.flatMap((holder) => {
    const paths = holder.cores().flatMap((core) => engine.indicesOf(core).map((index) => engine.specs[index]?.name))
    return holder.specs().flatMap(({ name, shape, isLearned }, at) => {
      const path = paths[at]
      if (!holder.trainable || !isLearned || path === undefined) return []
      return [{ key: weightKey(holder, at, `${holder.name}/${name}`), shape, path }]
    })
  })
}

/**
 * Records that a model gave outputs for inputs. Gradients are those of a prediction: dropout does not drop, and batch
 * normalization uses its moving statistics.
 */
export function recordModel(
  model: Model,
  holders: readonly WeightHolder[],
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): void {
  if (!isTaping()) return
  const weights = weightsIn(model, holders)
  const keys: readonly Key[] = weights.map(({ key }) => key)
  const x = inputs.map(numbersOf)
  const backward = (dys: readonly (Tensor | undefined)[]): readonly Slope[] => {
    if (isTaping()) throw unsupported('a second gradient through a model', 'write the model with functions of tensors')
    const cotangents = dys.map((dy) => (dy ? numbersOf(dy) : null))
    const found = model.gradientsSync(x as never, { cotangents: cotangents as never })
    const slope = (gradient: { readonly data: unknown } | null | undefined, shape: readonly number[]): Slope =>
      gradient ? () => new Tensor(shape, 'float32', gradient.data as Float32Array) : undefined
    return [
      ...inputs.map(({ shape }, at) => slope(found.inputs[at], shape)),
      ...weights.map(({ path, shape }) => slope(found.weights[path], shape)),
    ]
  }
  recordStep(inputs.map(keyOf), outputs, backward, keys)
}
