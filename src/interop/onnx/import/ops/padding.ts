import { type Call, dataOf, first, type Operator, rankOf } from '../call.js'
import { add, type Dim } from '../dim.js'
import { arranged, reshaped } from '../layout.js'
import {
  type Atom,
  axisOf,
  type Computed,
  dimsOf,
  known,
  numbersIn,
  sizeOf,
  sizesIn,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'
import { isolated } from './isolated.js'
import { concatenated } from './joins.js'
import { renamed } from './shapes.js'
import { element, gathered } from './slices.js'
import { unfolded } from './windows.js'

function pad(call: Call): Value {
  const { node } = call
  const mode = node.text('mode', 'constant')
  const x = call.data(0)
  const rank = rankOf(x)
  const pads = call.given(1) ? sizesIn(call.given(1) as Value) : call.node.ints('pads')
  const axes = call.given(3) ? numbersIn(call.given(3), 'axes') : Array.from({ length: rank }, (_, at) => at)
  const value = call.given(2) ? (numbersIn(call.given(2), 'the value')[0] as number) : node.float('value', 0)
  if (pads === undefined) throw unsupported('the pads must follow from constants and shapes')
  const repeat = mode === 'constant' ? undefined : repeats.get(mode)
  if (mode !== 'constant' && repeat === undefined) throw unsupported(`the mode '${mode}'`)
  let result: Value = x
  // What depends on the number of steps comes last.
  const isOpen = (at: number) => [pads[at], pads[at + axes.length]].some((each) => typeof each !== 'number')
  const order = [...axes.keys()].sort((a, b) => Number(isOpen(a)) - Number(isOpen(b)))
  for (const at of order) {
    const given = axes[at] as number
    const axis = call.axis(given, rank)
    const [before = -1, after = -1] = [pads[at], pads[at + axes.length]]
    if (typeof before !== 'number' || typeof after !== 'number') {
      if (repeat || at !== order.at(-1)) throw unsupported('padding that is known only per call')
      return samePadded(call, result as Computed, axis, before, after, value)
    }
    if (before < 0 || after < 0) throw unsupported('padding that takes away')
    result = repeat
      ? continued(call, result, axis, before, after, repeat)
      : padded(call, result, axis, before, after, value)
  }
  return result
}

/** As much before and behind an axis as windows with strides need, whatever its size is. */
function samePadded(call: Call, x: Value, axis: number, before: Dim, after: Dim, filler: number): Value {
  const size = dimsOf(x)[axis] as Dim
  const found = call.builder.parts.sizes.sameWindows(size, before, after)
  const value = call.lowering.numberOf(x)
  if (found === undefined || value.kind !== 'computed') throw unsupported('padding that is known only per call')
  const { stride, span } = found
  const at = { kernel: span, stride, dilation: 1, before: 0, after: 0, same: true }
  return { kind: 'padded', windows: unfolded(call, value, axis, at, filler), axis, stride, span }
}

/** Which elements padding repeats: their places from the front, or negative from the end, by the distance from the edge. */
interface Repeat {
  readonly before: (distance: number) => number
  readonly after: (distance: number) => number
  /** How many elements an axis needs for some padding. */
  readonly needs: (padding: number) => number
}

const repeats: ReadonlyMap<string, Repeat> = new Map<string, Repeat>([
  ['edge', { before: () => 0, after: () => -1, needs: () => 1 }],
  ['reflect', { before: (distance) => distance, after: (distance) => -1 - distance, needs: (padding) => padding + 1 }],
  ['wrap', { before: (distance) => -distance, after: (distance) => distance - 1, needs: (padding) => padding }],
])

/** Elements that are put beside an axis one by one, at most. */
const mostRepeated = 1024

/** A value with elements of its own before and behind an axis. */
function continued(call: Call, x: Value, axis: number, before: number, after: number, repeat: Repeat): Value {
  if (before + after === 0) return x
  const data = dataOf(x)
  const size = dimsOf(data)[axis] as Dim
  const needed = repeat.needs(Math.max(before, after))
  if (typeof size === 'number' && size < needed) {
    throw unsupported(`padding of ${Math.max(before, after)} with elements of an axis of ${size}`)
  }
  if (before + after > mostRepeated) throw unsupported(`padding of ${before + after} with elements of the axis`)
  const front = Array.from({ length: before }, (_, k) => repeat.before(before - k))
  const back = Array.from({ length: after }, (_, k) => repeat.after(k + 1))
  if (data.kind === 'constant') {
    const all = Array.from({ length: writtenOut(data).shape[axis] as number }, (_, k) => k)
    return gathered(data, known([...front, ...all, ...back], [before + all.length + after]), axis)
  }
  // The same element again and again is cut out once.
  const cutOut = new Map<number, Computed>()
  const at = (place: number) => {
    const found = cutOut.get(place) ?? element(call, data, axis, place)
    cutOut.set(place, found)
    return found
  }
  return concatenated(call, [...front.map(at), data, ...back.map(at)], axis)
}

/** A value with a number before and behind an axis. */
export function padded(call: Call, x: Value, axis: number, before: number, after: number, value: number): Value {
  if (before + after === 0) return x
  // Axes beside it are put together where there would be too many.
  if (x.kind === 'computed' && x.physical.flat().length > 6) return paddedByWindows(call, x, axis, before, after, value)
  const rank = rankOf(x)
  const block = (length: number) => {
    const dims = dimsOf(x).with(axis, length)
    return renamed(known([value], [1], { integer: false }), Array<number>(rank).fill(1), dims)
  }
  const parts = [...(before > 0 ? [block(before)] : []), x, ...(after > 0 ? [block(after)] : [])]
  return parts.length === 1 ? x : concatenated(call, parts, axis)
}

function paddedByWindows(
  call: Call,
  x: Computed,
  axis: number,
  before: number,
  after: number,
  filler: number,
): Computed {
  const { builder } = call
  const atoms = x.logical[axis] as readonly Atom[]
  const { value, place } = isolated(call, x, axis)
  const front = value.physical.slice(1, place).flat()
  const behind = value.physical.slice(place + 1).flat()
  const size = add(sizeOf(atoms), before + after)
  const padding = [before, after] as const
  const ref = builder.record(
    [arranged(builder, value, [builder.batch, front, atoms, behind])],
    [sizeOf(front), size, 1, sizeOf(behind)],
    first((v) => v.windows(1, { axis: 2, padding, filler })),
  )
  const all = axisOf(size)
  return {
    ...value,
    ref: reshaped(builder, ref, [front, all, behind].map(sizeOf)),
    physical: [builder.batch, front, all, behind],
    logical: value.logical.with(axis, all),
  }
}

export const paddingOperators: Readonly<Record<string, Operator>> = {
  Pad: pad,
}
