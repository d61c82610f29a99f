import { type Call, dataOf, rankOf } from '../call.js'
import type { Graph } from '../node.js'
import { type Computed, type Constant, dimsOf, known, malformed, sizesIn, unsupported, type Value } from '../values.js'
import { ofRow } from './conditions.js'
import { chosenBy, times } from './elementwise.js'
import { unsqueezed } from './shapes.js'
import { taken } from './slices.js'

// A loop within a loop cannot be a recurrence in a step: the steps of one of them are written out, one after the other.

/** The most steps of a loop that are written out, and of all together. */
const mostSteps = 64
const mostOfAll = 1024

/** Whether there is a loop in a graph, or in a branch of it. */
export const hasLoops = ({ nodes }: Graph): boolean =>
  nodes.some(({ op, graphs }) => op === 'Loop' || op === 'Scan' || [...graphs.values()].some(hasLoops))

/** Whether so many steps may be written out. */
export const isFew = (steps: unknown): steps is number => typeof steps === 'number' && steps > 0 && steps <= mostSteps

/** The error for a loop within another that cannot be written out. */
export const inLoop = () =>
  unsupported('a loop within a loop, of which neither has a number of steps that is known and at most 64')

function begin({ lowering }: Call): void {
  if (++lowering.parts.written > mostOfAll) {
    throw unsupported(`loops within loops of more than ${mostOfAll} steps together`)
  }
}

/** Runs a body once; gives its outputs, or undefined where something of it cannot be mapped. */
function step(call: Call, given: readonly Value[]): readonly Value[] | undefined {
  begin(call)
  const body = call.node.graph('body')
  if (given.length !== body.proto.input.length) throw malformed('the body has other inputs than the loop')
  const outputs = call.lowering.inlined(
    body,
    new Map(body.proto.input.map(({ name = '' }, at) => [name, given[at] as Value])),
  )
  return outputs.some(({ kind }) => kind === 'unknown') ? undefined : outputs
}

/** The outputs of all steps along a new axis. */
const stacked = (call: Call, parts: readonly Value[], axis: number): Value | undefined => {
  const data = parts.map((each) => dataOf(unsqueezed(dataOf(each), [axis])))
  const [only] = data
  return data.length === 1 ? only : call.lowering.concatenated(call, data, axis)
}

/** A `Loop` of at most so many steps; `goesOn` is its first condition. */
export function unrolledLoop(call: Call, limit: number | undefined, goesOn: Value): readonly (Value | undefined)[] {
  let carried = call.inputs.slice(2) as Value[]
  const count = carried.length
  const results: Value[][] = []
  let active: Computed | undefined
  const test = (condition: Value): boolean => {
    const [known] = sizesIn(condition) ?? []
    if (typeof known === 'number') return known !== 0
    if (condition.kind !== 'computed') throw unsupported('its condition must follow from constants or from values')
    const own = ofRow(call, condition)
    active = active === undefined ? own : (times(call, active, own) as Computed)
    return true
  }
  let isOn = test(goesOn)
  for (let at = 0; isOn && at < (limit ?? mostSteps + 1); at++) {
    if (at >= mostSteps) throw unsupported(`a loop of more than ${mostSteps} steps, with or within another`)
    const outputs = step(call, [known([at], []), known([1], []), ...carried])
    if (outputs === undefined) return []
    const next = outputs.slice(1, 1 + count)
    const before = carried
    carried = active ? next.map((each, k) => held(call, active as Computed, each, before[k] as Value)) : next
    results.push(outputs.slice(1 + count))
    isOn = test(outputs[0] as Value)
  }
  if (results.length === 0) throw unsupported('it takes no step')
  const outputs = (results[0] as Value[]).map((_, k) =>
    stacked(
      call,
      results.map((each) => each[k] as Value),
      0,
    ),
  )
  if (outputs.length > 0 && active) throw unsupported('how many outputs it gives depends on values')
  return [...carried, ...outputs]
}

/** A value after a step, or, of a row whose loop has ended, as it was before. */
function held(call: Call, active: Computed, after: Value, before: Value): Value {
  if (after === before) return after
  return chosenBy(call, active, dataOf(after), dataOf(before))
}

/** A `Scan` whose sequences have so many steps. */
export function unrolledScan(
  call: Call,
  steps: number,
  sequences: readonly { readonly value: Computed | Constant; readonly axis: number; readonly isReversed: boolean }[],
  outputsOf: (at: number, rank: number) => { readonly axis: number; readonly isReversed: boolean },
): readonly (Value | undefined)[] {
  let carried = call.inputs.slice(0, call.inputs.length - sequences.length) as Value[]
  const count = carried.length
  const results: Value[][] = []
  for (let at = 0; at < steps; at++) {
    const parts = sequences.map(({ value, axis, isReversed }) =>
      taken(call, value, known([isReversed ? steps - 1 - at : at], []), axis),
    )
    const outputs = step(call, [...carried, ...parts])
    if (outputs === undefined) return []
    carried = outputs.slice(0, count)
    results.push(outputs.slice(count))
  }
  const outputs = (results[0] as Value[]).map((first, k) => {
    const { axis, isReversed } = outputsOf(k, rankOf(first) + 1)
    const all = results.map((each) => each[k] as Value)
    return stacked(call, isReversed ? all.reverse() : all, axis)
  })
  return [...carried, ...outputs]
}

/** The number of steps of sequences, if it is known. */
export const stepsOf = (sequences: readonly { readonly value: Value; readonly axis: number }[]): unknown => {
  const [first] = sequences
  return first && dimsOf(first.value)[first.axis]
}
