import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import { type Call, first, type Operator, rankOf } from '../call.js'
import { add, type Dim, showDim } from '../dim.js'
import { arranged } from '../layout.js'
import type { Argument } from '../segment.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  type Computed,
  type Constant,
  known,
  malformed,
  sizeOf,
  unsupported,
  type Value,
} from '../values.js'
import { plus, times } from './elementwise.js'
import { isolated } from './isolated.js'
import { unsqueezed } from './shapes.js'

// Convolutions and pooling: for each place of a result, the elements that a window covers.

const symbolic = (value: unknown): SymbolicValue => value as SymbolicValue

/** Windows along one axis. */
export interface Windows {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly before: number
  readonly after: number
  /** Whether there is one for each stride, and what is added follows from that: in place of `before` and `after`. */
  readonly same?: boolean
}

/** The most elements of a window along one axis. */
const mostTaps = 4096

/** The most windows along an axis whose elements are counted. */
const mostCounted = 1 << 20

const reachOf = ({ kernel, dilation }: Windows): number => (kernel - 1) * dilation

const placesOf = (size: number, at: Windows): number =>
  Math.floor((size + at.before + at.after - reachOf(at) - 1) / at.stride) + 1

/** Whether the windows are the elements themselves. */
const isPlain = ({ kernel, stride, before, after }: Windows): boolean =>
  kernel === 1 && stride === 1 && before === 0 && after === 0

/** The places of windows along an axis. */
function placesAlong(call: Call, size: Dim, at: Windows): Dim {
  if (typeof size === 'number') return placesOf(size, at)
  const { sizes } = call.builder.parts
  if (at.same) return sizes.quotient(add(size, at.stride - 1), at.stride)
  return add(sizes.quotient(add(size, at.before + at.after - reachOf(at) - 1), at.stride), 1)
}

/** The windows of an operator along its axes behind the channels. */
function windowsOf(call: Call, kernels: readonly number[], sizes: readonly Dim[]): Windows[] {
  const { node } = call
  const count = kernels.length
  const listed = (name: string, length: number, standard: number) => {
    const given = node.ints(name) ?? Array<number>(length).fill(standard)
    if (given.length !== length) throw malformed(`${name} [${given.join(', ')}] for ${count} axes`)
    return given
  }
  const [strides, dilations] = [listed('strides', count, 1), listed('dilations', count, 1)]
  const pads = listed('pads', 2 * count, 0)
  const auto = node.text('auto_pad', 'NOTSET')
  return kernels.map((kernel, axis) => {
    const [stride, dilation] = [strides[axis] as number, dilations[axis] as number]
    const size = sizes[axis] as Dim
    if (!(kernel >= 1 && stride >= 1 && dilation >= 1)) {
      throw malformed(`windows of ${kernel}, with strides of ${stride} and dilations of ${dilation}`)
    }
    if (kernel > mostTaps) throw unsupported(`windows of ${kernel}`)
    const plain = { kernel, stride, dilation }
    if (auto === 'VALID') return { ...plain, before: 0, after: 0 }
    if (auto !== 'SAME_UPPER' && auto !== 'SAME_LOWER') {
      const [before, after] = [pads[axis] as number, pads[count + axis] as number]
      if (before < 0 || after < 0) throw unsupported('padding that takes away')
      return { ...plain, before, after }
    }
    const reach = (kernel - 1) * dilation
    if (stride !== 1 && typeof size !== 'number') {
      if (auto === 'SAME_LOWER') throw openSize(size, `strides of ${stride}`)
      return { ...plain, before: 0, after: 0, same: true }
    }
    const all =
      stride === 1
        ? reach
        : Math.max(0, (Math.ceil((size as number) / stride) - 1) * stride + reach + 1 - (size as number))
    const less = Math.floor(all / 2)
    const [before, after] = auto === 'SAME_UPPER' ? [less, all - less] : [all - less, less]
    return { ...plain, before, after }
  })
}

const openSize = (size: Dim, what: string) =>
  unsupported(
    `${what} over ${showDim(size)} steps, a number known only per call, unless padding with zeros keeps it: the option inputShapes gives it`,
  )

/** A value with the elements of windows along an axis: its places there, and the elements of each as a further, last axis. */
export function unfolded(call: Call, x: Computed, axis: number, at: Windows, filler: number): Computed {
  if (isPlain(at)) return { ...x, logical: [...x.logical, []] }
  const { kernel, stride, dilation, before, after, same } = at
  const size = sizeOf(x.logical[axis] as readonly Atom[])
  const places = placesAlong(call, size, at)
  if (typeof places === 'number' && places < 1) {
    throw unsupported(`windows of ${reachOf(at) + 1} over ${showDim(add(size, before + after))} steps`)
  }
  const { value, place } = isolated(call, x, axis)
  const { dims } = value.ref
  const padding = same ? 'same' : ([before, after] as const)
  const ref = call.builder.record(
    [value.ref],
    [...dims.slice(0, place - 1), places, kernel, ...dims.slice(place)],
    first((v) => v.windows(kernel, { axis: place, stride, dilation, padding, filler })),
  )
  const [p, k] = [axisOf(places), axisOf(kernel)]
  return {
    ...value,
    ref,
    physical: value.physical.toSpliced(place, 1, p, k),
    logical: [...value.logical.with(axis, p), k],
  }
}

