import { type Call, rankOf } from '../call.js'
import { add, type Dim, multiply, same, showDim, subtract } from '../dim.js'
import { arranged } from '../layout.js'
import type { Lowering } from '../lowering.js'
import type { Graph } from '../node.js'
import {
  type Atom,
  axisOf,
  type Computed,
  type Constant,
  dimsOf,
  known,
  type List,
  sizeOf,
  sizesIn,
  unsupported,
  type Value,
} from '../values.js'
import { ofRow } from './conditions.js'
import { chosenBy, times } from './elementwise.js'
import { unsqueezed } from './shapes.js'
import { cut } from './slices.js'
import { partAxes, recurrence, type Sequence, type State, Step, stateOf, stepsFirst } from './step.js'
import { hasLoops, inLoop, isFew, unrolledLoop } from './unrolled.js'

/** The largest number of steps that is meant as such, not as "without end". */
const endless = 2 ** 31 - 1

/** A `Loop` as a traced cell. */
export function loop(call: Call): readonly (Value | undefined)[] {
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
  // Whether to go on is asked with the numbers of the next step, or of this one. How far they are from the end, each
  // step counts down.
  const count = add(add(subtract(goesOn.right, goesOn.left), index), 1)
  const isConstant = typeof count === 'number' || !count.key.includes((index as Exclude<Dim, number>).key.slice(2))
  if (!isConstant) throw unsupported('its condition is no count of steps')
  const more = limited === undefined ? 0 : subtract(limited, count)
  if (typeof more !== 'number') throw unsupported(`both ${showDim(limited as Dim)} and ${showDim(count)} steps`)
  return more < 0 ? (limited as Dim) : count
}
