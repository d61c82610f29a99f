import type { Model } from '../../model/index.js'
import { lower } from '../../model/lower.js'
import { getWeights } from '../../model/weights.js'

interface Penalized {
  /** The weight's number. */
  readonly index: number
  readonly l1: number
  readonly l2: number
}

const known = new WeakMap<Model, readonly Penalized[]>()

/** The weights of a model that have regularizers and are trained. */
function penalized(model: Model): readonly Penalized[] {
  const { engine } = model
  const found =
    known.get(model) ??
    lower(model.topology(), []).builder.ruled.flatMap(({ index, regularizer }) => {
      const { l1 = 0, l2 = 0 } = (regularizer ?? {}) as { readonly l1?: number; readonly l2?: number }
      return l1 === 0 && l2 === 0 ? [] : [{ index, l1, l2 }]
    })
  known.set(model, found)
  return found.filter(({ index }) => engine.trained?.[index] ?? true)
}

/** What the regularizers of weights add to the loss. TensorFlow.js leaves it out of evaluations. */
export function penaltyOf(model: Model): number {
  const list = penalized(model)
  if (list.length === 0) return 0
  const indices = list.map(({ index }) => index)
  return getWeights(model.engine, indices).reduce((total, { data }, at) => {
    const { l1, l2 } = list[at] as Penalized
    let [absolute, squares] = [0, 0]
    for (const value of data as Float32Array) {
      absolute += Math.abs(value)
      squares += value * value
    }
    return total + l1 * absolute + l2 * squares
  }, 0)
}