/** The rows of the first axis that are not the batch, as where the batch is a sequence of windows. */
function leadOf(x: Computed): Axes {
  const rows = (x.logical[0] as readonly Atom[]).filter(({ batch }) => !batch)
  return rows.length > 0 ? [rows] : []
}

export function spatial(x: Value): number {
  const rank = rankOf(x)
  if (rank < 3 || rank > 5) throw unsupported(`${rank} dimensions: [batch, channels, …] with one to three further axes`)
  return rank - 2
}

function convolution(call: Call): Value {
  const x = call.computed(0)
  const w = call.constant(1, 'the kernel')
  const sizes = x.logical.slice(2).map(sizeOf)
  return convolved(call, x, w, () => windowsOf(call, w.shape.slice(2), sizes))
}

/** The products of windows of a value with a kernel `[outputs, channels of a group, …]`, and the bias of the node. */
export function convolved(call: Call, x: Computed, w: Constant, windowsFor: () => readonly Windows[]): Value {
  const { builder, node } = call
  const count = spatial(x)
  if (w.shape.length !== count + 2) throw malformed(`a kernel of ${w.shape.length} dimensions for ${count} axes`)
  const groups = node.int('group', 1)
  const [outputs, inner, ...kernels] = w.shape as [number, number, ...number[]]
  const [, channels] = x.logical as [Atom[], Atom[]]
  const width = sizeOf(channels)
  if (width !== inner * groups || outputs % groups !== 0) {
    throw malformed(`a kernel of [${w.shape.join(', ')}] in ${groups} groups for ${showDim(width)} channels`)
  }
  const windows = windowsFor()
  const parts = windows.reduce((all, at, axis) => unfolded(call, all, axis + 2, at, 0), x)
  const [rows, own] = parts.logical as [Atom[], Atom[]]
  const lead = leadOf(parts)
  const places = parts.logical.slice(2, 2 + count)
  const taps = parts.logical.slice(2 + count).flat()
  const [m, c, k] = [atomOf(outputs), atomOf(inner), kernels.map((size) => atomOf(size))]
  const kernelAxes = k.map((atom) => [atom])
  const dims = [...lead, ...places].map(sizeOf)
  const result = (
    args: readonly Argument[],
    sizes: readonly Dim[],
    physical: Axes,
    run: (v: SymbolicValue, w: SymbolicValue) => SymbolicValue,
  ): Computed => ({
    ...x,
    ref: builder.record(args, sizes, ([v, kernel]) => run(symbolic(v), symbolic(kernel))),
    physical,
    logical: [
      rows,
      physical
        .slice(1 + lead.length)
        .flat()
        .filter((atom) => !places.flat().includes(atom)),
      ...places,
    ],
    integer: false,
    whole: false,
  })
  let sum: Computed
  if (groups === 1) {
    const ref = arranged(builder, parts, [builder.batch, ...lead, ...places, [...taps, ...own]], true)
    const weight = builder.weight(w, [[m], [c], ...kernelAxes], [[...k, c], [m]], true)
    // A matrix of one row lost that dimension on its way to be a weight.
    const isVector = inner * kernels.reduce((a, b) => a * b, 1) === 1
    sum = result(
      [ref, weight],
      [...dims, outputs],
      [builder.batch, ...lead, ...places, axisOf(outputs)],
      (v, kernel) => (isVector ? v.mul(kernel) : v.matmul(kernel)),
    )
  } else if (inner === 1 && outputs === groups) {
    // Each channel by itself.
    const ref = arranged(builder, parts, [builder.batch, ...lead, ...places, taps, own], true)
    const weight = builder.weight(w, [[m], [c], ...kernelAxes], [[...k], [m]], true)
    const at = 1 + dims.length
    sum = result([ref, weight], [...dims, outputs], [builder.batch, ...lead, ...places, own], (v, kernel) =>
      v.mul(kernel).sum({ axis: at }),
    )
  } else {
    // Each group by itself: [groups, places, window · channels] times [groups, …, outputs].
    const [g, part, each] = [atomOf(groups), atomOf(outputs / groups), atomOf(inner)]
    const apart = dividedInto(call, parts, own, [g, each])
    const ref = arranged(builder, apart, [builder.batch, ...lead, [g], places.flat(), [...taps, each]], true)
    const weight = builder.weight(w, [[g, part], [each], ...kernelAxes], [[g], [...k, each], [part]], true)
    sum = result(
      [ref, weight],
      [...lead.map(sizeOf), groups, sizeOf(places.flat()), sizeOf([part])],
      [builder.batch, ...lead, [g], places.flat(), [part]],
      (v, kernel) => v.matmul(kernel),
    )
  }
  const bias = call.given(2)
  return bias
    ? plus(
        call,
        sum,
        unsqueezed(
          bias,
          Array.from({ length: count }, (_, axis) => axis + 1),
        ),
      )
    : sum
}

