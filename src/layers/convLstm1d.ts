import { ConvLSTM, type ConvLSTMOptions } from './convLstm.js'
import type { SymbolicTensor } from './layer.js'
import type { Recurrence, WithStates } from './recurrence.js'

/** The layer that {@link convLstm1d} makes. */
export class ConvLSTM1D<Out extends SymbolicTensor | WithStates = SymbolicTensor | WithStates> extends ConvLSTM<Out> {
  static override readonly className = 'ConvLSTM1D'
  override readonly baseName = 'conv_lstm1d'

  constructor(options: ConvLSTMOptions) {
    super('layers.convLstm1d', 1, options)
  }

  protected override remade(options: ConvLSTMOptions): Recurrence {
    return new ConvLSTM1D(options)
  }
}

/**
 * An LSTM over sequences of rows, whose products are convolutions along the rows.
 *
 * Input `[batch, time, rows, channels]`; output `[batch, places, filters]`, or `[batch, time, places, filters]` with
 * `returnSequences`; with `returnState` also h and c. Weights: kernel `[kernelSize, channels, 4 filters]`,
 * recurrent_kernel `[kernelSize, filters, 4 filters]`, bias `[4 filters]`, gates as in `lstm`. Source: Shi et al., arXiv
 * 1506.04214. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function convLstm1d(options: ConvLSTMOptions & { readonly returnState: true }): ConvLSTM1D<WithStates>
export function convLstm1d(options: ConvLSTMOptions & { readonly returnState?: false }): ConvLSTM1D<SymbolicTensor>
export function convLstm1d(options: ConvLSTMOptions): ConvLSTM1D
export function convLstm1d(options: ConvLSTMOptions): ConvLSTM1D {
  return new ConvLSTM1D(options)
}
