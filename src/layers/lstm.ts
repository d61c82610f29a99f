import type { Cell } from '../cells/cell.js'
import { lstm as cell } from '../cells/lstm.js'
import type { Initializer } from '../initializers/initializer.js'
import { flag, orNull } from '../options.js'
import { activationCheck, type CellActivation } from './activations.js'
import { type CellOptions, requireCellActivation } from './cellOptions.js'
import type { SymbolicTensor } from './layer.js'
import type { Recurrence, WithStates } from './recurrence.js'
import { type CellKind, RecurrentLayer, type RecurrentOptions } from './recurrent.js'

/** Options of {@link lstm}. */
export interface LSTMOptions extends RecurrentOptions {
  /** The activation of the gates; default `'sigmoid'`, and null is `'linear'`. */
  readonly recurrentActivation?: CellActivation | null
  /** Whether the forget gate's bias starts at one (Jozefowicz et al. 2015); default true. */
  readonly unitForgetBias?: boolean
}

const kind: CellKind = {
  op: 'lstm',
  factory: 'lstm',
  gates: 4,
  states: 2,
  checks: { recurrentActivation: orNull(activationCheck), unitForgetBias: flag },
}

/** The layer that {@link lstm} makes. */
export class LSTM<Out extends SymbolicTensor | WithStates = SymbolicTensor | WithStates> extends RecurrentLayer<Out> {
  static override readonly className = 'LSTM'
  override readonly baseName = 'lstm'
  readonly #recurrentActivation: CellActivation
  readonly #unitForgetBias: boolean

  constructor(options: LSTMOptions) {
    super(kind, options)
    requireCellActivation('layers.lstm', 'recurrentActivation', options.recurrentActivation)
    const { recurrentActivation } = options
    this.#recurrentActivation = recurrentActivation === undefined ? 'sigmoid' : (recurrentActivation ?? 'linear')
    this.#unitForgetBias = options.unitForgetBias ?? true
  }

  protected override cell(options: CellOptions): Cell {
    return cell(options)
  }

  protected override remade(options: LSTMOptions): Recurrence {
    return new LSTM(options)
  }

  protected override cellAttributes(): Record<string, unknown> {
    return { recurrentActivation: this.#recurrentActivation }
  }

  protected override biasInitializer(base: Initializer): Initializer {
    if (!this.#unitForgetBias) return base
    return base.kind === 'zeros' ? { kind: 'lstmBias' } : { kind: 'lstmBias', base }
  }

  override config(): Record<string, unknown> {
    return { ...super.config(), unitForgetBias: this.#unitForgetBias }
  }
}

/**
 * A long short-term memory layer.
 *
 * Input `[batch, time, features]`; output `[batch, units]`, or `[batch, time, units]` with `returnSequences`; with
 * `returnState` also h and c, `[batch, units]` each. Weights: kernel `[features, 4 units]`, recurrent_kernel
 * `[units, 4 units]`, bias `[4 units]`, gates in the order input, forget, candidate, output. Defaults are Keras 3's.
 * Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function lstm(options: LSTMOptions & { readonly returnState: true }): LSTM<WithStates>
export function lstm(options: LSTMOptions & { readonly returnState?: false }): LSTM<SymbolicTensor>
export function lstm(options: LSTMOptions): LSTM
export function lstm(options: LSTMOptions): LSTM {
  return new LSTM(options)
}
