import { SeqloomError } from '../errors.js'
import { SymbolicValue } from '../graph/trace/symbolic.js'
import { Trace } from '../graph/trace/trace.js'
import { type Check, checkOptions, custom, isRecord, number, optionalSeed } from '../options.js'
import { Cell, labelOf } from './cell.js'

/** How often units of a state keep their value: a share for all states, or one for each by name; 0 for those left out. */
export type ZoneoutRate = number | Readonly<Record<string, number>>

/** Options of {@link zoneout}. */
export interface ZoneoutOptions<C extends Cell = Cell> {
  /** The cell whose states are kept now and then. */
  readonly cell: C
  /** The share of units that keep their value at a step, from 0 to below 1: `0.1`, or `{ h: 0.05, c: 0.5 }`. */
  readonly rate: ZoneoutRate
  /** Makes what is kept repeatable whatever the model's seed. */
  readonly seed?: number | null
}

const share = number(0, 1)

/** The check of {@link ZoneoutRate}. */
export const zoneoutCheck: Check = custom(
  `${share.expected}, or an object of such by the names of states`,
  (value) => share.accepts(value) || (isRecord(value) && Object.values(value).every((each) => share.accepts(each))),
)

/** The rate of each of some states. `ERR_OPTION` for other names. */
export function zoneoutRates(where: string, rate: ZoneoutRate, states: readonly string[]): number[] {
  if (typeof rate === 'number') return states.map(() => rate)
  const unknown = Object.keys(rate).find((name) => !states.includes(name))
  if (unknown !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: there is no state '${unknown}'; the states are ${states.join(', ')}`,
    )
  }
  return states.map((name) => (Object.hasOwn(rate, name) ? (rate[name] as number) : 0))
}

/**
 * A cell whose states sometimes stay as they were: in training, each unit keeps its value at a step with the probability
 * `rate`, others at every step; otherwise states are mixed by it, rate · h + (1 - rate) · h'. Outputs that are states are
 * those that come of it. Masked steps keep all, as always.
 *
 * Names, shapes and weights are those of the cell. Source: Krueger et al., arXiv 1606.01305, whose rates for an LSTM are
 * `{ h: 0.05, c: 0.5 }`. Errors: `ERR_OPTION`.
 */
export function zoneout<C extends Cell>(options: ZoneoutOptions<C>): C {
  const where = 'cells.zoneout'
  checkOptions(where, options, {
    accepted: {
      cell: custom('what defineCell, cells.* or layers.stackedRNNCells makes', (v) => v instanceof Cell),
      rate: zoneoutCheck,
      seed: optionalSeed,
    },
    required: ['cell', 'rate'],
  })
  const { cell, rate, seed } = options
  const rates = zoneoutRates(where, rate, cell.states)
  const { inputs, weights } = cell.program
  const trace = new Trace(labelOf(cell.name), inputs, weights)
  const own = weights.map((_, at) => inputs.length + at)
  const results = trace.inline(cell.program, [...inputs.keys()], own)
  const outputs = results.slice(0, cell.outputs.length)
  const made = results.slice(cell.outputs.length)
  const kept = made.map((id, at) => {
    const zoned = rates[at] as number
    if (zoned === 0) return id
    const before = new SymbolicValue(trace, cell.inputs.length + at)
    const after = new SymbolicValue(trace, id)
    // Of ones: in training 0 or 1 / (1 - rate), so that the unit stays or is new; otherwise 1.
    const ones = after.equal(after)
    const change = ones.dropout(zoned, { perStep: true, ...(seed === undefined || seed === null ? {} : { seed }) })
    return SymbolicValue.idIn(trace, before.add(change.mul(1 - zoned).mul(after.sub(before))), 'the state')
  })
  const out = outputs.map((id) => (made.includes(id) ? (kept[made.indexOf(id)] as number) : id))
  const { name, states, constants } = cell
  return new Cell(
    name,
    { inputs: cell.inputs, states, constants, outputs: cell.outputs },
    trace.finish([...out, ...kept]),
  ) as C
}
