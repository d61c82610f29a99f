import { describe, SeqloomError } from '../errors.js'
import type { ProgramInput } from '../graph/trace/program.js'
import { Trace } from '../graph/trace/trace.js'
import { Cell, labelOf } from './cell.js'

/**
 * The same cell with one more input, the last, which is added to the first state as it leaves each step. With zeros there it computes what the cell
 * computes, and the gradient of that input is the gradient of the loss by the state at every step:
 *
 * ```ts
 * const y = layers.rnn({ cell: cells.probed(cells.lstm({ units: 8 })) }).apply([x, zeros]) // zeros: [batch, time, 8]
 * const { inputs } = await model({ inputs: [x, zeros], outputs: y }).gradients([data, noughts], { cotangents })
 * ```
 *
 * Errors: `ERR_OPTION` for what is no cell.
 */
export function probed<Outputs extends readonly string[], States>(cell: Cell<Outputs, States>): Cell<Outputs, States> {
  if (!(cell instanceof Cell))
    throw new SeqloomError('ERR_OPTION', `cells.probed: expected a cell, got ${describe(cell)}`)
  const { program, inputs, states, constants, outputs } = cell
  const state = program.inputs[inputs.length] as ProgramInput
  const probe: ProgramInput = { name: 'probe', shape: state.shape }
  const all = [...program.inputs.slice(0, inputs.length), probe, ...program.inputs.slice(inputs.length)]
  const trace = new Trace(labelOf(cell.name), all, program.weights)
  const weights = program.weights.map((_, index) => all.length + index)
  const own = program.inputs.map((_, index) => (index < inputs.length ? index : index + 1))
  const results = trace.inline(program, own, weights)
  const left = results[outputs.length] as number
  const moved = trace.add('elementwise', [left, inputs.length], { kind: 'add' })
  const names = { inputs: [...inputs, probe.name], states, constants, outputs }
  return new Cell(cell.name, names, trace.finish(results.map((id) => (id === left ? moved : id))))
}
