import { SeqloomError } from '../../../errors.js'
import type { Dim, Shape } from '../../../graph/shape.js'
import { placesOf, reachOf } from '../../../graph/trace/windows.js'
import type { SettingsOf, WireNode } from '../../../graph/wire.js'
import * as masks from './masks.js'
import { axisOf, type Mask, type Place, type Value } from './values.js'

/** A number behind every end of an axis. */
const far = 2 ** 62

/** Windows along an axis: what is added at its ends, then one slice for each element of a window, side by side. */
export function windows(
  place: Place,
  x: Value,
  given: Value | undefined,
  settings: SettingsOf<'windows'>,
  node: WireNode,
): Value[] {
  const { writer, constants } = place
  const { size, stride, dilation, before, after, same, filler, flat } = settings
  const axis = axisOf(settings.axis, x)
  const [rank, reach] = [x.shape.length, reachOf(settings)]
  const isTime = axis === 1 && !place.inBody
  const mask = isTime ? x.mask : undefined
  const slice = (value: string, from: number, to: number, step = 1) =>
    writer.node('Slice', [value, ...[from, to, axis, step].map((each) => constants.ints([each]))], 'window')

  let value = mask ? masks.keptWhere(place, x.name, mask.valid, rank, constants.float(filler)) : x.name
  const isCausal = isTime && reach > 0 && !same && stride === 1 && after === 0 && before === reach && filler === 0
  const lastShape = x.shape.map((dim, at) => (at === axis ? Math.max(reach, 1) : dim))
  const earlier = isCausal ? place.stateOf(node, 0, lastShape, given) : given
  let last = value
  if (earlier) {
    if (mask) throw new SeqloomError('ERR_UNSUPPORTED', `${node.name}: windows of sequences with lengths and a past`)
    value = writer.node('Concat', [earlier.name, value], 'window', { axis: { int: axis } })
    last = slice(value, -Math.max(reach, 1), far)
    if (isCausal) place.setState(node, 0, last)
  } else value = padded(place, value, x, axis, settings, mask, node)

  const parts = Array.from({ length: size }, (_, k) => {
    const end = k * dilation === reach ? far : k * dilation - reach
    return size === 1 && stride === 1 ? value : slice(value, k * dilation, end, stride)
  })
  const shown = flat
    ? parts
    : parts.map((part) => writer.node('Unsqueeze', [part, constants.ints([axis + 1])], 'window'))
  let name =
    shown.length === 1 ? (shown[0] as string) : writer.node('Concat', shown, 'windows', { axis: { int: axis + 1 } })
  const shape = shapeOf(x.shape, axis, settings)
  const own = mask && validPlaces(place, mask, name, settings)
  if (own) name = masks.keptWhere(place, name, own.valid, shape.length)
  const result = { ...x, name, shape, ones: false, mask: isTime ? own : x.mask }
  return [result, { ...x, name: last, shape: lastShape, ones: false, mask: undefined }]
}

function shapeOf(shape: Shape, axis: number, settings: SettingsOf<'windows'>): Dim[] {
  const places = placesOf(shape[axis] as Dim, settings) as Dim
  const { size, flat } = settings
  return shape.flatMap((dim, at): Dim[] => {
    if (at === axis) return flat ? [places] : [places, size]
    return [flat && at === axis + 1 && dim !== null ? dim * size : dim]
  })
}

/** A value with more elements, or fewer, at the ends of an axis. */
function padded(
  place: Place,
  value: string,
  x: Value,
  axis: number,
  settings: SettingsOf<'windows'>,
  mask: Mask | undefined,
  { name }: WireNode,
): string {
  const { writer, constants } = place
  const { stride, before, after, same, filler } = settings
  const [rank, span] = [x.shape.length, reachOf(settings) + 1]
  const [none, fill] = [Array<number>(rank).fill(0), constants.float(filler)]
  const pad = (pads: string, of: string) => writer.node('Pad', [of, pads, fill], 'padded')
  if (!same) {
    const more = [Math.max(before, 0), Math.max(after, 0)] as const
    const ends = constants.ints([...none.with(axis, more[0]), ...none.with(axis, more[1])])
    const whole = before <= 0 && after <= 0 ? value : pad(ends, value)
    if (before >= 0 && after >= 0) return whole
    // Added first: more may be taken away than there was.
    const kept = [Math.max(-before, 0), after < 0 ? after : far, axis].map((each) => constants.ints([each]))
    return writer.node('Slice', [whole, ...kept], 'kept')
  }
  const size = x.shape[axis] as Dim
  if (mask) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${name}: where windows with strides begin in sequences of several lengths, padded at both ends, cannot be written`,
    )
  }
  // With windows at every element, what is added does not depend on how many there are.
  if (size !== null || stride === 1) {
    const all = Math.max(size === null ? span - 1 : (Math.ceil(size / stride) - 1) * stride + span - size, 0)
    const half = Math.floor(all / 2)
    return all === 0 ? value : pad(constants.ints([...none.with(axis, half), ...none.with(axis, all - half)]), value)
  }
  // The size is known only when the model runs.
  const whole = writer.node('Shape', [value], 'shape')
  const count = writer.node('Slice', [whole, ...[axis, axis + 1].map((each) => constants.ints([each]))], 'count')
  const int = (number: number) => constants.ints([number])
  const rounded = writer.node('Add', [count, int(stride - 1)], 'count')
  const places = writer.node('Div', [rounded, int(stride)], 'places')
  const starts = writer.node('Mul', [writer.node('Sub', [places, int(1)], 'starts'), int(stride)], 'starts')
  const missing = writer.node('Sub', [writer.node('Add', [starts, int(span)], 'end'), count], 'missing')
  const all = writer.node('Max', [missing, int(0)], 'padding')
  const half = writer.node('Div', [all, int(2)], 'padding')
  const rest = writer.node('Sub', [all, half], 'padding')
  const zeros = (length: number) => (length === 0 ? [] : [constants.ints(Array<number>(length).fill(0))])
  const pads = [...zeros(axis), half, ...zeros(rank - 1), rest, ...zeros(rank - axis - 1)]
  return pad(writer.node('Concat', pads, 'pads', { axis: { int: 0 } }), value)
}

/** Which places of the result lie in each row, by its own length. */
function validPlaces(place: Place, mask: Mask, result: string, settings: SettingsOf<'windows'>): Mask {
  const { writer, constants } = place
  const { stride, before, after } = settings
  const length = masks.ends(place, mask)
  // The first elements of windows are below this; rows without elements have none.
  const room = writer.node('Add', [length, constants.ints(before + after - reachOf(settings))], 'room')
  const some = writer.node('Greater', [length, constants.ints(0)], 'any')
  const bound = writer.node(
    'Where',
    [some, writer.node('Max', [room, constants.ints(0)], 'room'), constants.ints(0)],
    'room',
  )
  if (stride === 1) {
    return masks.maskOfLengths(place, result, writer.node('Cast', [bound], 'lengths', { to: { int: 6 } }))
  }
  const starts = writer.node('Mul', [masks.timeNumbers(place, result), constants.ints(stride)], 'starts')
  const column = writer.node('Unsqueeze', [bound, constants.ints([1])], 'room')
  return { valid: writer.node('Less', [starts, column], 'mask'), derived: new Map() }
}
