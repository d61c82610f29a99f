import { mayBeMasked } from '../../interop/keras/padding.js'
import * as layers from '../../layers/index.js'
import type { SymbolicTensor as Value } from '../../layers/layer.js'

/** The same values without a mask: where tfjs knows none, padded steps count. */
export const unmasked = (value: Value): Value =>
  mayBeMasked(value) ? (layers.reshape({ targetShape: value.shape.slice(1) }).apply(value) as Value) : value
