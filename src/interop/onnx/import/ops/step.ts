import { defineCell } from '../../../../cells/defineCell.js'
import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import type { AnyLayer, SymbolicTensor } from '../../../../layers/layer.js'
import { rnn } from '../../../../layers/rnn.js'
import { type Call, dataOf } from '../call.js'
import { type Dim, same } from '../dim.js'
import { arranged, met, type Operandish, sameAlong } from '../layout.js'
import { Lowering, Scope } from '../lowering.js'
import { type Atom, type Axes, type Computed, malformed, type Ref, sizeOf, unsupported, type Value } from '../values.js'
import { rowsOf } from './products.js'

// One step of a recurrence: the body of a `Scan` or a `Loop`, as a traced cell.

/** A value of which each step reads one part. */
export interface Sequence {
  readonly value: Computed
  readonly axis: number
}

/** What is carried from step to step. */
export interface State {
  readonly name: string
  readonly initial: Ref
  readonly physical: Axes
  readonly logical: Axes
}

/** The axes that a step reads: those of ours without the batch and the steps, at least one. */
export function partAxes(physical: Axes, steps: readonly Atom[]): Axes {
  const rest = physical.slice(1).map((axis) => axis.filter((atom) => !steps.includes(atom)))
  const kept = rest.filter((axis) => axis.length > 0)
  return kept.length > 0 ? kept : [[]]
}

/** The axes of a value that a step gives on. */
export function rowAxes(logical: Axes): Axes {
  const own = logical.map((axis) => axis.filter(({ batch }) => !batch)).filter((axis) => axis.length > 0)
  return own.length > 0 ? own : [[]]
}

/** A first state as a value of each row: a constant that is the same for all rows may say how many there are. */
function initialOf(call: Call, value: Value): Computed {
  const data = dataOf(value)
  if (data.kind === 'computed') return data
  const { batch } = call.builder.parts
  const axis = data.dims.findIndex((dim) => dim !== 1 && same(dim, batch.dim))
  const alike = axis >= 0 && data.dims.length > 1 ? sameAlong(data, axis) : undefined
  if (alike === undefined) return rowsOf(call, data)
  const rows = rowsOf(call, { ...alike, dims: data.dims.with(axis, 1) })
  return { ...rows, logical: rows.logical.with(axis, [batch]) }
}

export function stateOf(call: Call, name: string, given: Value): State {
  const value = initialOf(call, given)
  const physical: Axes = [call.builder.batch, ...rowAxes(value.logical)]
  return { name, physical, logical: value.logical, initial: arranged(call.builder, value, physical, true) }
}

/** A step: its cell is made of what was recorded for the body of a graph. */
export class Step {
  readonly lowering: Lowering
  readonly scope: Scope
  readonly #declared = new Map<string, Computed>()

  constructor(call: Call, body: string) {
    const { lowering } = call
    this.scope = new Scope(call.node.graph(body), lowering.scope)
    this.lowering = new Lowering(
      lowering.operators,
      lowering.parts,
      lowering.opset,
      lowering.problems,
      this.scope,
      true,
      lowering.depth + 1,
    )
  }

  /** Declares an input of the cell, and gives it a name in the body. */
  declare(name: string, physical: Axes, logical: Axes, integer = false): Computed {
    const ref = this.lowering.builder.segment.declare(name, physical.slice(1).map(sizeOf))
    const value: Computed = { kind: 'computed', ref, physical, logical, integer }
    this.#declared.set(name, value)
    return value
  }

  /** A state as the step begins with it. */
  declared({ name }: State): Computed {
    return this.#declared.get(name) as Computed
  }

  bind(index: number, value: Value): void {
    const name = this.scope.graph.proto.input[index]?.name
    if (name === undefined) throw malformed(`the body has no input ${index}`)
    this.scope.values.set(name, value)
  }

  /** Runs the body; gives its outputs, or undefined where something of it cannot be mapped. */
  run(): Value[] | undefined {
    this.lowering.run()
    const outputs = this.scope.graph.proto.output.map(({ name = '' }) => this.scope.find(name))
    if (outputs.includes(undefined)) throw malformed('the body has outputs that nothing makes')
    return outputs.some((each) => each?.kind === 'unknown') ? undefined : (outputs as Value[])
  }
}

