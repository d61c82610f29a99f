import { type Call, first, type Operator } from '../call.js'
import { type Dim, multiply } from '../dim.js'
import { reshaped } from '../layout.js'
import {
  type Atom,
  axisOf,
  type Computed,
  type Constant,
  malformed,
  rearranged,
  sizeOf,
  stridesTo,
  unsupported,
  type Value,
} from '../values.js'
import { isolated } from './isolated.js'
import { convolved, spatial, type Windows } from './windows.js'

// A transposed convolution is a convolution of a value with zeros between its elements, by the kernel turned round.

/** The elements of an axis so far apart, with zeros behind each. */
function spread(call: Call, x: Computed, axis: number, stride: number): Computed {
  if (stride === 1) return x
  const { builder } = call
  const { value, place } = isolated(call, x, axis)
  const { dims } = value.ref
  const size = multiply(dims[place - 1] as Dim, stride)
  const apart = builder.record(
    [value.ref],
    dims.toSpliced(place, 0, stride, 1),
    first((v) => v.windows(1, { axis: place }).windows(1, { axis: place + 1, padding: [0, stride - 1] })),
  )
  const atoms = axisOf(size)
  return {
    ...value,
    ref: reshaped(builder, apart, dims.with(place - 1, size)),
    physical: value.physical.with(place, atoms),
    logical: value.logical.with(axis, atoms),
  }
}

/** The windows over an axis that was spread. */
function windowsAlong(call: Call, kernel: number, size: Dim, at: number, count: number): Windows {
  const { node } = call
  const listed = (name: string, length: number, standard: number) => {
    const given = node.ints(name) ?? Array<number>(length).fill(standard)
    if (given.length !== length) throw malformed(`${name} [${given.join(', ')}] for ${count} axes`)
    return given
  }
  const number = (name: string, standard: number) => listed(name, count, standard)[at] as number
  const [stride, dilation, more] = [number('strides', 1), number('dilations', 1), number('output_padding', 0)]
  if (!(kernel >= 1 && stride >= 1 && dilation >= 1 && more >= 0)) {
    throw malformed(`windows of ${kernel}, with strides of ${stride} and dilations of ${dilation}`)
  }
  const reach = (kernel - 1) * dilation
  const pads = listed('pads', 2 * count, 0)
  let [front, behind] = [pads[at] as number, pads[count + at] as number]
  const auto = node.text('auto_pad', 'NOTSET')
  const wanted = node.ints('output_shape')?.slice(-count)[at]
  if (wanted !== undefined || auto.startsWith('SAME')) {
    if (wanted !== undefined && typeof size !== 'number') {
      throw unsupported('output_shape for a number of steps that is known only per call')
    }
    const left = reach + 1 - stride + more
    const all = wanted === undefined ? left : stride * (size as number) + left - wanted
    const less = Math.floor(Math.max(all, 0) / 2)
    front = auto === 'SAME_UPPER' ? less : Math.max(all, 0) - less
    behind = all - front
  } else if (auto === 'VALID') [front, behind] = [0, 0]
  return { kernel, stride: 1, dilation, before: reach - front, after: reach - behind + more - (stride - 1) }
}

/** A kernel `[channels, outputs of a group, …]` as that of a convolution, `[outputs, channels of a group, …]`, turned round. */
function turned(w: Constant, groups: number): Constant {
  const [channels, outputs, ...kernels] = w.shape as [number, number, ...number[]]
  const inner = channels / groups
  if (!Number.isInteger(inner)) throw malformed(`${channels} channels in ${groups} groups`)
  const [byChannel, byOutput, ...steps] = stridesTo(w.shape, w.shape) as [number, number, ...number[]]
  const start = kernels.reduce((sum, size, at) => sum + (size - 1) * (steps[at] as number), 0)
  const found = rearranged(
    w,
    [groups, outputs, inner, ...kernels],
    [byChannel * inner, byOutput, byChannel, ...steps.map((step) => -step)],
    start,
  )
  const shape = [groups * outputs, inner, ...kernels]
  return { ...found, name: w.name, trainable: w.trainable, shape, dims: shape }
}

function transposedConvolution(call: Call): Value {
  const x = call.computed(0)
  const count = spatial(x)
  const w = call.constant(1, 'the kernel')
  if (w.shape.length !== count + 2) throw malformed(`a kernel of ${w.shape.length} dimensions for ${count} axes`)
  const strides = call.node.ints('strides') ?? Array<number>(count).fill(1)
  const windows = w.shape.slice(2).map((kernel, at) => {
    return windowsAlong(call, kernel, sizeOf(x.logical[at + 2] as readonly Atom[]), at, count)
  })
  const apart = strides.reduce((all, stride, at) => spread(call, all, at + 2, stride), x)
  return convolved(call, apart, turned(w, call.node.int('group', 1)), () => windows)
}

export const transposedConvolutionOperators: Readonly<Record<string, Operator>> = {
  ConvTranspose: transposedConvolution,
}