/** A value whose channels are, in memory, the given atoms. */
function dividedInto(call: Call, x: Computed, channels: readonly Atom[], by: readonly Atom[]): Computed {
  const [only] = channels
  if (only === undefined || channels.length > 1) {
    const { builder } = call
    const rest = x.physical.slice(1).map((axis) => axis.filter((atom) => !channels.includes(atom)))
    const ref = arranged(builder, x, [builder.batch, ...rest.filter((axis) => axis.length > 0), channels], true)
    return { ...x, ref, physical: [builder.batch, ...rest.filter((axis) => axis.length > 0), by] }
  }
  return { ...x, physical: x.physical.map((axis) => axis.flatMap((atom) => (atom === only ? by : [atom]))) }
}

const pooling =
  (kind: 'max' | 'mean'): Operator =>
  (call) => {
    const x = call.computed(0)
    const { node } = call
    const count = spatial(x)
    const kernels = node.ints('kernel_shape') ?? []
    if (kernels.length !== count) throw malformed(`kernel_shape [${kernels.join(', ')}] for ${count} axes`)
    if (call.isUsed(1)) throw unsupported('the places of the largest elements')
    const sizes = x.logical.slice(2).map(sizeOf)
    const windows = windowsOf(call, kernels, sizes)
    const countsPadding = node.int('count_include_pad', 0) === 1
    return windows.reduce<Value>((all, given, at) => {
      const axis = at + 2
      const size = sizes[at] as Dim
      const window = node.int('ceil_mode', 0) === 1 ? roundedUp(size, given) : given
      if (isPlain(window)) return all
      const parts = unfolded(call, all as Computed, axis, window, kind === 'max' ? -3.4028234663852886e38 : 0)
      const pooled = reduced(call, parts, kind === 'max' ? 'max' : 'sum')
      if (kind === 'max') return pooled
      return times(call, pooled, perElement(size, given, window, axis, x.logical.length, countsPadding))
    }, x)
  }

/** The last axis, the elements of windows, as one. */
function reduced({ builder }: Call, parts: Computed, kind: 'max' | 'sum'): Computed {
  const taps = parts.logical.at(-1) as readonly Atom[]
  const logical = parts.logical.slice(0, -1)
  const at = parts.physical.findIndex((axis) => taps.length > 0 && axis.includes(taps[0] as Atom))
  // A window of one element lies in an axis of size 1, or in none.
  if (at < 0) return { ...parts, logical }
  const physical = parts.physical.toSpliced(at, 1)
  const ref = builder.record(
    [parts.ref],
    physical.slice(1).map(sizeOf),
    first((v) => v[kind]({ axis: at })),
  )
  return { ...parts, ref, physical, logical }
}

/** Windows of which the last may reach behind the padding, unless it would begin there. */
function roundedUp(size: Dim, at: Windows): Windows {
  if (typeof size !== 'number') {
    if (at.stride === 1) return at
    throw openSize(size, `strides of ${at.stride}`)
  }
  const all = size + at.before + at.after
  const places = Math.ceil((all - reachOf(at) - 1) / at.stride) + 1
  const last = (places - 1) * at.stride >= size + at.before ? places - 1 : places
  return { ...at, after: at.after + Math.max(0, (last - 1) * at.stride + reachOf(at) + 1 - all) }
}

/** What the sum of each window is multiplied with for their mean: 1 / the number of elements that count. */
function perElement(
  size: Dim,
  given: Windows,
  at: Windows,
  axis: number,
  rank: number,
  countsPadding: boolean,
): Constant {
  const [before, after] = countsPadding ? [0, given.before + given.after] : [given.before, 0]
  const isFull = at.before + at.after === 0 || (countsPadding && at.after === given.after)
  if (isFull) return known([1 / at.kernel], [], { integer: false })
  if (typeof size !== 'number') throw openSize(size, 'averages that leave out padding')
  const places = placesOf(size, at)
  if (places > mostCounted) throw unsupported(`averages that leave out the padding of ${places} windows`)
  const counts = Array.from({ length: places }, (_, window) => {
    const start = window * at.stride - before
    const inside = Array.from({ length: at.kernel }, (_, k) => start + k * at.dilation)
    return inside.filter((place) => place >= 0 && place < size + after).length
  })
  const shape = Array<number>(rank).fill(1).with(axis, counts.length)
  return known(
    counts.map((each) => 1 / each),
    shape,
    { integer: false },
  )
}

export const windowOperators: Readonly<Record<string, Operator>> = {
  Conv: convolution,
  MaxPool: pooling('max'),
  AveragePool: pooling('mean'),
}
