import { mayBeMasked } from '../../interop/keras/padding.js'
import * as layers from '../../layers/index.js'
import type { SymbolicTensor as Value } from '../../layers/layer.js'

/** The same values without a mask: where tfjs knows none, padded steps count. */
export const unmasked = (value: Value): Value =>
  mayBeMasked(value) ? (layers.reshape({ targetShape: value.shape.slice(1) }).apply(value) as Value) : value

/**
 * A value that was computed without a mask, with the mask of the first of its sources that may have one. As in tfjs, steps
 * that were padding stay so for the layers that follow, as long as there are as many.
 */
export function maskedLike(value: Value, sources: readonly Value[]): Value {
  const source = sources.find((each) => each.shape.length === 3 && mayBeMasked(each))
  const [, steps, features] = value.shape
  if (source === undefined || value.shape.length !== 3 || steps !== source.shape[1] || features === null) return value
  // What is beside the features brings the mask, and is left out again.
  const both = layers.concatenate({ axis: -1 }).apply([value, source]) as Value
  return layers.lambda({ function: (x) => x.slice(0, features as number, -1) }).apply(both) as Value
}
