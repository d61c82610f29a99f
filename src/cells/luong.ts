import { checkOptions, flag, integer, oneOf } from '../options.js'
import { readMemory } from './attend.js'
import { defineCell } from './defineCell.js'
import { ofLayers } from './options.js'

/** Options of {@link luong}. */
export interface LuongCellOptions {
  /** The size of the LSTM's states and of the output. */
  readonly units: number
  /**
   * How a step of the memory is scored: by its product with h (`'dot'`; its size must then be `units`), or with h times
   * a matrix (`'general'`, the default).
   */
  readonly score?: 'dot' | 'general'
  /** Whether each step also reads the output of the one before; default true. */
  readonly inputFeeding?: boolean
}

/**
 * The decoder of Luong, Pham and Manning (arXiv 1508.04025) with global attention: an LSTM steps first, its new state
 * scores the encoder's outputs, and the output is tanh of a projection of the context and the state.
 *
 * Step: x `[batch, features]`, the states h and c `[batch, units]`, with input feeding also `attended`
 * `[batch, units]`, and the constant memory `[batch, steps, size]`, whose padding is left out. Outputs: `output`
 * `[batch, units]`; `alignment` `[batch, steps]`. Errors: `ERR_OPTION`.
 */
export function luong(options: LuongCellOptions) {
  checkOptions('cells.luong', options, {
    accepted: { units: integer(1), score: oneOf(['dot', 'general']), inputFeeding: flag },
    refused: ofLayers,
    required: ['units'],
  })
  const { units, score = 'general', inputFeeding = true } = options
  const general = score === 'general'
  return defineCell({
    name: 'luong',
    states: { h: units, c: units, ...(inputFeeding && { attended: units }) },
    constants: { memory: ['steps', general ? 'size' : units] },
    outputs: ['output', 'alignment'],
    weights: {
      kernel: ['features', 4 * units],
      recurrent_kernel: { shape: [units, 4 * units], initializer: 'orthogonal' },
      bias: { shape: [4 * units], initializer: 'lstmBias' },
      output_kernel: [units, units],
      context_kernel: [general ? 'size' : units, units],
      ...(inputFeeding && { feed_kernel: [units, 4 * units] }),
      ...(general && { score_kernel: ['size', units] }),
    },
    step({ x, h, c, memory, ...fed }, w) {
      const sum = x.matmul(w.kernel).add(h.matmul(w.recurrent_kernel)).add(w.bias)
      const fromOutput = inputFeeding && w.feed_kernel ? fed.attended?.matmul(w.feed_kernel) : undefined
      const [i, f, g, o] = (fromOutput ? sum.add(fromOutput) : sum).split(4)
      const newC = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()))
      const newH = o.sigmoid().mul(newC.tanh())
      const keys = general && w.score_kernel ? memory.matmul(w.score_kernel) : memory
      const scores = newH.expandDims(1).matmul(keys, { transposeB: true }).squeeze(1)
      const { alignment, context } = readMemory(scores, memory)
      const output = context.matmul(w.context_kernel).add(newH.matmul(w.output_kernel)).tanh()
      return { h: newH, c: newC, output, alignment, ...(inputFeeding && { attended: output }) }
    },
  })
}
