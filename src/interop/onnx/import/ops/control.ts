import { defineCell } from '../../../../cells/defineCell.js'
import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import type { AnyLayer, SymbolicTensor } from '../../../../layers/layer.js'
import { rnn } from '../../../../layers/rnn.js'
import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import { add, type Dim, multiply, same, showDim, subtract } from '../dim.js'
import { arranged, met, type Operandish, sameAlong } from '../layout.js'
import { Lowering, Scope } from '../lowering.js'
import type { Graph } from '../node.js'
import {
  type Atom,
  type Axes,
  axisOf,
  type Computed,
  type Constant,
  dimsOf,
  known,
  type List,
  malformed,
  type Ref,
  sizeOf,
  sizesIn,
  unsupported,
  type Value,
} from '../values.js'
import { conditional, ofRow } from './conditions.js'
import { chosenBy, times } from './elementwise.js'
import { rowsOf } from './products.js'
import { unsqueezed } from './shapes.js'
import { cut } from './slices.js'
import { hasLoops, isFew, stepsOf, unrolledLoop, unrolledScan } from './unrolled.js'

/** A value of which each step reads one part. */
interface Sequence {
  readonly value: Computed
  readonly axis: number
}

/** What is carried from step to step. */
interface State {
  readonly name: string
  readonly initial: Ref
  readonly physical: Axes
  readonly logical: Axes
}

/** The axes that a step reads: those of ours without the batch and the steps, at least one. */
function partAxes(physical: Axes, steps: readonly Atom[]): Axes {
  const rest = physical.slice(1).map((axis) => axis.filter((atom) => !steps.includes(atom)))
  const kept = rest.filter((axis) => axis.length > 0)
  return kept.length > 0 ? kept : [[]]
}

