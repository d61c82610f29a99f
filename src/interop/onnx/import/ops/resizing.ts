import { type Call, type Operator, rankOf } from '../call.js'
import { multiply } from '../dim.js'
import { type Atom, type Computed, dimsOf, malformed, numbersIn, sizeOf, unsupported, type Value } from '../values.js'
import { concatenated } from './joins.js'
import { reshapedTo, unsqueezed } from './shapes.js'

/** The largest factor: as many copies lie side by side. */
const mostCopies = 1024

/** Each element of an axis several times, one behind the other. */
function repeated(call: Call, x: Computed, axis: number, times: number): Value {
  if (times > mostCopies) throw unsupported(`${times} copies of each element`)
  const one = unsqueezed(x, [axis + 1])
  const copies = concatenated(call, Array<Value>(times).fill(one), axis + 1)
  const size = multiply(sizeOf(x.logical[axis] as readonly Atom[]), times)
  return reshapedTo(call, copies, dimsOf(x).with(axis, size), false)
}

/** More elements along axes, each that of the nearest: so many copies of each. */
function resized(call: Call): Value {
  const { node } = call
  const x = call.computed(0)
  const mode = node.text('mode', 'nearest')
  if (mode !== 'nearest') throw unsupported(`the mode '${mode}'`)
  const place = node.op === 'Upsample' || call.opset < 11 ? 1 : 2
  const given = call.inputs[place]
  const scales = given && dimsOf(given)[0] !== 0 ? numbersIn(given, 'the scales') : node.floats('scales')
  const axes = node.ints('axes') ?? Array.from({ length: rankOf(x) }, (_, at) => at)
  const sizes = scales ? undefined : call.inputs[3]
  const factors =
    scales ??
    (sizes && numbersIn(sizes, 'the sizes').map((size, at) => size / (dimsOf(x)[axes[at] as number] as number)))
  if (factors?.length !== axes.length) throw malformed('it has no scale or size for each axis')
  const where = node.text('coordinate_transformation_mode', 'half_pixel')
  const rounded = node.text('nearest_mode', 'round_prefer_floor')
  const repeats =
    (where === 'asymmetric' && rounded === 'floor') || (/^half_pixel/.test(where) && /^round_prefer/.test(rounded))
  if (factors.some((factor) => factor !== 1) && node.op === 'Resize' && call.opset >= 11 && !repeats) {
    throw unsupported(`the nearest element by '${where}' and '${rounded}'`)
  }
  return factors.reduce<Value>((all, factor, at) => {
    if (factor === 1) return all
    if (!Number.isInteger(factor) || factor < 1) throw unsupported(`a scale of ${factor}, which is no whole number`)
    return repeated(call, all as Computed, call.axis(axes[at] as number, rankOf(x)), factor)
  }, x)
}

export const resizingOperators: Readonly<Record<string, Operator>> = {
  Resize: resized,
  Upsample: resized,
}
