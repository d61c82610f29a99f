import type { Callback } from './callback.js'

/**
 * Watches the norm of every layer's gradient, before clipping: logs and the history have `gradient_norm/` with the layer's path, such as
 * `gradient_norm/lstm` or `gradient_norm/bidirectional/forward_gru`. In an epoch's logs and the history it is the mean over the steps, in a batch's logs the
 * norm of that step. Shrinking from the last layer to the first, gradients vanish; growing by powers of ten from epoch to epoch, they explode.
 *
 * ```ts
 * const { history } = await m.fit(x, y, { epochs: 5, callbacks: [callbacks.gradientNorms()] })
 * history['gradient_norm/lstm'] // one number per epoch
 * ```
 */
export function gradientNorms(): Callback {
  return { gradientNorms: true }
}
