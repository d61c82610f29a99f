import { SeqloomError } from '../errors.js'
import { bind, type ProgramInput, type ProgramWeight } from '../graph/trace/program.js'
import { batch, show, type TracedShape } from '../graph/trace/size.js'
import { Trace } from '../graph/trace/trace.js'
import { checkOptions, custom, label, orNull } from '../options.js'
import { Cell, labelOf } from './cell.js'

/** Options of {@link stackedRNNCells}. */
export interface StackedCellsOptions<Last extends Cell = Cell> {
  /** The cells; the first one reads the input. */
  readonly cells: readonly [...Cell[], Last]
}

const where = 'layers.stackedRNNCells'

const cellList = custom(
  'an array of cells',
  (v) => Array.isArray(v) && v.length > 0 && Array.from(v).every((each) => each instanceof Cell),
)

/** The outputs of a cell. */
type OutputsOf<C extends Cell> = C extends Cell<infer Outputs> ? Outputs : readonly string[]

/**
 * One cell made of several: at every step, each reads the output of the previous one. It has the states of all of them,
 * in order, and the outputs of the last one; constants of the same name are shared. Weights are named `lstm/kernel`,
 * `lstm_1/kernel`. Errors: `ERR_OPTION`; `ERR_SHAPE` if an output does not fit the next cell; `ERR_UNSUPPORTED` for
 * cells with several inputs.
 */
export function stackedRNNCells<const Last extends Cell>(
  options: StackedCellsOptions<Last>,
): Cell<OutputsOf<Last>, Readonly<Record<string, unknown>>> {
  checkOptions(where, options, { accepted: { cells: cellList, name: orNull(label) }, required: ['cells'] })
  const { cells } = options
  const names = uniqueNames(cells)
  const states: ProgramInput[] = []
  const constants = new Map<string, ProgramInput>()
  const weights: ProgramWeight[] = []
  const first = cells[0] as Cell
  let output = first.program.inputs[0]?.shape as TracedShape
  const input: ProgramInput = { name: 'x', shape: output }
  const bound = cells.map((cell, at) => {
    if (cell.inputs.length !== 1) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `${where}: cell '${cell.name}' has ${cell.inputs.length} inputs instead of one`,
      )
    }
    const [, ...others] = cell.program.inputs
    const resolved = bind(cell.program, [output, ...others.map(({ shape }) => shape)])
    const { program, shapes } = resolved
    cell.states.forEach((name, index) => {
      states.push({ name: `${names[at]}_${name}`, shape: shapes[1 + index] as TracedShape })
    })
    cell.constants.forEach((name, index) => {
      const shape = shapes[1 + cell.states.length + index] as TracedShape
      const known = constants.get(name)
      if (known && show(known.shape) !== show(shape)) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `${where}: the constant '${name}' is ${show(known.shape)} and ${show(shape)}`,
        )
      }
      constants.set(name, { name, shape })
    })
    weights.push(...program.weights.map((weight) => ({ ...weight, name: `${names[at]}/${weight.name}` })))
    output = shapes[program.outputs[0] as number] ?? [batch]
    return program
  })
  const inputs = [input, ...states, ...constants.values()]
  const trace = new Trace(labelOf('stacked'), inputs, weights)
  const constantId = (name: string) => inputs.findIndex((each) => each.name === name)
  let x = 0
  let nextState = 1
  let nextWeight = inputs.length
  let outputs: number[] = []
  const newStates: number[] = []
  cells.forEach((cell, at) => {
    const program = bound[at] as (typeof bound)[number]
    const own = cell.states.map(() => nextState++)
    const used = program.weights.map(() => nextWeight++)
    const results = trace.inline(program, [x, ...own, ...cell.constants.map(constantId)], used)
    outputs = results.slice(0, cell.outputs.length)
    newStates.push(...results.slice(cell.outputs.length))
    x = outputs[0] as number
  })
  const last = cells.at(-1) as Last
  return new Cell(
    'stacked',
    {
      inputs: ['x'],
      states: states.map(({ name }) => name),
      constants: [...constants.keys()],
      outputs: last.outputs as OutputsOf<Last>,
    },
    trace.finish([...outputs, ...newStates]),
  )
}

function uniqueNames(cells: readonly Cell[]): string[] {
  const counts = new Map<string, number>()
  return cells.map(({ name }) => {
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    return count === 0 ? name : `${name}_${count}`
  })
}