/** The layer of a step over sequences, and what it returns: the outputs of all steps, then the last states. */
export function recurrence(
  call: Call,
  step: Step,
  states: readonly State[],
  newStates: readonly Value[],
  results: readonly Value[],
  sequences: readonly { readonly name: string; readonly ref: Ref }[],
  count: Dim | undefined,
): {
  readonly outputs: { tensor: SymbolicTensor; value: Computed }[]
  readonly last: { tensor: SymbolicTensor; state: State }[]
} {
  const { builder } = call
  const inner = step.lowering.builder
  const inStep = { builder: inner, lowering: step.lowering } as Call
  const finals = states.map((state, at) => {
    const value = rowsOf(inStep, dataOf(newStates[at] as Value))
    const [before, after]: [Operandish, Operandish] = [
      { physical: state.physical, logical: state.logical },
      { physical: value.physical, logical: value.logical },
    ]
    const logical = met([before, after])
    const ref = arranged(inner, { ref: value.ref, physical: after.physical }, before.physical, true)
    return { ref, state: { ...state, physical: before.physical, logical } }
  })
  const given = results.map((each) => {
    const value = rowsOf(inStep, dataOf(each))
    const axes: Axes = [builder.batch, ...rowAxes(value.logical)]
    return { value: { ...value, physical: axes }, ref: arranged(inner, value, axes, true) }
  })

  const { segment } = inner
  const { sizes } = builder.parts
  const shapeOf = (ref: Ref) => ref.dims.map((dim) => sizes.of(dim))
  const declared = new Map(segment.inputs.map(({ name, ref }) => [name, shapeOf(ref)]))
  const inputs = sequences.map(({ name }) => name)
  const names = states.map(({ name }) => name)
  const constants = segment.inputs.filter(({ name }) => !inputs.includes(name) && !names.includes(name))
  const pick = (list: readonly string[]) =>
    Object.fromEntries(list.map((name) => [name, declared.get(name) as (string | number)[]]))
  const dummy = names.length === 0
  const outputs = given.map((_, at) => `o${at}`)
  const cell = defineCell({
    name: 'step',
    inputs: pick(inputs),
    states: dummy ? { count: [1] } : pick(names),
    constants: pick(constants.map(({ name }) => name)),
    weights: Object.fromEntries(
      segment.weights.map(({ name, shape }) => [name, { shape, initializer: 'zeros' as const }]),
    ),
    ...(outputs.length > 0 ? { outputs } : {}),
    step(values, weights) {
      const all = values as unknown as Record<string, SymbolicValue>
      const made = segment.replay(
        all,
        weights as never,
        [...finals, ...given].map(({ ref }) => ref),
      )
      const next = dummy ? [['count', all.count]] : names.map((name, at) => [name, made[at]])
      return Object.fromEntries([...next, ...outputs.map((name, at) => [name, made[names.length + at]])])
    },
  })
  const layer = rnn({
    cell: cell as never,
    ...builder.parts.nameFor(call.node.name),
    returnSequences: outputs.length > 0,
    returnState: true,
    ...(sequences.length === 0 ? { steps: count as number } : {}),
  })
  const initial = states.map((state) => state.initial)
  const tensors = builder.tensors([...sequences.map(({ ref }) => ref), ...initial])
  const made = layer.apply(tensors.slice(0, sequences.length), {
    ...(initial.length > 0 ? { initialState: tensors.slice(sequences.length) } : {}),
    constants: Object.fromEntries(constants.map(({ name, ref }) => [name, ref.tensor as SymbolicTensor])),
  }) as readonly SymbolicTensor[]
  builder.parts.entries.push({
    layer: layer as unknown as AnyLayer,
    weights: new Map(segment.weights.map((weight) => [weight.name, weight])),
  })
  const first = Math.max(outputs.length, 1)
  return {
    outputs: given.map(({ value }, at) => ({ value, tensor: made[at] as SymbolicTensor })),
    last: finals.map(({ state }, at) => ({ state, tensor: made[first + at] as SymbolicTensor })),
  }
}

/** A sequence with its steps behind the batch. */
export function stepsFirst(
  call: Call,
  { value, axis }: Sequence,
): { readonly ref: Ref; readonly part: Axes; readonly steps: readonly Atom[] } {
  const steps = value.logical[axis] as readonly Atom[]
  if (steps.some(({ batch }) => batch)) throw unsupported('it goes through the rows of the batch')
  const part = partAxes(value.physical, steps)
  return { steps, part, ref: arranged(call.builder, value, [call.builder.batch, steps, ...part], true) }
}
