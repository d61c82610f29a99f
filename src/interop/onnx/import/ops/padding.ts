import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import type { Dim } from '../dim.js'
import { type Computed, dimsOf, known, malformed, numbersIn, unsupported, type Value, writtenOut } from '../values.js'
import { concatenated } from './joins.js'
import { renamed } from './shapes.js'
import { element, gathered } from './slices.js'

function pad(call: Call): Value {
  const { node } = call
  const mode = node.text('mode', 'constant')
  const x = call.data(0)
  const rank = rankOf(x)
  const pads = call.numbers(1, 'pads')
  const axes = call.given(3) ? numbersIn(call.given(3), 'axes') : Array.from({ length: rank }, (_, at) => at)
  const value = call.given(2) ? (numbersIn(call.given(2), 'the value')[0] as number) : node.float('value', 0)
  if (pads === undefined) throw malformed('it has no pads')
  const repeat = mode === 'constant' ? undefined : repeats.get(mode)
  if (mode !== 'constant' && repeat === undefined) throw unsupported(`the mode '${mode}'`)
  let result: Value = x
  for (const [at, given] of axes.entries()) {
    const axis = call.axis(given, rank)
    const [before = -1, after = -1] = [pads[at], pads[at + axes.length]]
    if (before < 0 || after < 0) throw unsupported('padding that takes away')
    result = repeat
      ? continued(call, result, axis, before, after, repeat)
      : padded(call, result, axis, before, after, value)
  }
  return result
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
  const rank = rankOf(x)
  const block = (length: number) => {
    const dims = dimsOf(x).with(axis, length)
    return renamed(known([value], [1], { integer: false }), Array<number>(rank).fill(1), dims)
  }
  const parts = [...(before > 0 ? [block(before)] : []), x, ...(after > 0 ? [block(after)] : [])]
  return parts.length === 1 ? x : concatenated(call, parts, axis)
}

export const paddingOperators: Readonly<Record<string, Operator>> = {
  Pad: pad,
}
