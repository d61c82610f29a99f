import type { Callback } from './callback.js'

/**
 * Watches the norm of every layer's gradient, before clipping. Logs and the history get it under `gradient_norm/` and
 * the layer's path, such as `gradient_norm/lstm` or `gradient_norm/bidirectional/forward_gru`. In an epoch's logs and
 * the history it is the mean over the steps; in a batch's logs it is the norm of that step. If norms shrink from the
 * last layer to the first, gradients vanish; if they grow by powers of ten from epoch to epoch, gradients explode.
 *
 * ```ts
 * const { history } = await m.fit(x, y, { epochs: 5, callbacks: [callbacks.gradientNorms()] })
 * history['gradient_norm/lstm'] // one number per epoch
 * ```
 */
export function gradientNorms(): Callback {
  return { gradientNorms: true }
}
