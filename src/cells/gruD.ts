import { sub } from '../graph/trace/ops.js'
import { checkOptions, integer } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link gruD}. */
export interface GRUDCellOptions {
  /** The size of the state and of the output. */
  readonly units: number
}

/**
 * A GRU for sequences with missing values at irregular times. A value that is missing fades from its last observation
 * towards the mean, which is 0: standardise the data. The state fades with the time since values were observed, too.
 * γx = exp(-max(0, wx·δ + bx)); x̂ = m·x + (1 - m)·γx·last; γh = exp(-max(0, δ·Wh + bh)); ĥ = γh·h; then z, r = σ(x̂·W
 * + ĥ·U + m·V + b); n = tanh(x̂·Wn + (r·ĥ)·Un + m·Vn + bn); h' = (1 - z)·ĥ + z·n.
 *
 * Step: x `[batch, features]`; present `[batch, features]`, the m, 1 where a value was observed and 0 where it is
 * missing, whatever number x is there; deltas `[batch, 1]`, the time since the step before. States: h `[batch,
 * units]`, which is the output; last and since `[batch, features]`, each value's last observation and the time since
 * then. Weights: decay and decay_bias `[features]`, decay from 0 to 0.1 at first; state_decay `[features, units]` and
 * state_decay_bias `[units]`; kernel and present_kernel `[features, 3 units]`, recurrent_kernel `[units, 3 units]` and
 * bias `[3 units]` in the order z, r, n. Source: Che et al., "Recurrent neural networks for multivariate time series
 * with missing values", arXiv 1606.01865. Errors: `ERR_OPTION`.
 */
export function gruD(options: GRUDCellOptions) {
  checkOptions('cells.gruD', options, { accepted: { units: integer(1) }, refused: ofLayers, required: ['units'] })
  const { units } = options
  return defineCell({
    name: 'gruD',
    inputs: { x: 'features', present: 'features', deltas: 1 },
    states: { h: units, last: 'features', since: 'features' },
    weights: {
      // Where nothing fades, nothing would tell whether it should.
      decay: { shape: ['features'], initializer: { kind: 'randomUniform', minval: 0, maxval: 0.1 } },
      decay_bias: ['features'],
      state_decay: ['features', units],
      state_decay_bias: [units],
      kernel: ['features', 3 * units],
      present_kernel: ['features', 3 * units],
      recurrent_kernel: { shape: [units, 3 * units], initializer: 'orthogonal' },
      bias: [3 * units],
    },
    step({ x, present, deltas, h, last, since }, w) {
      const observed = present.greater(0)
      const elapsed = since.add(deltas)
      const fading = elapsed.mul(w.decay).add(w.decay_bias).relu().neg().exp()
      const filled = observed.where(x, fading.mul(last))
      const faded = elapsed.matmul(w.state_decay).add(w.state_decay_bias).relu().neg().exp().mul(h)
      const sum = filled.matmul(w.kernel).add(present.matmul(w.present_kernel)).add(w.bias)
      const [xz, xr, xn] = sum.split(3)
      const [hz, hr] = faded.matmul(w.recurrent_kernel.slice(0, 2 * units)).split(2)
      const z = xz.add(hz).sigmoid()
      const r = xr.add(hr).sigmoid()
      const n = xn.add(r.mul(faded).matmul(w.recurrent_kernel.slice(2 * units, 3 * units))).tanh()
      return { h: sub(1, z).mul(faded).add(z.mul(n)), last: observed.where(x, last), since: observed.where(0, elapsed) }
    },
  })
}
