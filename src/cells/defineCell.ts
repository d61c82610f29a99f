import { describe, SeqloomError } from '../errors.js'
import {
  declareInputs,
  declareWeights,
  type RowShape,
  requireDistinct,
  type ValuesOf,
  type WeightDeclarations,
  type WeightsOf,
  weightRecord,
} from '../graph/trace/declare.js'
import { show, unify } from '../graph/trace/size.js'
import { SymbolicValue } from '../graph/trace/symbolic.js'
import { Trace } from '../graph/trace/trace.js'
import { checkOptions, custom, isRecord, label } from '../options.js'
import { Cell, labelOf } from './cell.js'
import { maskedInputs } from './scanBody.js'

/** Shapes of values by name, without the batch. */
export type RowShapes = Readonly<Record<string, RowShape>>

/** What a step returns: every new state by name, and the outputs. */
export type StepResult<States, Outputs extends readonly string[]> = ValuesOf<States> &
  (Outputs extends readonly ['output']
    ? { readonly output?: SymbolicValue }
    : { readonly [Name in Outputs[number]]: SymbolicValue })

/** What {@link defineCell} takes. */
export interface CellDefinition<
  States extends RowShapes,
  Weights extends WeightDeclarations,
  Inputs extends RowShapes,
  Constants extends RowShapes,
  Outputs extends readonly string[],
> {
  /** The cell's name, for messages and weights; default `'cell'`. */
  readonly name?: string
  /**
   * What is carried from step to step, with shapes without the batch: `{ h: 64 }`. States start at zero, unless the
   * layer is given initial states.
   */
  readonly states: States
  /**
   * The weights: `{ kernel: ['features', 64], bias: [64] }`. A name stands for a size that is known when the cell is
   * used.
   */
  readonly weights?: Weights
  /** What each step reads; default `{ x: 'features' }`, one value `[batch, features]`. */
  readonly inputs?: Inputs
  /** Values that are the same at every step, such as an encoder's outputs: `{ memory: ['steps', 'size'] }`. */
  readonly constants?: Constants
  /** The names of the outputs, unless there is just one, `output`; names of states are allowed. */
  readonly outputs?: Outputs
  /** One step, from symbolic values `[batch, …]` to the new states and the outputs. It is called once, immediately. */
  readonly step: (
    values: ValuesOf<Inputs> & ValuesOf<States> & ValuesOf<Constants>,
    weights: WeightsOf<Weights>,
  ) => StepResult<States, Outputs>
}

const record = custom('an object', isRecord)

/**
 * Defines a recurrent cell by one step, written with symbolic values. The step is called once, here; its operations
 * then run natively, forward and backward through time, in `layers.rnn({ cell })`.
 *
 * ```ts
 * const elman = defineCell({
 *   states: { h: 8 },
 *   weights: { kernel: ['features', 8], recurrent: [8, 8], bias: [8] },
 *   step: ({ x, h }, w) => ({ h: x.matmul(w.kernel).add(h.matmul(w.recurrent)).add(w.bias).tanh() }),
 * })
 * ```
 *
 * The step returns every new state by name. Without an `output`, the first state is the output. Errors name the line in
 * the step: `ERR_SHAPE` for shapes that do not fit; `ERR_OPTION` for weights that are not declared, for JavaScript
 * operators or `if` on symbolic values, and for results that are not symbolic values. Named sizes are checked again
 * when the cell is used.
 */
export function defineCell<
  const States extends RowShapes,
  const Weights extends WeightDeclarations = Readonly<Record<never, never>>,
  const Inputs extends RowShapes = { readonly x: 'features' },
  const Constants extends RowShapes = Readonly<Record<never, never>>,
  const Outputs extends readonly string[] = readonly ['output'],
