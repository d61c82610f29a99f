import { type Call, dataOf, first, type Operator, rankOf } from '../call.js'
import { add, type Dim, same, showDim, subtract } from '../dim.js'
import { arranged } from '../layout.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  type Computed,
  type Constant,
  count,
  dimsOf,
  folded,
  isOne,
  known,
  malformed,
  numbersIn,
  type Padded,
  rearranged,
  sizeOf,
  sizesIn,
  stridesTo,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'
import { isolated } from './isolated.js'
import { concatenated } from './joins.js'
import { rowsTaken } from './rows.js'
import { renamed, reshapedTo, squeezed, transposed } from './shapes.js'
import { unfolded } from './windows.js'

/** The largest number that stands for the end of an axis, whatever its size is. */
const farAway = 2 ** 31 - 1

/** The range of an axis, which lies alone in memory. */
export function cut(call: Call, x: Computed, axis: number, start: number, end: number): Computed {
  const { value, place } = isolated(call, x, axis)
  const dims = value.ref.dims.with(place - 1, end - start)
  const ref = call.builder.record(
    [value.ref],
    dims,
    first((v) => v.slice(start, end, place)),
  )
  const atoms = axisOf(end - start)
  return {
    ...value,
    ref,
    physical: value.physical.with(place, atoms),
    logical: value.logical.with(axis, atoms),
  }
}

/** Some number of steps from the end, of a number of steps that is known only per call. */
function fromEnd(call: Call, x: Computed, axis: number, back: number): Computed {
  const { builder } = call
  const atoms = x.logical[axis] as readonly Atom[]
  const others = x.physical
    .slice(1)
    .map((part) => part.filter((atom) => !atoms.includes(atom)))
    .filter((part) => part.length > 0)
  const ref = arranged(builder, x, [builder.batch, atoms, others.flat()], true)
  const width = sizeOf(others.flat())
  const physical: Axes = [builder.batch, ...(others.length > 0 ? [others.flat()] : [[]])]
  const logical = x.logical.with(axis, [])
  if (back === 1 && !builder.isStep) {
    const [tensor] = builder.tensors([ref]) as [never]
    return { ...x, ...builder.computed(call.lowering.lastStep(tensor), physical.slice(1), logical, x.integer) }
  }
  const last = builder.record(
    [ref],
    [width],
    first((v) => {
      const one = v.slice(0, 1, 2)
      const place = one.less(one).add(1).cumulativeSum({ axis: 1, reverse: true })
      return place.equal(back).where(v, 0).sum({ axis: 1 })
    }),
  )
  return { ...x, ref: last, physical, logical }
}

/** One element of an axis, which stays with size 1. */
export function element(call: Call, x: Computed, axis: number, index: number): Computed {
  const atoms = x.logical[axis] as readonly Atom[]
  // How long it is when the model runs is not what the file says.
  if (atoms.some(({ batch }) => batch)) throw unsupported(`it works along the batch (axis ${axis})`)
  const size = sizeOf(atoms)
  if (typeof size === 'number') {
    const at = index < 0 ? index + size : index
    if (at < 0 || at >= size) throw malformed(`the index ${index} of ${size}`)
    return size === 1 && isOne(atoms) ? x : cut(call, x, axis, at, at + 1)
  }
  return index < 0 ? fromEnd(call, x, axis, -index) : cut(call, x, axis, index, index + 1)
}

function slice(call: Call): Value {
  const x = call.value(0)
  const starts = call.opset >= 10 ? sizesIn(call.value(1)) : call.node.ints('starts')
  const ends = call.opset >= 10 ? sizesIn(call.value(2)) : call.node.ints('ends')
  if (!starts || !ends) throw unsupported('the range must be constant')
  if (starts.length !== ends.length) throw malformed(`${starts.length} starts and ${ends.length} ends`)
  const rank = rankOf(x)
  const axes = call.numbers(3, 'axes') ?? starts.map((_, at) => at)
  const steps = call.given(4) ? numbersIn(call.given(4), 'steps') : starts.map(() => 1)
  let result = x
  if (axes.length !== starts.length || steps.length !== starts.length)
    throw malformed(`${axes.length} axes of ${starts.length} ranges`)
  for (const [at, given] of axes.entries()) {
    const axis = call.axis(given, rank)
    result = sliced(call, result, axis, starts[at] as Dim, ends[at] as Dim, steps[at] as number)
  }
  return result
}

/** A value without elements along an axis. */
const emptied = (x: Value, axis: number): Constant =>
  renamed(known([], [0]), Array<number>(rankOf(x)).fill(1).with(axis, 0), dimsOf(x).with(axis, 0))

/** Counted from the front, as far as that is known. */
function fromFront(bound: Dim, size: Dim): Dim {
  if (typeof bound !== 'number' || bound >= 0) return bound
  return typeof size === 'number' ? Math.max(bound + size, 0) : bound > -farAway ? add(size, bound) : 0
}

