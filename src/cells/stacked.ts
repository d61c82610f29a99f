import { SeqloomError } from '../errors.js'
import { bind, type ProgramInput, type ProgramWeight } from '../graph/trace/program.js'
import { batch, type Size, show, type TracedShape } from '../graph/trace/size.js'
import { SymbolicValue } from '../graph/trace/symbolic.js'
import { Trace } from '../graph/trace/trace.js'
import { checkOptions, custom, label, oneOf, orNull } from '../options.js'
import { Cell, labelOf } from './cell.js'

/** Options of {@link stackedRNNCells}. */
export interface StackedCellsOptions<Last extends Cell = Cell> {
  /** The cells; the first one reads the input. */
  readonly cells: readonly [...Cell[], Last]
  /**
   * How what a cell reads reaches its output besides, for every cell but the first; the sizes must be the same. `'residual'` adds
   * it: y + x (He et al., arXiv 1512.03385; in stacks of LSTMs Wu et al., arXiv 1609.08144). `'highway'` mixes both by a
   * learned gate: t · y + (1 - t) · x with t = σ(x · gate_kernel + gate_bias), whose bias begins with -1 (Srivastava et
   * al., arXiv 1505.00387). Default `'none'`.
   */
  readonly connections?: 'none' | 'residual' | 'highway'
}

const where = 'layers.stackedRNNCells'

/** The input of a cell that is the time since the step before. */
export const deltas = 'deltas'

const cellList = custom(
  'an array of cells',
  (v) => Array.isArray(v) && v.length > 0 && Array.from(v).every((each) => each instanceof Cell),
)

/** @inline The outputs of a cell. */
type OutputsOf<C extends Cell> = C extends Cell<infer Outputs> ? Outputs : readonly string[]

/**
 * One cell made of several: at every step, each reads the output of the previous one. It has the states of all of them,
 * in order, and the outputs of the last one; constants of the same name are shared, and so are the times between steps,
 * which cells ask for by an input `deltas`. Weights are named `lstm/kernel`, `lstm_1/kernel`. Errors: `ERR_OPTION`;
 * `ERR_SHAPE` if an output does not fit the next cell; `ERR_UNSUPPORTED` for cells with several other inputs.
 */
export function stackedRNNCells<const Last extends Cell>(
  options: StackedCellsOptions<Last>,
): Cell<OutputsOf<Last>, Readonly<Record<string, unknown>>> {
  checkOptions(where, options, {
    accepted: { cells: cellList, connections: oneOf(['none', 'residual', 'highway']), name: orNull(label) },
    required: ['cells'],
  })
  const { cells, connections = 'none' } = options
  const names = uniqueNames(cells)
  const states: ProgramInput[] = []
  const constants = new Map<string, ProgramInput>()
  const weights: ProgramWeight[] = []
  const first = cells[0] as Cell
  const timed = cells.some(({ inputs }) => inputs.includes(deltas))
  const steps: ProgramInput[] = [
    { name: 'x', shape: first.program.inputs[first.inputs.findIndex((name) => name !== deltas)]?.shape as TracedShape },
    ...(timed ? [{ name: deltas, shape: [batch, 1] }] : []),
  ]
  let output = steps[0]?.shape as TracedShape
  const bound = cells.map((cell, at) => {
    const own = cell.inputs.filter((name) => name !== deltas)
    if (own.length !== 1) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `${where}: cell '${cell.name}' has ${own.length} inputs${own.length < cell.inputs.length ? ` besides ${deltas}` : ''} instead of one`,
      )
    }
    const read = output
    const count = cell.inputs.length
    const given = cell.program.inputs.map(({ name, shape }, index) => (index < count && name !== deltas ? read : shape))
    const resolved = bind(cell.program, given)
    const { program, shapes } = resolved
    cell.states.forEach((name, index) => {
      states.push({ name: `${names[at]}_${name}`, shape: shapes[count + index] as TracedShape })
    })
    cell.constants.forEach((name, index) => {
      const shape = shapes[count + cell.states.length + index] as TracedShape
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
    if (connections !== 'none' && at > 0) {
      if (show(read) !== show(output)) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `${where}: with ${connections} connections, cell '${cell.name}' must give what it reads, ${show(read)}, not ${show(output)}`,
        )
      }
      if (connections === 'highway') weights.push(...gate(names[at] as string, output.at(-1) as Size, program.weights))
    }
    return program
  })
  const inputs = [...steps, ...states, ...constants.values()]
  const trace = new Trace(labelOf('stacked'), inputs, weights)
  const constantId = (name: string) => inputs.findIndex((each) => each.name === name)
  let x = 0
  let nextState = steps.length
  let nextWeight = inputs.length
  let outputs: number[] = []
  const newStates: number[] = []
  const connected = (read: SymbolicValue, made: SymbolicValue): SymbolicValue => {
    if (connections === 'residual') return made.add(read)
    const [kernel, bias] = [nextWeight++, nextWeight++].map((id) => new SymbolicValue(trace, id)) as [
      ...[SymbolicValue, SymbolicValue],
    ]
    return read.add(read.matmul(kernel).add(bias).sigmoid().mul(made.sub(read)))
  }
  cells.forEach((cell, at) => {
    const program = bound[at] as (typeof bound)[number]
    const own = cell.states.map(() => nextState++)
    const used = program.weights.map(() => nextWeight++)
    const read = cell.inputs.map((name) => (name === deltas ? 1 : x))
    const results = trace.inline(program, [...read, ...own, ...cell.constants.map(constantId)], used)
    outputs = results.slice(0, cell.outputs.length)
    newStates.push(...results.slice(cell.outputs.length))
    if (connections !== 'none' && at > 0) {
      const [before, made] = [x, outputs[0] as number].map((id) => new SymbolicValue(trace, id)) as [
        ...[SymbolicValue, SymbolicValue],
      ]
      outputs[0] = SymbolicValue.idIn(trace, connected(before, made), 'the output')
    }
    x = outputs[0] as number
  })
  const last = cells.at(-1) as Last
  return new Cell(
    'stacked',
    {
      inputs: steps.map(({ name }) => name),
      states: states.map(({ name }) => name),
      constants: [...constants.keys()],
      outputs: last.outputs as OutputsOf<Last>,
    },
    trace.finish([...outputs, ...newStates]),
  )
}

/** The weights of a highway's gate, which lets little through at first. */
function gate(cell: string, size: Size, own: readonly ProgramWeight[]): ProgramWeight[] {
  let name = 'gate'
  // A cell may have a gate of its own.
  while (own.some((weight) => weight.name === `${name}_kernel` || weight.name === `${name}_bias`))
    name = `highway_${name}`
  return [
    { name: `${cell}/${name}_kernel`, shape: [size, size], initializer: { kind: 'glorotUniform' } },
    { name: `${cell}/${name}_bias`, shape: [size], initializer: { kind: 'constant', value: -1 } },
  ]
}

function uniqueNames(cells: readonly Cell[]): string[] {
  const counts = new Map<string, number>()
  return cells.map(({ name }) => {
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    return count === 0 ? name : `${name}_${count}`
  })
}