>(definition: CellDefinition<States, Weights, Inputs, Constants, Outputs>): Cell<Outputs, States> {
  checkOptions('defineCell', definition, {
    accepted: {
      name: label,
      states: record,
      weights: record,
      inputs: record,
      constants: record,
      outputs: custom('an array of names', (v) => Array.isArray(v) && v.length > 0 && v.every((n) => label.accepts(n))),
      step: custom('a function', (v) => typeof v === 'function'),
    },
    required: ['states', 'step'],
  })
  const { name = 'cell', weights = {}, inputs = { x: 'features' }, constants = {} } = definition
  const where = labelOf(name)
  const declared = {
    inputs: declareInputs(where, 'inputs', inputs),
    states: declareInputs(where, 'states', definition.states),
    constants: declareInputs(where, 'constants', constants),
  }
  if (declared.states.length === 0) throw new SeqloomError('ERR_OPTION', `${where}: there must be a state`)
  const all = [...declared.inputs, ...declared.states, ...declared.constants]
  requireDistinct(where, all)
  const declaredWeights = declareWeights(where, weights)
  const trace = new Trace(where, all, declaredWeights.weights)
  const values = all.map(({ name: each }, id) => [each, new SymbolicValue(trace, id)] as const)
  const result = definition.step(
    trace.record('input, state or constant', Object.fromEntries(values)) as never,
    trace.record('weight', weightRecord(trace, all.length, declaredWeights)) as never,
  )
  const stateNames = declared.states.map((state) => state.name)
  const outputs = outputNames(trace, definition.outputs, stateNames, result)
  const states = declared.states.map(({ name: each, shape }) => {
    const id = valueIn(trace, result, each, 'state')
    const found = trace.shapeOf(id)
    const fits = found.length === shape.length && shape.every((dim, at) => unify(dim, found[at] ?? null) !== undefined)
    if (fits) return id
    throw trace.error(
      'ERR_SHAPE',
      'the step',
      `the new state '${each}' is ${show(found)}; it was declared as ${show(shape)}`,
    )
  })
  const ids = outputs.map((each) => {
    const returned = definition.outputs !== undefined || Object.hasOwn(result, each)
    return returned ? valueIn(trace, result, each, 'output') : (states[0] as number)
  })
  for (const [index, id] of ids.entries()) {
    const found = trace.shapeOf(id)
    if (found[0] === 'batch' && found.length > 1) continue
    throw trace.error('ERR_SHAPE', 'the step', `the output '${outputs[index]}' must be [batch, …], got ${show(found)}`)
  }
  const names = {
    inputs: declared.inputs.map((input) => input.name),
    states: stateNames,
    constants: declared.constants.map((constant) => constant.name),
    outputs: outputs as unknown as Outputs,
  }
  const program = trace.finish([...ids, ...states])
  maskedInputs(program, declared.inputs.length + declared.states.length)
  return new Cell<Outputs, States>(name, names, program)
}

/** The names of the outputs in a step's result, which must be an object of the states and the outputs. */
function outputNames(
  trace: Trace,
  declared: readonly string[] | undefined,
  states: readonly string[],
  result: unknown,
): readonly string[] {
  const what = 'the step'
  if (!isRecord(result) || result instanceof SymbolicValue) {
    const hint = typeof (result as { then?: unknown } | null)?.then === 'function' ? '; it must not be async' : ''
    const example = states.map((name) => `${name}: …`).join(', ')
    throw trace.error(
      'ERR_OPTION',
      what,
      `it must return an object of its new states, { ${example} }, not ${describe(result)}${hint}`,
    )
  }
  if (typeof result.then === 'function')
    throw trace.error('ERR_OPTION', what, 'it must not be async: nothing is computed here')
  const outputs = declared ?? ['output']
  const unknown = Object.keys(result).find((name) => !states.includes(name) && !outputs.includes(name))
  if (unknown !== undefined) {
    const known = [...new Set([...states, ...outputs])].join(', ')
    throw trace.error(
      'ERR_OPTION',
      what,
      `it returned '${unknown}', which is neither a state nor an output; these are ${known}`,
    )
  }
  return outputs
}

function valueIn(trace: Trace, result: unknown, name: string, what: string): number {
  const found = (result as Record<string, unknown>)[name]
  if (found === undefined) throw trace.error('ERR_OPTION', 'the step', `it did not return the ${what} '${name}'`)
  return SymbolicValue.idIn(trace, found, `the ${what} '${name}'`)
}
