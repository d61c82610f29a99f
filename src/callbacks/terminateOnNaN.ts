import { checkOptions, flag } from '../options.js'
import type { Callback } from './callback.js'

/**
 * Ends the training when its loss, or a gradient, is not finite: `fit` warns (`WARN_NAN`) and resolves, instead of
 * rejecting with `ERR_NUMERIC`. The weights are those before the step that went wrong, and the history ends with the
 * last whole epoch. With `raiseError`, `fit` rejects as without the callback. Errors: `ERR_OPTION`.
 */
export function terminateOnNaN(options: { readonly raiseError?: boolean } = {}): Callback {
  checkOptions('callbacks.terminateOnNaN', options, { accepted: { raiseError: flag } })
  return { terminateOnNaN: options.raiseError !== true }
}
