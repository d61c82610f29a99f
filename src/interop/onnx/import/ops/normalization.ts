import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import { type Call, first, type Operator, rankOf } from '../call.js'
import { arranged } from '../layout.js'
import { type Atom, type Axes, type Computed, type Constant, dimsOf, unsupported, type Value } from '../values.js'
import { foldedBy, plus, times } from './elementwise.js'
import { isolated } from './isolated.js'
import { reshapedTo, unsqueezed } from './shapes.js'

/** Some axes as the last of ours, side by side, for what is done along all of them. */
function gathered(call: Call, x: Computed, axes: readonly number[]): Computed {
  const gone = axes.flatMap((axis) => x.logical[axis] as readonly Atom[])
  if (gone.some(({ batch }) => batch)) throw unsupported('it works along the batch')
  if (axes.length === 1) return isolated(call, x, axes[0] as number).value
  const rest = x.physical
    .map((axis) => axis.filter((atom) => !gone.includes(atom)))
    .filter((axis, at) => at === 0 || axis.length > 0)
  const physical: Axes = [...rest, gone]
  return { ...x, ref: arranged(call.builder, x, physical, true), physical }
}

const placeOf = (x: Computed, atoms: readonly Atom[]): number =>
  atoms.length === 0 ? x.physical.length - 1 : x.physical.findIndex((axis) => axis.includes(atoms[0] as Atom))

export function along(
  call: Call,
  x: Computed,
  axes: readonly number[],
  run: (v: SymbolicValue, axis: number) => SymbolicValue,
): Computed {
  const together = gathered(call, x, axes)
  const atoms = axes.flatMap((axis) => x.logical[axis] as readonly Atom[])
  const filled = together.physical.length > 1 && atoms.length > 0
  const value = filled
    ? together
    : {
        ...together,
        physical: [...together.physical, []] as Axes,
        ref: call.builder.record(
          [together.ref],
          [...together.ref.dims, 1],
          first((v) => v.expandDims(v.shape.length)),
        ),
      }
  const at = filled ? placeOf(value, atoms) : value.physical.length - 1
  return {
    ...value,
    ref: call.builder.record(
      [value.ref],
      value.ref.dims,
      first((v) => run(v, at)),
    ),
    integer: false,
    whole: false,
  }
}

function layerNormalization(call: Call): Value {
  const x = call.computed(0)
  const rank = rankOf(x)
  const from = call.axis(call.node.int('axis', -1), rank)
  const epsilon = call.node.float('epsilon', 1e-5)
  const axes = Array.from({ length: rank - from }, (_, at) => from + at)
  if (call.isUsed(1) || call.isUsed(2)) throw unsupported('its mean and deviation as outputs')
  const scaled = times(
    call,
    along(call, x, axes, (v, axis) => v.layerNorm({ axis, epsilon })),
    call.value(1),
  )
  return call.given(2) ? plus(call, scaled, call.value(2)) : scaled
}

/** RMSNormalization, also as `SimplifiedLayerNormalization`. */
function rmsNormalization(call: Call): Value {
  const x = call.computed(0)
  const rank = rankOf(x)
  const from = call.axis(call.node.int('axis', -1), rank)
  const epsilon = call.node.float('epsilon', 1e-5)
  const axes = Array.from({ length: rank - from }, (_, at) => from + at)
  const scaled = along(call, x, axes, (v, axis) => v.div(v.square().mean({ axis, keepDims: true }).add(epsilon).sqrt()))
  return times(call, scaled, call.value(1))
}

/** A constant of one number for each channel, against values `[batch, channels, …]` of some rank. */
const forChannels = (value: Value, rank: number): Value =>
  rank > 2
    ? unsqueezed(
        value,
        Array.from({ length: rank - 2 }, (_, at) => at + 1),
      )
    : value

/** As it is used after training: the statistics that the file holds. */
function batchNormalization(call: Call): Value {
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => call.constant(index, 'all but the first input'))
  if (call.node.int('training_mode', 0) !== 0) throw unsupported('training_mode')
  const epsilon = call.node.float('epsilon', 1e-5)
  const rank = rankOf(call.value(0))
  const factor = foldedBy((s, v) => s / Math.sqrt(v + epsilon), [scale as Constant, variance as Constant])
  const shift = foldedBy((b, m, f) => b - m * f, [bias as Constant, mean as Constant, factor])
  const named = (each: Constant, name: string) => forChannels({ ...each, name }, rank)
  return plus(
    call,
    times(call, call.value(0), named(factor, (scale as Constant).name)),
    named(shift, (bias as Constant).name),
  )
}

/** Each channel of each row by itself, over all axes behind it. */
function instanceNormalization(call: Call): Value {
  const x = call.computed(0)
  const rank = rankOf(x)
  const epsilon = call.node.float('epsilon', 1e-5)
  const axes = Array.from({ length: rank - 2 }, (_, at) => at + 2)
  const normal = along(call, x, axes, (v, axis) => v.layerNorm({ axis, epsilon }))
  return plus(call, times(call, normal, forChannels(call.value(1), rank)), forChannels(call.value(2), rank))
}

/** Channels in groups, each with all axes behind them; scale and bias are those of groups before opset 21. */
function groupNormalization(call: Call): Value {
  const x = call.computed(0)
  const dims = dimsOf(x)
  const epsilon = call.node.float('epsilon', 1e-5)
  const groups = reshapedTo(call, x, [0, call.node.int('num_groups', 1), -1], true) as Computed
  const normal = along(call, groups, [2], (v, axis) => v.layerNorm({ axis, epsilon }))
  const [scale, bias] = [call.value(1), call.value(2)]
  const affine = (value: Value, rank: number) =>
    plus(call, times(call, value, forChannels(scale, rank)), forChannels(bias, rank))
  if (call.opset < 21) return reshapedTo(call, affine(normal, 3), dims, false)
  return affine(reshapedTo(call, normal, dims, false), dims.length)
}

/** Divided by its length along an axis; zeros stay. */
function lpNormalization(call: Call): Value {
  const x = call.computed(0)
  const axis = call.axis(call.node.int('axis', -1), rankOf(x))
  const p = call.node.int('p', 2)
  if (p !== 1 && p !== 2) throw unsupported(`p ${p}`)
  return along(call, x, [axis], (v, at) => {
    const over = { axis: at, keepDims: true }
    const size = p === 1 ? v.abs().sum(over) : v.square().sum(over).sqrt()
    return v.div(size.maximum(2 ** -126))
  })
}

export const normalizationOperators: Readonly<Record<string, Operator>> = {
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
}
