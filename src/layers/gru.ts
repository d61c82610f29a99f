import type { Cell } from '../cells/cell.js'
import { gru as cell } from '../cells/gru.js'
import { flag, orNull } from '../options.js'
import { activationCheck, type CellActivation } from './activations.js'
import { type CellOptions, requireCellActivation } from './cellOptions.js'
import type { SymbolicTensor } from './layer.js'
import type { Recurrence, WithState } from './recurrence.js'
import { type CellKind, RecurrentLayer, type RecurrentOptions } from './recurrent.js'

/** Options of {@link gru}. */
export interface GRUOptions extends RecurrentOptions {
  /** The activation of the gates; default `'sigmoid'`, and null is `'linear'`. */
  readonly recurrentActivation?: CellActivation | null
  /**
   * Whether the reset gate acts after the recurrent product (cuDNN, PyTorch) or before it (the paper); default true.
   */
  readonly resetAfter?: boolean
}

const kind: CellKind = {
  op: 'gru',
  factory: 'gru',
  gates: 3,
  states: 1,
  checks: { recurrentActivation: orNull(activationCheck), resetAfter: flag },
}

/** The layer that {@link gru} makes. */
export class GRU<Out extends SymbolicTensor | WithState = SymbolicTensor | WithState> extends RecurrentLayer<Out> {
  static override readonly className = 'GRU'
  override readonly baseName = 'gru'
  readonly #recurrentActivation: CellActivation
  readonly #resetAfter: boolean

  constructor(options: GRUOptions) {
    super(kind, options)
    requireCellActivation('layers.gru', 'recurrentActivation', options.recurrentActivation)
    const { recurrentActivation } = options
    this.#recurrentActivation = recurrentActivation === undefined ? 'sigmoid' : (recurrentActivation ?? 'linear')
    this.#resetAfter = options.resetAfter ?? true
  }

  protected override cell(options: CellOptions): Cell {
    return cell(options)
  }

  protected override remade(options: GRUOptions): Recurrence {
    return new GRU(options)
  }

  protected override cellAttributes(): Record<string, unknown> {
    return { recurrentActivation: this.#recurrentActivation, resetAfter: this.#resetAfter }
  }

  protected override biasShape(): readonly number[] {
    return this.#resetAfter ? [2, 3 * this.units] : [3 * this.units]
  }
}

/**
 * A gated recurrent unit layer.
 *
 * Input `[batch, time, features]`; output `[batch, units]`, or `[batch, time, units]` with `returnSequences`; with
 * `returnState` also h, `[batch, units]`. Weights: kernel `[features, 3 units]`, recurrent_kernel `[units, 3 units]`,
 * bias `[2, 3 units]` (input, recurrent), or `[3 units]` with `resetAfter: false`; gates in the order update, reset,
 * candidate. Defaults are Keras 3's. Source: Cho et al. 2014. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function gru(options: GRUOptions & { readonly returnState: true }): GRU<WithState>
export function gru(options: GRUOptions & { readonly returnState?: false }): GRU<SymbolicTensor>
export function gru(options: GRUOptions): GRU
export function gru(options: GRUOptions): GRU {
  return new GRU(options)
}