export function sliced(call: Call, x: Value, axis: number, from: Dim, to: Dim, step: number): Value {
  const size = dimsOf(x)[axis] as Dim
  const isEnd = (bound: Dim) => (typeof bound === 'number' && bound >= farAway) || same(bound, size)
  if (x.kind === 'sizes') {
    if (typeof from !== 'number' || typeof to !== 'number') throw unsupported('a range that is known only per call')
    const { items } = x
    const chosen = step === 1 ? items.slice(from, to >= farAway ? items.length : to) : undefined
    if (!chosen) throw unsupported(`steps of ${step}`)
    return { ...x, items: chosen }
  }
  if (step === 0) throw malformed('steps of 0')
  if (x.kind === 'padded') return elementOfWindows(call, x, axis, from, to, step)
  const data = dataOf(x)
  if (step < 0) {
    const whole = isEnd(from) || from === -1 || same(from, subtract(size, 1))
    const toFront = typeof to === 'number' && (to < -farAway || (typeof size === 'number' && to < -size))
    if (step !== -1 || !whole || !toFront) throw unsupported(`steps of ${step}`)
    if (data.kind === 'computed') return call.lowering.flipped(data, axis)
    const strides = stridesTo(data.shape, data.shape)
    const stride = strides[axis] as number
    return rearranged(data, data.shape, strides.with(axis, -stride), stride * ((data.shape[axis] as number) - 1))
  }
  const start = fromFront(from, size)
  const end = isEnd(to) ? size : fromFront(to, size)
  if (data.kind === 'constant') {
    const all = data.shape[axis] === data.dims[axis] ? data : undefined
    if (!all) {
      const length = typeof end === 'number' && typeof size === 'number' ? Math.min(end, size) : end
      return { ...data, dims: data.dims.with(axis, subtract(length, start)) }
    }
    if (typeof start !== 'number' || typeof end !== 'number') {
      if (step !== 1) throw unsupported(`steps of ${step}`)
      // As many rows as there are steps, such as of a table of positions.
      const rank = data.shape.length
      const first = [axis, ...Array.from({ length: rank }, (_, at) => at).filter((at) => at !== axis)]
      const numbers = call.lowering.counted(call, subtract(end, start), start)
      const found = lookedUp(call, transposed(data, first) as Constant, numbers, 0)
      return transposed(
        found,
        first.map((_, at) => first.indexOf(at)),
      )
    }
    const length = Math.max(0, Math.ceil((Math.min(end, size as number) - start) / step))
    const strides = stridesTo(data.shape, data.shape)
    const stride = strides[axis] as number
    const shape = data.shape.with(axis, length)
    const cutOut = rearranged(data, shape, strides.with(axis, stride * step), stride * start)
    return { ...cutOut, dims: data.dims.with(axis, length) }
  }
  if (start === 0 && same(end, size) && step === 1) return data
  if (typeof start === 'number' && typeof end === 'number') {
    const stop = typeof size === 'number' ? Math.min(end, size) : end
    // Nothing, which may be padded or joined to something again.
    if (stop <= start) return emptied(data, axis)
    if (step === 1) return cut(call, data, axis, start, stop)
    const places = Array.from({ length: Math.ceil((stop - start) / step) }, (_, k) => start + k * step)
    return concatenated(
      call,
      places.map((place) => cut(call, data, axis, place, place + 1)),
      axis,
    )
  }
  if (same(end, size) && same(start, subtract(size, 1)) && step === 1) return fromEnd(call, data, axis, 1)
  const left = subtract(end, size)
  if (typeof start === 'number' && typeof left === 'number') {
    // Windows of one element each, without those at the ends.
    const at = { kernel: 1, stride: step, dilation: 1, before: -start, after: left }
    const single = unfolded(call, data, axis, at, 0)
    return { ...single, logical: single.logical.slice(0, -1) }
  }
  throw unsupported(
    `the range from ${showDim(start)} to ${showDim(end)} of ${showDim(size)} steps, a number that is known only per call`,
  )
}

/** One element of each window: every so many steps of a padded value, from one of them on. */
function elementOfWindows(call: Call, x: Padded, axis: number, from: Dim, to: Dim, step: number): Value {
  const { windows, stride, span } = x
  const isLast = typeof to === 'number' && to >= farAway && from === span - 1
  const fits = typeof from === 'number' && from >= 0 && (isLast || to === from - (span - 1))
  if (axis !== x.axis || step !== stride || !fits) throw unsupported('padding that is known only per call')
  const last = windows.logical.length - 1
  return squeezed(element(call, windows, last, from), [last])
}

function gather(call: Call): Value {
  const x = call.value(0)
  return taken(call, x, call.value(1), call.axis(call.node.int('axis', 0), rankOf(x)))
}

