import { checkOptions, flag } from '../options.js'
import type { Callback } from './callback.js'

/**
 * Validates with the mean of the weights that an optimizer with `useEma` keeps, instead of the weights that train. With
 * `swapOnEpoch`, they are the model's also in `onEpochEnd`, so that `callbacks.modelCheckpoint` saves them. Errors:
 * `ERR_OPTION`; `fit` rejects with `ERR_STATE` if the optimizer keeps no mean.
 */
export function swapEmaWeights(options: { readonly swapOnEpoch?: boolean } = {}): Callback {
  checkOptions('callbacks.swapEmaWeights', options, { accepted: { swapOnEpoch: flag } })
  return { swapEmaWeights: { swapOnEpoch: options.swapOnEpoch ?? false } }
}
