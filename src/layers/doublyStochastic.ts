import { traceFunction } from '../graph/trace/function.js'
import { sub } from '../graph/trace/ops.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { number } from '../options.js'
import type { LayerOptions, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'

/** Options of {@link doublyStochasticPenalty}. */
export interface DoublyStochasticPenaltyOptions extends LayerOptions {
  /** The factor λ of the penalty; default 1. */
  readonly weight?: number
}

/** The layer that {@link doublyStochasticPenalty} makes. */
export class DoublyStochasticPenalty extends TracedLayer<SymbolicTensor> {
  static override readonly className = 'DoublyStochasticPenalty'
  override readonly baseName = 'doubly_stochastic_penalty'
  protected override readonly outputCount = 1
  readonly #weight: number
  readonly #program: Program

  constructor(options: DoublyStochasticPenaltyOptions) {
    super('layers.doublyStochasticPenalty', options, { accepted: { weight: number(0) } })
    const { weight = 1 } = options
    this.#weight = weight
    this.#program = traceFunction(
      'layers.doublyStochasticPenalty',
      { alignment: ['time', 'places'] },
      {},
      ({ alignment }: { alignment: SymbolicValue }, _: never, { addLoss }) => {
        const attended = alignment.sum({ axis: 1 })
        addLoss(sub(1, attended).square().sum().mul(weight))
        return alignment
      },
    ).program
  }

  protected override program(): Program {
    return this.#program
  }

  override config(): Record<string, unknown> {
    return { weight: this.#weight }
  }
}

/**
 * Passes the alignments of an attention decoder `[batch, time, places]` on and adds λ·Σ(1 - Σ alignment over time)²,
 * averaged over the rows, to the loss of training: so that over a sequence each place is looked at about once. Source:
 * Xu et al., arXiv 1502.03044, equation 14. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function doublyStochasticPenalty(options: DoublyStochasticPenaltyOptions = {}): DoublyStochasticPenalty {
  return new DoublyStochasticPenalty(options)
}
