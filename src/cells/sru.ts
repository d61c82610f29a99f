import { sub } from '../graph/trace/ops.js'
import { checkOptions, flag, integer, number, oneOf } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link sru}. */
export interface SRUCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
  /**
   * Whether the gates also see the state, through one weight per unit, as in the paper's last version; default true. Without
   * it, as in its first one, the state is only multiplied by what the input says.
   */
  readonly stateGates?: boolean
  /**
   * What the output mixes the state with: the input itself, as in the paper's equations, which needs as many features as units
   * (`'identity'`), or a projection of it (`'projection'`, the default).
   */
  readonly highway?: 'identity' | 'projection'
  /** What the bias of the gate between the state and the input begins with; default 0. */
  readonly highwayBias?: number
}

/**
 * A simple recurrent unit, whose products read the input alone: f = σ(x·Wf + vf·c + bf); c' = f·c + (1 - f)·(x·W);
 * r = σ(x·Wr + vr·c + br); h = r·c' + (1 - r)·x, where x may be projected.
 *
 * Step: x `[batch, features]`; state c and output `[batch, units]`. Weights: kernel `[features, 3 units]`, or 4 with a
 * projection, in the order candidate, forget, reset, projection, uniform within √(3 / features); bias `[2 units]`; with
 * state gates `state` `[2 units]`, zero at first. The identity is scaled by √(1 + 2·exp(highwayBias)), so that outputs
 * vary as inputs do. Source: Lei et al., "Simple recurrent units for highly parallelizable recurrence", arXiv 1709.02755. Errors: `ERR_OPTION`.
 */
export function sru(options: SRUCellOptions) {
  checkOptions('cells.sru', options, {
    accepted: {
      units: integer(1),
      stateGates: flag,
      highway: oneOf(['identity', 'projection']),
      highwayBias: number(),
    },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, stateGates = true, highway = 'projection', highwayBias = 0 } = options
  const projected = highway === 'projection'
  const features = projected ? 'features' : units
  return defineCell({
    name: 'sru',
    inputs: { x: features },
    states: { c: units },
    weights: {
      kernel: { shape: [features, (projected ? 4 : 3) * units], initializer: 'lecunUniform' },
      bias: { shape: [2 * units], initializer: { kind: 'blocks', values: [0, highwayBias] } },
      ...(stateGates && { state: [2 * units] }),
    },
    step({ x, c }, w) {
      const products = x.matmul(w.kernel)
      const gates = products.slice(units, 3 * units).add(w.bias)
      const [forget, reset] = gates.split(2)
      const [ofForget, ofReset] = stateGates && w.state ? w.state.split(2) : []
      const f = (ofForget ? forget.add(ofForget.mul(c)) : forget).sigmoid()
      const r = (ofReset ? reset.add(ofReset.mul(c)) : reset).sigmoid()
      const next = f.mul(c).add(sub(1, f).mul(products.slice(0, units)))
      const carried = projected ? products.slice(3 * units, 4 * units) : x.mul(Math.sqrt(1 + 2 * Math.exp(highwayBias)))
      return { c: next, output: r.mul(next).add(sub(1, r).mul(carried)) }
    },
  })
}
