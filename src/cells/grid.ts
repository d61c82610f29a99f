import { SeqloomError } from '../errors.js'
import { stack } from '../graph/trace/ops.js'
import { SymbolicValue } from '../graph/trace/symbolic.js'
import { checkOptions, flag, integer, isRecord } from '../options.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** One side of a block: its hidden state h and its memory m, `[batch, units]` each. */
export interface GridSide {
  readonly h: SymbolicValue
  readonly m: SymbolicValue
}

/** The weights of an LSTM along one dimension of a block. */
export interface GridWeights {
  /** `[dimensions · units, 4 units]`, gates in the order input, forget, output, candidate. */
  readonly kernel: SymbolicValue
  /** `[4 units]`. */
  readonly bias: SymbolicValue
}

/**
 * One block of an N-dimensional Grid LSTM, for use in a cell's step. All incoming h together go through one LSTM per
 * dimension, with that dimension's own memory. Returns the outgoing sides. Source: Kalchbrenner, Danihelka and Graves,
 * arXiv 1507.01526, section 3. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function gridBlock<const Sides extends readonly GridSide[]>(
  sides: Sides,
  weights: readonly GridWeights[],
): { readonly [Dimension in keyof Sides]: GridSide } {
  if (!areAll(sides, 'h', 'm') || !areAll(weights, 'kernel', 'bias')) {
    throw new SeqloomError(
      'ERR_OPTION',
      'cells.gridBlock: expected an array of { h, m } and one of { kernel, bias }, all of them symbolic values',
    )
  }
  const [first, ...others] = sides
  if (!first || sides.length !== weights.length) {
    throw new SeqloomError(
      'ERR_OPTION',
      `cells.gridBlock: ${sides.length} sides need as many weights, got ${weights.length}`,
    )
  }
  const hidden = first.h.concat(...others.map(({ h }) => h))
  const leaving = sides.map(({ m }, dimension) => {
    const { kernel, bias } = weights[dimension] as GridWeights
    const [u, f, o, g] = hidden.matmul(kernel).add(bias).split(4)
    const memory = f.sigmoid().mul(m).add(u.sigmoid().mul(g.tanh()))
    return { h: o.sigmoid().mul(memory).tanh(), m: memory }
  })
  return leaving as { readonly [Dimension in keyof Sides]: GridSide }
}

/** Whether a value is an array of objects that have symbolic values of these names. */
function areAll(list: unknown, ...names: readonly string[]): boolean {
  try {
    if (!Array.isArray(list)) return false
    return Array.from(list).every(
      (each) => isRecord(each) && names.every((name) => each[name] instanceof SymbolicValue),
    )
  } catch {
    return false
  }
}

/** Options of {@link gridLSTM}. */
export interface GridLSTMCellOptions {
  /** The size of h and m along each dimension. */
  readonly units: number
  /** How many blocks are stacked. */
  readonly depth: number
  /** Whether the blocks share their weights; default false. */
  readonly tied?: boolean
  /** Whether the biases of the forget gates start at one, so that an untrained cell remembers; default true. */
  readonly unitForgetBias?: boolean
}

/**
 * A 2-D Grid LSTM over time and depth: at every step there is a column of blocks. In each, an LSTM along time and one
 * along depth read each other's h. The input enters at the bottom, projected to h and m; the output is the h that
 * leaves at the top.
 *
 * Step: x `[batch, features]`; states h and m of the time dimension `[batch, depth, units]`; output `[batch, units]`.
 * Weights: project_h and project_m `[features, units]`; time_kernel and depth_kernel `[2 units, 4 units]` and their
 * biases `[4 units]`, gates in the order input, forget, output, candidate, one of each per block unless they are tied.
 * Source: Kalchbrenner, Danihelka and Graves, arXiv 1507.01526. Errors: `ERR_OPTION`.
 */
export function gridLSTM(options: GridLSTMCellOptions) {
  checkOptions('cells.gridLSTM', options, {
    accepted: { units: integer(1), depth: integer(1, 256), tied: flag, unitForgetBias: flag },
    refused: ofLayers,
    required: ['units', 'depth'],
  })
  const { units, depth, tied = false, unitForgetBias = true } = options
  const bias = { shape: [4 * units], initializer: unitForgetBias ? 'lstmBias' : 'zeros' } as const
  const perBlock = <T>(shape: T): T[] => Array(tied ? 1 : depth).fill(shape)
  return defineCell({
    name: 'gridLSTM',
    states: { h: [depth, units], m: [depth, units] },
    weights: {
      project_h: ['features', units],
      project_m: ['features', units],
      time_kernel: perBlock([2 * units, 4 * units]),
      time_bias: perBlock(bias),
      depth_kernel: perBlock([2 * units, 4 * units]),
      depth_bias: perBlock(bias),
    },
    step({ x, h, m }, w) {
      const memories = m.unstack()
      let below: GridSide = { h: x.matmul(w.project_h), m: x.matmul(w.project_m) }
      const time = h.unstack().map((hidden, level) => {
        const block = tied ? 0 : level
        const along = { kernel: w.time_kernel[block], bias: w.time_bias[block] } as GridWeights
        const upwards = { kernel: w.depth_kernel[block], bias: w.depth_bias[block] } as GridWeights
        const before = { h: hidden, m: memories[level] } as GridSide
        const [after, above] = gridBlock([before, below], [along, upwards])
        below = above
        return after
      })
      return { h: stack(time.map((side) => side.h)), m: stack(time.map((side) => side.m)), output: below.h }
    },
  })
}
