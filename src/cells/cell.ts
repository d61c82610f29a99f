import { SeqloomError } from '../errors.js'
import type { Program } from '../graph/trace/program.js'
import { loadProgram, type SavedProgram, saveProgram } from '../graph/trace/saved.js'
import { isRecord } from '../options.js'

/**
 * One step of a recurrence, as operations: what `defineCell` and `cells.*` make and `layers.rnn` runs. Its type carries
 * the names of its outputs and the number of its states. A cell holds no weights; each layer that uses it has its own.
 */
export class Cell<Outputs extends readonly string[] = readonly string[], States = unknown> {
  readonly name: string
  /** The names of the inputs: values of each step. */
  readonly inputs: readonly string[]
  /** The names of the states, carried from step to step. */
  readonly states: readonly string[]
  /** The names of the constants: values that are the same at every step. */
  readonly constants: readonly string[]
  /** The names of the outputs. */
  readonly outputs: Outputs
  /** Marks the type of the states; never set. */
  declare readonly stateValues: States
  /** @internal Inputs, states and constants in this order; then the outputs and the new states. */
  readonly program: Program

  /** @internal */
  constructor(name: string, names: CellNames<Outputs>, program: Program) {
    this.name = name
    this.inputs = names.inputs
    this.states = names.states
    this.constants = names.constants
    this.outputs = names.outputs
    this.program = program
  }

  /** @internal The cell as it is written to a saved model. */
  config(): SavedCell {
    const { name, inputs, states, constants, outputs } = this
    return { name, inputs, states, constants, outputs, program: saveProgram(this.program) }
  }
}

/** The names of inputs, states, constants and outputs. */
export interface CellNames<Outputs extends readonly string[] = readonly string[]> {
  readonly inputs: readonly string[]
  readonly states: readonly string[]
  readonly constants: readonly string[]
  readonly outputs: Outputs
}

/** A cell in a saved model: names and operations. */
export interface SavedCell extends CellNames {
  readonly name: string
  readonly program: SavedProgram
}

/** Reads a cell from a saved model; nothing in it is executed. `ERR_FORMAT` for anything else. */
export function cellFromConfig(saved: unknown): Cell {
  const malformed = (what: string) => new SeqloomError('ERR_FORMAT', `a saved cell has ${what}`)
  if (!isRecord(saved) || typeof saved.name !== 'string') throw malformed('no name')
  const names = (what: string): string[] => {
    const list = saved[what]
    if (!Array.isArray(list) || !list.every((name) => typeof name === 'string')) throw malformed(`no ${what}`)
    return list
  }
  const [inputs, states, constants, outputs] = ['inputs', 'states', 'constants', 'outputs'].map(names) as [
    string[],
    string[],
    string[],
    string[],
  ]
  const program = loadProgram(labelOf(saved.name), saved.program)
  const all = [...inputs, ...states, ...constants]
  const consistent =
    all.join() === program.inputs.map(({ name }) => name).join() &&
    program.outputs.length === outputs.length + states.length &&
    states.length > 0 &&
    outputs.length > 0
  if (!consistent) throw malformed('names that do not fit its operations')
  return new Cell(saved.name, { inputs, states, constants, outputs }, program)
}

/** A cell's name in messages. */
export const labelOf = (name: string): string => `cell '${name}'`
