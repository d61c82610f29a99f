import { ConvLSTM, type ConvLSTMOptions } from './convLstm.js'
import type { SymbolicTensor } from './layer.js'
import type { Recurrence, WithStates } from './recurrence.js'

/** The layer that {@link convLstm2d} makes. */
export class ConvLSTM2D<Out extends SymbolicTensor | WithStates = SymbolicTensor | WithStates> extends ConvLSTM<Out> {
  static override readonly className = 'ConvLSTM2D'
  override readonly baseName = 'conv_lstm2d'

  constructor(options: ConvLSTMOptions) {
    super('layers.convLstm2d', 2, options)
  }

  protected override remade(options: ConvLSTMOptions): Recurrence {
    return new ConvLSTM2D(options)
  }
}

/**
 * An LSTM over sequences of images, whose products are convolutions.
 *
 * Input `[batch, time, height, width, channels]`; output `[batch, …places, filters]`, or
 * `[batch, time, …places, filters]` with `returnSequences`; with `returnState` also h and c. Weights: kernel
 * `[…kernelSize, channels, 4 filters]`, recurrent_kernel `[…kernelSize, filters, 4 filters]`, bias `[4 filters]`, gates
 * as in `lstm`. Source: Shi et al., arXiv 1506.04214. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function convLstm2d(options: ConvLSTMOptions & { readonly returnState: true }): ConvLSTM2D<WithStates>
export function convLstm2d(options: ConvLSTMOptions & { readonly returnState?: false }): ConvLSTM2D<SymbolicTensor>
export function convLstm2d(options: ConvLSTMOptions): ConvLSTM2D
export function convLstm2d(options: ConvLSTMOptions): ConvLSTM2D {
  return new ConvLSTM2D(options)
}