/** The axes of a value that a step gives on. */
function rowAxes(logical: Axes): Axes {
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

function stateOf(call: Call, name: string, given: Value): State {
  const value = initialOf(call, given)
  const physical: Axes = [call.builder.batch, ...rowAxes(value.logical)]
  return { name, physical, logical: value.logical, initial: arranged(call.builder, value, physical, true) }
}

/** A step: its cell is made of what was recorded for the body of a graph. */
class Step {
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
function recurrence(
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
function stepsFirst(
  call: Call,
  { value, axis }: Sequence,
): { readonly ref: Ref; readonly part: Axes; readonly steps: readonly Atom[] } {
  const steps = value.logical[axis] as readonly Atom[]
  if (steps.some(({ batch }) => batch)) throw unsupported('it goes through the rows of the batch')
  const part = partAxes(value.physical, steps)
  return { steps, part, ref: arranged(call.builder, value, [call.builder.batch, steps, ...part], true) }
}

function scan(call: Call): readonly (Value | undefined)[] {
  const { node, builder, lowering } = call
  if (call.opset < 9) throw unsupported('the form of operator sets before 9')
  const reads = node.int('num_scan_inputs', 1)
  const carried = call.inputs.length - reads
  if (carried < 0 || reads < 1) throw malformed(`${reads} sequences among ${call.inputs.length} inputs`)
  const directions = node.ints('scan_input_directions') ?? []
  const axes = node.ints('scan_input_axes') ?? []
  const [outAxes, outDirections] = [node.ints('scan_output_axes') ?? [], node.ints('scan_output_directions') ?? []]
  const given = call.inputs.slice(carried).map((each, at) => {
    const value = dataOf(each as Value)
    return { value, axis: call.axis(axes[at] ?? 0, rankOf(value)), isReversed: directions[at] === 1 }
  })
  const known = stepsOf(given)
  if (builder.isStep || (hasLoops(node.graph('body')) && isFew(known))) {
    if (!isFew(known)) throw inLoop()
    return unrolledScan(call, known, given, (at, rank) => ({
      axis: call.axis(outAxes[at] ?? 0, rank),
      isReversed: outDirections[at] === 1,
    }))
  }
  // What is turned round is a layer, so that only values that are read later outlast it: states come behind.
  const sequences = given.map(({ value, axis, isReversed }): Sequence => {
    const rows = rowsOf(call, value)
    return { value: isReversed ? lowering.flipped(rows, axis) : rows, axis }
  })
  const states = call.inputs.slice(0, carried).map((value, at) => stateOf(call, `s${at}`, value as Value))
  const first = sequences.map((each) => stepsFirst(call, each))
  builder.tensors([...states.map(({ initial }) => initial), ...first.map(({ ref }) => ref)])
  const step = new Step(call, 'body')
  for (const [at, state] of states.entries()) {
    step.bind(at, step.declare(state.name, state.physical, state.logical))
  }
  const inputs = first.map(({ ref, part }, at) => {
    const { value, axis } = sequences[at] as Sequence
    const name = `x${at}`
    step.bind(
      carried + at,
      step.declare(name, [builder.batch, ...part], value.logical.toSpliced(axis, 1), value.integer),
    )
    return { name, ref }
  })
  const outputs = step.run()
  if (outputs === undefined) return []
  const made = recurrence(call, step, states, outputs.slice(0, carried), outputs.slice(carried), inputs, undefined)
  const steps = (first[0] as { steps: readonly Atom[] }).steps
  return [
    ...made.last.map(({ tensor, state }) => builder.computed(tensor, state.physical.slice(1), state.logical)),
    ...made.outputs.map(({ tensor, value }, at) => {
      const axis = call.axis(outAxes[at] ?? 0, value.logical.length + 1)
      const all = builder.computed(
        tensor,
        [steps, ...value.physical.slice(1)],
        value.logical.toSpliced(axis, 0, steps),
        value.integer,
      )
      return outDirections[at] === 1 ? lowering.flipped(all, axis) : all
    }),
  ]
}

const inLoop = () =>
  unsupported('a loop within a loop, of which neither has a number of steps that is known and at most 64')

/** The largest number of steps that is meant as such, not as "without end". */
const endless = 2 ** 31 - 1

function loop(call: Call): readonly (Value | undefined)[] {
  const { builder, lowering } = call
  const condition = call.given(1)
  const begins = condition === undefined || condition.kind === 'below' ? 1 : sizesIn(condition)?.[0]
  if (begins !== 1 && condition?.kind !== 'computed') throw unsupported('its condition must hold at first')
  // A condition on a counter is asked again at the end of each step.
  const first = condition?.kind === 'below' ? condition.also : condition?.kind === 'computed' ? condition : undefined
  const limit = call.given(0) === undefined ? undefined : sizesIn(call.value(0))?.[0]
  if (call.given(0) !== undefined && limit === undefined)
    throw unsupported('the number of steps must follow from constants and shapes')
  const steps = typeof limit === 'number' && limit >= endless ? undefined : limit
  if (builder.isStep || (hasLoops(call.node.graph('body')) && isFew(steps))) {
    if (steps !== undefined && !isFew(steps)) throw inLoop()
    return unrolledLoop(call, steps, first ?? known([1], []))
  }
  const initial = call.inputs.slice(2) as Value[]
  const kept = handedOn(call.node.graph('body'))
  // Numbers that each step counts up, or down; those that turn out to be something else are states.
  const counting = new Map(
    initial.flatMap((value, at) => {
      const start = kept.has(at) ? undefined : sizesIn(value)
      const counts = start?.length === 1 && (value.kind === 'sizes' || (value as Constant).integer)
      return counts ? [[at, countsDown(call.node.graph('body'), at) ? -1 : 1] as const] : []
    }),
  )
  for (;;) {
    const again = tried(call, lowering, initial, limit, first, counting, kept)
    if (again !== 'again') return again
  }
}

/** Which of the values that a loop carries its body hands on as they are, such as weights and numbers of steps. */
function handedOn({ proto, nodes }: Graph): ReadonlySet<number> {
  const copies = new Map(
    nodes.flatMap(({ op, inputs, outputs }) => (op === 'Identity' ? [[outputs[0], inputs[0]]] : [])),
  )
  const sourceOf = (name: string | undefined) => {
    let source = name
    for (let left = copies.size; left > 0 && copies.has(source); left--) source = copies.get(source)
    return source
  }
  const carried = proto.input.slice(2)
  return new Set(carried.flatMap(({ name }, at) => (sourceOf(proto.output[1 + at]?.name) === name ? [at] : [])))
}

/** Whether a body subtracts something from a value that it carries. */
function countsDown({ proto, nodes }: Graph, at: number): boolean {
  const after = proto.output[1 + at]?.name
  return nodes.some(
    ({ op, inputs, outputs }) => op === 'Sub' && outputs[0] === after && inputs[0] === proto.input[2 + at]?.name,
  )
}

function tried(
  call: Call,
  lowering: Lowering,
  initial: readonly Value[],
  limit: Dim | undefined,
  begins: Computed | undefined,
  counting: Map<number, number>,
  kept: ReadonlySet<number>,
): readonly (Value | undefined)[] | 'again' {
  const { builder } = call
  // Lists that each step adds to: what it adds is an output of the step.
  const lists = new Map(
    initial.flatMap((value, at) => (!kept.has(at) && value.kind === 'list' ? [[at, emptyList(value)] as const] : [])),
  )
  const carried = initial.flatMap((value, at) =>
    counting.has(at) || kept.has(at) || lists.has(at) ? [] : [{ at, state: stateOf(call, `s${at}`, value) }],
  )
  builder.close([...carried.map(({ state }) => state.initial), ...(begins ? [begins.ref] : [])])
  const step = new Step(call, 'body')
  const index = lowering.parts.sizes.fresh()
  step.bind(0, { kind: 'sizes', scalar: true, items: [index] })
  step.bind(1, known([1], []))
  for (const [at, value] of initial.entries()) {
    const state = carried.find((each) => each.at === at)?.state
    const list = lists.get(at)
    if (kept.has(at)) step.bind(2 + at, value)
    else if (list) step.bind(2 + at, list)
    else if (state) step.bind(2 + at, step.declare(state.name, state.physical, state.logical))
    else
      step.bind(2 + at, {
        kind: 'sizes',
        scalar: rankOf(value) === 0,
        items: [counted(value, counting.get(at), index)],
      })
  }
  const sequences: { name: string; from: Sequence; isReversed: boolean; value: Computed }[] = []
  step.lowering.stepOf = (data, indices, axis) => {
    const [place] = sizesIn(indices) ?? []
    if (place === undefined || typeof place === 'number' || data.kind !== 'computed' || data.ref.tensor === undefined)
      return undefined
    const size = sizeOf(data.logical[axis] as readonly Atom[])
    const isReversed = same(add(place, index), subtract(size, 1))
    if (!same(place, index) && !isReversed) return undefined
    const known = sequences.find(
      ({ from, ...each }) => from.value.ref === data.ref && from.axis === axis && each.isReversed === isReversed,
    )
    const steps = data.logical[axis] as readonly Atom[]
    const part = partAxes(data.physical, steps)
    const name = known?.name ?? `x${sequences.length}`
    const value =
      known?.value ?? step.declare(name, [builder.batch, ...part], data.logical.toSpliced(axis, 1), data.integer)
    if (!known) sequences.push({ name, from: { value: data, axis }, isReversed, value })
    return rankOf(indices) === 0 ? value : unsqueezed(value, [axis])
  }
  const outputs = step.run()
  if (outputs === undefined) return []
  const [goesOn, ...others] = outputs as [Value, ...Value[]]
  // What of it depends on values: whoever has ended keeps its states in the steps that are left.
  const ends = goesOn.kind === 'below' ? goesOn.also : goesOn.kind === 'computed' ? goesOn : undefined
  for (const [at, change] of counting) {
    const next = sizesIn(others[at] as Value)?.[0]
    if (next !== undefined && subtract(next, counted(initial[at] as Value, change, index)) === change) continue
    counting.delete(at)
    return 'again'
  }
  const count = countOf(goesOn.kind === 'computed' ? known([1], []) : goesOn, index, limit)
  const isOpen = begins !== undefined || ends !== undefined
  if (isOpen && (others.length > initial.length || lists.size > 0)) {
    throw unsupported('how many outputs it gives depends on values')
  }
  if (isOpen && [...counting.keys()].some((at) => call.isUsed(at))) {
    throw unsupported('how many steps it has taken depends on values, and is read after it')
  }
  const added = [...lists].map(([at, list]) => addedTo(list, others[at] as Value))
  const results = [...others.slice(initial.length), ...added]
  let steps: readonly Atom[] = typeof count === 'number' ? axisOf(count) : lowering.axisNamed(count)
  const inputs = sequences.map(({ name, from, isReversed }) => {
    const whole = { ...from, value: isReversed ? lowering.flipped(from.value, from.axis) : from.value }
    const first = stepsFirst(call, { ...whole, value: fitted(call, whole, count) })
    steps = first.steps
    return { name, ref: first.ref }
  })
  if (inputs.length === 0 && typeof count !== 'number') {
    // Something as long says how many steps there are.
    const like = builder.carrier(steps[0] as Atom)
    if (like === undefined) throw unsupported(`${showDim(count)} steps`)
    const rest = like.physical
      .slice(1)
      .flat()
      .filter((atom) => !steps.includes(atom))
    step.declare('x0', [builder.batch, rest], [rest])
    inputs.push({ name: 'x0', ref: arranged(builder, like, [builder.batch, steps, rest]) })
  }
  const states = carried.map(({ state, at }) => ({ state, next: others[at] as Value }))
  const all = isOpen ? held(call, step, states, begins, ends) : states
  const made = recurrence(
    call,
    step,
    all.map(({ state }) => state),
    all.map(({ next }) => next),
    results,
    inputs,
    count,
  )
  const outcomes = made.outputs.map(({ tensor, value }) =>
    builder.computed(tensor, [steps, ...value.physical.slice(1)], [steps, ...value.logical], value.integer),
  )
  const parts = outcomes
    .splice(outcomes.length - added.length)
    .map((value): Value => ({ kind: 'parts', value, axis: 0, keeps: false }))
  const last = initial.map((value, at): Value => {
    if (kept.has(at)) return value
    if (lists.has(at)) return parts[[...lists.keys()].indexOf(at)] as Value
    const found = made.last[carried.findIndex((each) => each.at === at)]
    if (found) return builder.computed(found.tensor, found.state.physical.slice(1), found.state.logical)
    return {
      kind: 'sizes',
      scalar: rankOf(value) === 0,
      items: [counted(value, counting.get(at), count)],
    }
  })
  return [...last, ...outcomes]
}

interface NextState {
  readonly state: State
  readonly next: Value
}

/** States that stay as they are from the step on at whose end a condition no longer holds; and whether it holds. */
function held(
  call: Call,
  step: Step,
  states: readonly NextState[],
  begins: Computed | undefined,
  ends: Computed | undefined,
): NextState[] {
  const inStep = { builder: step.lowering.builder, lowering: step.lowering } as Call
  const active = stateOf(call, 'active', begins ? ofRow(call, begins) : known([1], []))
  const isActive = step.declare(active.name, active.physical, active.logical)
  const stays = states.map(({ state, next }) => {
    const before = step.declared(state)
    return { state, next: chosenBy(inStep, isActive, next, before) }
  })
  return [...stays, { state: active, next: ends ? times(inStep, isActive, ofRow(inStep, ends)) : isActive }]
}

/** A number that each step changes by one, up or down, after so many of them. */
function counted(value: Value, change: number | undefined, steps: Dim): Dim {
  return add((sizesIn(value) as readonly Dim[])[0] as Dim, multiply(steps, change ?? 1))
}

/** The list that a step begins with, of a loop that begins with an empty one. */
function emptyList({ items }: List): List {
  if (items.length > 0) throw unsupported('it adds to a list that is not empty')
  return { kind: 'list', items, base: {} }
}

/** The one value that a step adds to a list. */
function addedTo(list: List, after: Value): Value {
  if (after.kind !== 'list' || after.base !== list.base || after.items.length !== 1) {
    throw unsupported('each step must add one value to a list')
  }
  return after.items[0] as Value
}

/** The first steps of a longer sequence. */
function fitted(call: Call, { value, axis }: Sequence, count: Dim): Computed {
  const size = dimsOf(value)[axis] as Dim
  if (same(size, count)) return value
  if (typeof count === 'number' && !(typeof size === 'number' && count > size)) return cut(call, value, axis, 0, count)
  throw unsupported(`${showDim(count)} steps through a sequence of ${showDim(size)}`)
}

/** How many steps a loop takes at most. */
function countOf(goesOn: Value, index: Dim, limit: Dim | undefined): Dim {
  const limited = limit !== undefined && !(typeof limit === 'number' && limit >= endless) ? limit : undefined
  if (goesOn.kind !== 'below') {
    if (sizesIn(goesOn)?.[0] !== 1) throw unsupported('its condition is neither a count of steps nor a value')
    if (limited === undefined) throw unsupported('nothing says how many steps it takes at most')
    return limited
  }
  // Whether to go on is asked with the numbers of the next step, or of this one. How far they are from the end, each step counts down.
  const count = add(add(subtract(goesOn.right, goesOn.left), index), 1)
  const isConstant = typeof count === 'number' || !count.key.includes((index as Exclude<Dim, number>).key.slice(2))
  if (!isConstant) throw unsupported('its condition is no count of steps')
  const more = limited === undefined ? 0 : subtract(limited, count)
  if (typeof more !== 'number') throw unsupported(`both ${showDim(limited as Dim)} and ${showDim(count)} steps`)
  return more < 0 ? (limited as Dim) : count
}

function reverseSequence(call: Call): Value {
  const x = call.computed(0)
  const axis = call.axis(call.node.int('time_axis', 0), rankOf(x))
  const size = dimsOf(x)[axis] as Dim
  if (!sizesIn(call.value(1))?.every((each) => same(each, size))) {
    throw unsupported('each row is turned round within another length')
  }
  return call.lowering.flipped(x, axis)
}

export const controlOperators: Readonly<Record<string, Operator>> = {
  Scan: scan,
  Loop: loop,
  If: conditional,
  ReverseSequence: reverseSequence,
}