/** Elements along an axis. */
export function taken(call: Call, x: Value, indices: Value, axis: number): Value {
  if (x.kind === 'sizes') {
    const at = numbersIn(indices, 'the indices').map((index) => x.items[index < 0 ? index + x.items.length : index])
    if (at.includes(undefined)) throw malformed('an index behind the last size')
    return { kind: 'sizes', scalar: rankOf(indices) === 0, items: at as Dim[] }
  }
  if (x.kind === 'computed' && indices.kind === 'rows') return rowsTaken(call, x, indices, axis)
  const data = dataOf(x)
  const step = call.lowering.stepOf?.(data, indices, axis)
  if (step) return step
  const which = dataOf(indices)
  if (data.kind === 'constant') {
    if (which.kind === 'computed') return lookedUp(call, data, which, axis)
    return gathered(data, which, axis)
  }
  if (which.kind === 'computed') throw unsupported('each row of the batch chooses other elements')
  const list = numbersIn(which, 'the indices')
  if (which.dims.length === 0) return squeezed(element(call, data, axis, list[0] as number), [axis])
  const parts = list.map((index) => element(call, data, axis, index))
  const joinedParts = parts.length === 1 ? (parts[0] as Computed) : (concatenated(call, parts, axis) as Computed)
  if (which.dims.length === 1) return joinedParts
  const dims = dimsOf(joinedParts)
  return reshapedTo(call, joinedParts, [...dims.slice(0, axis), ...which.dims, ...dims.slice(axis + 1)], false)
}

/** Elements of a constant by constant indices. */
export function gathered(data: Constant, indices: Constant, axis: number): Constant {
  // Repeated indices choose repeated elements.
  const [x, which] = [writtenOut(data), indices]
  const size = x.shape[axis] as number
  const inner = count(x.shape.slice(axis + 1))
  const outer = count(x.shape.slice(0, axis))
  const shape = [...x.shape.slice(0, axis), ...which.shape, ...x.shape.slice(axis + 1)]
  if (which.values === undefined) throw unsupported('the indices must be constant')
  const chosen = Array.from(which.values, (index) => (index < 0 ? index + size : index))
  if (!chosen.every((index) => Number.isInteger(index) && index >= 0 && index < size))
    throw malformed('an index behind the end')
  return folded(
    [x],
    shape,
    ([elements], into) => {
      let at = 0
      for (let o = 0; o < outer; o++) {
        for (const index of chosen) {
          for (let i = 0; i < inner; i++) into[at++] = elements?.[(o * size + index) * inner + i] as number
        }
      }
    },
    { integer: x.integer, dims: x.dims.toSpliced(axis, 1, ...which.dims) },
  )
}

/** Rows of a table: an embedding, if whole tokens of an input are looked up. */
function lookedUp(call: Call, data: Constant, indices: Computed, axis: number): Value {
  const { builder } = call
  const table = writtenOut(
    transposed(data, [axis, ...data.dims.map((_, at) => at).filter((at) => at !== axis)]) as Constant,
  )
  const [rows, ...inner] = table.shape as [number, ...number[]]
  const width = count(inner)
  if (axis !== 0) throw unsupported(`values of the batch choose along axis ${axis} of a constant`)
  const logical = [...indices.logical, ...inner.map((size) => axisOf(size))]
  const features = logical.slice(indices.logical.length).flat()
  const isTokens =
    !builder.isStep && builder.parts.inputs.some(({ ref }) => ref === indices.ref) && indices.physical.length <= 3
  if (isTokens) {
    const output = call.lowering.embedding(call, indices.ref, data, renamed(table, [rows, width]))
    const axes: Axes = [...indices.physical.slice(1), features]
    return builder.computed(output, axes, logical)
  }
  const flat = renamed(table, [rows, width])
  const [a, b] = [atomOf(rows), atomOf(width)]
  const weight = builder.weight(flat, [[a], [b]], [[a], [b]])
  const ref = builder.record([weight, indices.ref], [...indices.ref.dims, width], ([w, i]) =>
    (w as never as { gather(indices: unknown): never }).gather(i),
  )
  return { kind: 'computed', ref, physical: [...indices.physical, features], logical, integer: data.integer }
}

function split(call: Call): Value[] {
  const x = call.value(0)
  const axis = call.axis(call.node.int('axis', 0), rankOf(x))
  const size = dimsOf(x)[axis] as Dim
  const parts = call.node.int('num_outputs', call.node.outputs.length)
  let sizes = call.numbers(1, 'split')
  if (sizes === undefined) {
    if (typeof size !== 'number') throw unsupported('a number of steps that is known only per call is split')
    const part = Math.ceil(size / parts)
    sizes = Array.from({ length: parts }, (_, at) => Math.min(part, size - at * part))
  }
  let start = 0
  return sizes.map((part) => {
    const from = start
    start += part
    if (part === 0 && x.kind !== 'sizes') return emptied(x, axis)
    return sliced(call, x, axis, from, start, 1)
  })
}

export const sliceOperators: Readonly<Record<string, Operator>> = {
  Slice: slice,
  Gather: gather,
  Split: split,
}
