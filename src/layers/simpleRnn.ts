import type { Cell } from '../cells/cell.js'
import { simpleRNN as cell } from '../cells/simpleRnn.js'
import type { CellOptions } from './cellOptions.js'
import type { SymbolicTensor } from './layer.js'
import type { Recurrence, WithState } from './recurrence.js'
import { type CellKind, RecurrentLayer, type RecurrentOptions } from './recurrent.js'

/** Options of {@link simpleRNN}. */
export interface SimpleRNNOptions extends RecurrentOptions {}

const kind: CellKind = { op: 'simpleRnn', factory: 'simpleRNN', gates: 1, states: 1, checks: {} }

/** The layer that {@link simpleRNN} makes. */
export class SimpleRNN<
  Out extends SymbolicTensor | WithState = SymbolicTensor | WithState,
> extends RecurrentLayer<Out> {
  static override readonly className = 'SimpleRNN'
  override readonly baseName = 'simple_rnn'

  constructor(options: SimpleRNNOptions) {
    super(kind, options)
  }

  protected override cellAttributes(): Record<string, unknown> {
    return {}
  }

  protected override cell(options: CellOptions): Cell {
    return cell(options)
  }

  protected override remade(options: SimpleRNNOptions): Recurrence {
    return new SimpleRNN(options)
  }
}

/**
 * A simple (Elman) recurrent layer: h(t) = activation(x(t) W + h(t-1) U + b).
 *
 * Input `[batch, time, features]`; output `[batch, units]`, or `[batch, time, units]` with `returnSequences`. Defaults
 * are Keras 3's. Source: Elman, "Finding structure in time", 1990. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function simpleRNN(options: SimpleRNNOptions & { readonly returnState: true }): SimpleRNN<WithState>
export function simpleRNN(options: SimpleRNNOptions & { readonly returnState?: false }): SimpleRNN<SymbolicTensor>
export function simpleRNN(options: SimpleRNNOptions): SimpleRNN
export function simpleRNN(options: SimpleRNNOptions): SimpleRNN {
  return new SimpleRNN(options)
}
