import type { Dim, Shape } from '../../../graph/shape.js'
import type { OperationName, SettingsOf, WireNode } from '../../../graph/wire.js'
import { activated } from './activations.js'
import { loss, meanOverSteps } from './loss.js'
import * as masks from './masks.js'
import { cell } from './recurrent.js'
import { scan } from './scan.js'
import { axisOf, broadcast, type Mask, type Place, type Value, type Weight } from './values.js'
import { windows } from './windows.js'

/** Writes an operation; gives its outputs. */
type Write<Op extends OperationName> = (
  place: Place,
  inputs: readonly [Value, ...Value[]],
  settings: SettingsOf<Op>,
  node: WireNode,
) => Value | Value[]

/** Operations in ONNX's terms, or why there are none. */
const operations: { readonly [Op in OperationName]: Write<Op> | string } = {
  activation: (place, [x], { kind }) => ({ ...kept(x), name: activated(place, kind, x.name) }),
  add: (place, inputs) => merged(place, inputs, 'Sum', 'sum'),
  average: (place, inputs) => merged(place, inputs, 'Mean', 'mean'),
  maximum: (place, inputs) => merged(place, inputs, 'Max', 'maximum'),
  minimum: (place, inputs) => merged(place, inputs, 'Min', 'minimum'),
  multiply: (place, [first, ...others]) =>
    others.reduce((product, factor) => elementwise(place, [product, factor], 'multiply'), first),
  subtract: (place, inputs) => elementwise(place, inputs, 'subtract'),
  argmax: (place, [x], settings) => {
    const axis = axisOf(settings.axis, x)
    const ids = place.writer.node('ArgMax', [x.name], 'argmax', { axis: { int: axis }, keepdims: { int: 0 } })
    const value = { name: toFloat(place, ids), shape: without(x.shape, [axis], false), batched: x.batched }
    return axis === 1 ? timed(place, [], value) : timed(place, [x], value, true)
  },
  batchNorm: (place, [x], { axis: wanted, epsilon, center, scale }, node) => {
    const { writer, constants } = place
    const weights = node.weights.map((index) => place.weight(index))
    const [mean, variance] = weights.slice(-2) as [Weight, Weight]
    const size = mean.shape[0] as number
    const gamma = scale ? (weights[0] as Weight).whole() : constants.floats(1, size)
    const beta = center ? (weights[scale ? 1 : 0] as Weight).whole() : constants.floats(0, size)
    // There, channels follow the batch.
    const axis = axisOf(wanted, x)
    const moved = (name: string, from: number, to: number) => {
      const order = [...x.shape.keys()]
      order.splice(to, 0, ...order.splice(from, 1))
      return from === to ? name : writer.node('Transpose', [name], 'channels', { perm: { ints: order } })
    }
    const given = [moved(x.name, axis, 1), gamma, beta, mean.whole(), variance.whole()]
    const name = writer.node('BatchNormalization', given, node.name, { epsilon: { float: epsilon } })
    return { ...kept(x), name: moved(name, 1, axis) }
  },
  cast: (place, [x]) => ({ ...x, name: x.integers ? toFloat(place, x.name) : x.name, integers: false }),
  stopGradient: (_, [x]) => x,
  dropout: (_, [x]) => x,
  sequenceMask: (place, [x]) => {
    const shape = x.shape.slice(0, 2)
    if (x.mask) return { ...x, shape, name: masks.numbers(place, x.mask), integers: false }
    const { writer, constants } = place
    const whole = writer.node('Shape', [x.name], 'shape')
    const grid = writer.node('Slice', [whole, constants.ints([0]), constants.ints([2])], 'shape')
    const zeros = writer.node('ConstantOfShape', [grid], 'zeros')
    return { name: writer.node('Add', [zeros, constants.float(1)], 'mask'), shape, batched: true, ones: true }
  },
  concatenate: (place, inputs, settings) => {
    const [x] = inputs
    const axis = axisOf(settings.axis, x)
    const name = place.writer.node(
      'Concat',
      inputs.map((input) => input.name),
      'joined',
      { axis: { int: axis } },
    )
    const sizes = inputs.map(({ shape }) => shape[axis] as Dim)
    const size = sizes.reduce((sum, dim) => (sum === null || dim === null ? null : sum + dim))
    const shape = x.shape.map((dim, index) => (index === axis ? size : dim))
    const value = { name, shape, batched: x.batched }
    if (axis !== 1 || shape.length < 3 || place.inBody) return timed(place, inputs, value)
    return { ...value, ones: false, mask: masks.joinedMask(place, inputs) }
  },
  cumulativeSum: (place, [x, given], { axis: wanted, reverse = false }, node) => {
    const { writer, constants } = place
    const axis = axisOf(wanted, x)
    const recurs = axis === 1 && !place.inBody
    const mask = recurs ? x.mask : undefined
    const rank = x.shape.length
    const known = mask ? masks.keptWhere(place, x.name, mask.valid, rank) : x.name
    const shape = without(x.shape, [axis], false)
    const initial = recurs ? place.stateOf(node, 0, shape, given) : given
    const settings = { reverse: { int: reverse ? 1 : 0 } }
    let sums = writer.node('CumSum', [known, constants.ints(axis)], 'sums', settings)
    let last = masks.reduced(place, 'Sum', known, [axis], false)
    if (initial) {
      sums = writer.node(
        'Add',
        [sums, writer.node('Unsqueeze', [initial.name, constants.ints([axis])], 'first')],
        'sums',
      )
      last = writer.node('Add', [last, initial.name], 'last')
    }
    if (mask) sums = masks.keptWhere(place, sums, mask.valid, rank)
    if (recurs) place.setState(node, 0, last)
    return [timed(place, [x], { ...x, name: sums }, true), timed(place, [x], { ...x, name: last, shape })]
  },
  dense: (place, [x], { transposed }, node) => {
    const { writer } = place
    const [kernel, bias] = node.weights.map((index) => place.weight(index)) as [Weight, Weight?]
    const units = kernel.shape.at(-1) as number
    const inputs = kernel.shape.slice(0, -1).reduce((product, size) => product * size, 1)
    const matrix =
      kernel.shape.length === 2
        ? kernel.whole()
        : kernel.as('matrix', [inputs, units], function* (data) {
            yield
            return data
          })
    const used = transposed ? writer.node('Transpose', [matrix], 'kernel', { perm: { ints: [1, 0] } }) : matrix
    const product = writer.node('MatMul', [x.name, used], node.name)
    const name = bias ? writer.node('Add', [product, bias.whole()], node.name) : product
    return timed(place, [x], { ...x, name, shape: [...x.shape.slice(0, -1), transposed ? inputs : units] })
  },
  elementwise: (place, inputs, { kind }) => elementwise(place, inputs, kind),
  embedding: (place, [x], { maskZero }, node) => {
    const { writer, constants } = place
    const table = place.weight(node.weights[0] as number)
    const found = writer.node('Gather', [table.whole(), x.name], node.name, { axis: { int: 0 } })
    const shape = [...x.shape, table.shape[1] as number]
    const name = x.mask ? masks.keptWhere(place, found, x.mask.valid, shape.length) : found
    const result: Value = { name, shape, batched: true, mask: x.mask }
    if (!maskZero) return result
    const valid = writer.node('Not', [writer.node('Equal', [x.name, constants.int32(0)], 'zeros')], 'mask')
    const both = x.mask ? writer.node('And', [valid, x.mask.valid], 'mask') : valid
    return { ...result, mask: { valid: both, derived: new Map() } }
  },
  gather: (place, [table, indices]) => {
    const at = indices as Value
    const whole = place.writer.node('Cast', [at.name], 'indices', { to: { int: 7 } })
    const name = place.writer.node('Gather', [table.name, whole], 'rows', { axis: { int: 0 } })
    return timed(place, [at], { ...at, name, shape: [...at.shape, ...table.shape.slice(1)] })
  },
  gru: cell,
  lstm: cell,
  simpleRnn: cell,
  scan,
  lastStep: (place, [x]) =>
    timed(place, [x], { ...x, name: masks.lastStep(place, x), shape: without(x.shape, [1], false) }),
  layerNorm: (place, [x], { epsilon, center, scale }, node) => {
    const weights = node.weights.map((index) => place.weight(index).whole())
    const gamma = scale ? weights[0] : undefined
    const beta = center ? weights.at(-1) : undefined
    if (place.writer.opset >= 17) {
      const size = x.shape.at(-1) as number
      const ones = () => place.constants.floats(1, size)
      const settings = { axis: { int: -1 }, epsilon: { float: epsilon } }
      const name = place.writer.node('LayerNormalization', [x.name, gamma ?? ones(), beta ?? ''], node.name, settings)
      return { ...kept(x), name }
    }
    let name = normalized(place, x.name, x.shape.length - 1, epsilon)
    if (gamma) name = place.writer.node('Mul', [name, gamma], node.name)
    if (beta) name = place.writer.node('Add', [name, beta], node.name)
    return { ...kept(x), name }
  },
  loss,
  meanOverSteps: (place, [x]) => meanOverSteps(place, x),
  masking: (place, [x], { maskValue }) => {
    const { writer, constants } = place
    const equal = writer.node('Equal', [x.name, constants.float(maskValue)], 'equal')
    const other = writer.node('Cast', [writer.node('Not', [equal], 'other')], 'other', { to: { int: 1 } })
    const axes = x.shape.slice(2).map((_, index) => index + 2)
    const any = masks.reduced(place, 'Max', other, axes, false)
    const own = writer.node('Cast', [any], 'mask', { to: { int: 9 } })
    const valid = x.mask ? writer.node('And', [own, x.mask.valid], 'mask') : own
    const name = masks.keptWhere(place, x.name, valid, x.shape.length)
    return { ...kept(x), name, mask: { valid, derived: new Map() } }
  },
  matmul: (place, inputs, { transposeA = false, transposeB = false }) => {
    const [a, b] = inputs as readonly [Value, Value]
    const left = transposeA ? swapped(place, a) : a
    const right = transposeB ? swapped(place, b) : b
    const name = place.writer.node('MatMul', [left.name, right.name], 'product')
    const leading = broadcast([left.shape.slice(0, -2), right.shape.slice(0, -2)])
    const shape = [...leading, left.shape.at(-2) as Dim, right.shape.at(-1) as Dim]
    return timed(place, transposeA ? [] : [a], { name, shape, batched: a.batched || b.batched })
  },
  normalize: (place, [x], { axis, epsilon }) => ({
    ...kept(x),
    name: normalized(place, x.name, axisOf(axis, x), epsilon),
  }),
  parameter: (place, _, __, node) => {
    const weight = place.weight(node.weights[0] as number)
    return { name: weight.whole(), shape: weight.shape, batched: false }
  },
  poolAverage: (place, [x]) => reduce(place, x, 'mean', [1], false),
  poolMax: (place, [x]) => reduce(place, x, 'max', [1], false),
  reduce: (place, [x], { kind, axes, keepDims }) => reduce(place, x, kind, [...axes].sort(), keepDims),
  repeatVector: ({ writer, constants }, [x], { n }) => {
    const single = writer.node('Unsqueeze', [x.name, constants.ints([1])], 'step')
    const name = writer.node('Expand', [single, constants.ints([1, n, 1])], 'steps')
    return { name, shape: [x.shape[0] as Dim, n, ...x.shape.slice(1)], batched: true }
  },
  reshape: ({ writer, constants }, [x], { shape }) => {
    const sizes = [0, ...shape.map((size) => size ?? -1)]
    const name = writer.node('Reshape', [x.name, constants.ints(sizes)], 'reshaped')
    return {
      name,
      shape: [x.shape[0] as Dim, ...openFilled(x.shape, shape)],
      batched: x.batched,
      ones: x.ones ?? false,
    }
  },
  scalar: ({ constants }, _, { value }) => ({ name: constants.float(value), shape: [], batched: false }),
  slice: (place, [x], { axis: wanted, start, end }) => {
    const { writer, constants } = place
    const axis = axisOf(wanted, x)
    const range = [constants.ints([start]), constants.ints([end]), constants.ints([axis])]
    const name = writer.node('Slice', [x.name, ...range], 'slice')
    const shape = x.shape.map((dim, index) => (index === axis ? end - start : dim))
    return timed(place, axis === 1 && !place.inBody ? [] : [x], { ...x, name, shape, ones: false })
  },
  softmax: (place, [x, mask], { axis: wanted }) => {
    const { writer, constants } = place
    const axis = { int: axisOf(wanted, x) }
    const result = kept(x)
    if (!mask || mask.ones) return { ...result, name: writer.node('Softmax', [x.name], 'softmax', { axis }) }
    // Where everything is excluded, all is zero.
    const included = writer.node('Cast', [mask.name], 'included', { to: { int: 9 } })
    const low = writer.node('Where', [included, x.name, constants.float(-3e38)], 'scores')
    const shares = writer.node('Softmax', [low], 'softmax', { axis })
    return { ...result, name: writer.node('Where', [included, shares, constants.float(0)], 'softmax') }
  },
  transpose: (place, [x], { permutation }) => {
    const name = place.writer.node('Transpose', [x.name], 'transposed', { perm: { ints: permutation } })
    const shape = permutation.map((axis) => x.shape[axis] as Dim)
    return timed(place, permutation[1] === 1 ? [x] : [], { name, shape, batched: x.batched })
  },
  windows: (place, [x, earlier], settings, node) => windows(place, x, earlier, settings, node),
  counts: 'it is part of a metric',
  ctc: 'ONNX has no loss of sequences without alignment',
  metric: 'it is part of a metric',
  crf: 'it searches paths of tags; convert the logits before it, and decode them outside',
  crfLoss: 'it is part of a loss',
  transducerJoint:
    'it pairs every step with every label; convert the encoder and the predictor as models of their own, and join them outside',
  transducerLoss: 'it is part of a loss',
  sequenceCounts: 'it is part of a metric',
  sample: 'it draws random numbers, which ONNX does not define',
}

/** Why an operation cannot be written, if it cannot. */
export function obstacle(op: OperationName): string | undefined {
  const operation = operations[op]
  return typeof operation === 'string' ? operation : undefined
}

/** Writes an operation; gives its outputs. */
export function write(place: Place, node: WireNode, inputs: readonly Value[]): readonly Value[] {
  const operation = operations[node.op] as Write<OperationName>
  const result = operation(place, inputs as readonly [Value, ...Value[]], node.attributes as never, node)
  return Array.isArray(result) ? result : [result]
}

/** A value of the same shape and mask. */
const kept = ({ shape, batched, mask }: Value): Omit<Value, 'name'> => ({ shape, batched, mask })

/** A value with the mask that it gets from those it is made of, if it has a time axis. */
function timed(place: Place, sources: readonly Value[], value: Value, keepsTime = false): Value {
  const rank = value.shape.length
  const has = !place.inBody && value.batched && (rank >= 3 || (rank === 2 && keepsTime))
  return { ...value, ones: false, mask: has ? masks.mergedMask(place, sources, value.shape) : undefined }
}

const toFloat = ({ writer }: Place, name: string): string => writer.node('Cast', [name], 'numbers', { to: { int: 1 } })

/** A mask with as many dimensions as tokens have. */
function raised({ writer, constants }: Place, mask: Mask, { shape }: Value): string {
  const axes = shape.slice(2).map((_, index) => index + 2)
  return axes.length > 0 ? writer.node('Unsqueeze', [mask.valid, constants.ints(axes)], 'mask') : mask.valid
}

function without(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  if (keep) return shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
  return shape.filter((_, axis) => !axes.includes(axis))
}

/** The last two axes exchanged. */
function swapped(place: Place, value: Value): Value {
  const rank = value.shape.length
  const order = [...value.shape.keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis))
  const name = place.writer.node('Transpose', [value.name], 'transposed', { perm: { ints: order } })
  return { ...value, name, shape: order.map((axis) => value.shape[axis] as Dim) }
}

/** The sizes of a reshaped value's rows, the open one computed where it can be. */
function openFilled(from: Shape, to: readonly (number | null)[]): Shape {
  const row = from.slice(1)
  if (row.includes(null)) return to
  const known = to.reduce<number>((product, size) => product * (size ?? 1), 1)
  const elements = row.reduce<number>((product, size) => product * (size as number), 1)
  return to.map((size) => size ?? elements / known)
}

function merged(place: Place, inputs: readonly Value[], opType: string, like: string): Value {
  const names = inputs.map(({ name }) => name)
  const shape = broadcast(inputs.map((input) => input.shape))
  const batched = inputs.some((input) => input.batched)
  return timed(place, inputs, { name: place.writer.node(opType, names, like), shape, batched })
}

const one: Readonly<Record<string, string>> = { neg: 'Neg', abs: 'Abs', sqrt: 'Sqrt', exp: 'Exp', log: 'Log' }
const two: Readonly<Record<string, string>> = {
  add: 'Add',
  subtract: 'Sub',
  multiply: 'Mul',
  divide: 'Div',
  maximum: 'Max',
  minimum: 'Min',
}
const comparisons: Readonly<Record<string, string>> = {
  less: 'Less',
  lessEqual: 'LessOrEqual',
  greater: 'Greater',
  greaterEqual: 'GreaterOrEqual',
  equal: 'Equal',
}

/** What may be infinite or no number where a step is not valid, though it is not read. */
const unbounded: ReadonlySet<string> = new Set(['divide', 'log', 'sqrt', 'exp'])

function elementwise(place: Place, inputs: readonly Value[], kind: string): Value {
  const shape = broadcast(inputs.map((input) => input.shape))
  const batched = inputs.some((input) => input.batched)
  const names = inputs.map(({ name }) => name)
  const value = timed(place, inputs, { name: applied(place, kind, names), shape, batched }, true)
  if (!value.mask || !unbounded.has(kind)) return value
  return { ...value, name: masks.keptWhere(place, value.name, value.mask.valid, shape.length) }
}

function applied(place: Place, kind: string, names: readonly string[]): string {
  const { writer } = place
  const [x] = names as readonly [string]
  const arithmetic = one[kind] ?? two[kind]
  if (arithmetic) return writer.node(arithmetic, names, kind)
  const comparison = comparisons[kind]
  if (comparison) return toFloat(place, writer.node(comparison, names, kind))
  switch (kind) {
    case 'notEqual':
      return toFloat(place, writer.node('Not', [writer.node('Equal', names, 'equal')], kind))
    case 'identity':
      return x
    case 'square':
      return writer.node('Mul', [x, x], kind)
    case 'where': {
      const condition = writer.node('Cast', [x], 'condition', { to: { int: 9 } })
      return writer.node('Where', [condition, ...names.slice(1)], kind)
    }
    default:
      return activated(place, kind, x)
  }
}

/** (x - mean) / sqrt(variance + epsilon) along an axis. */
function normalized(place: Place, x: string, axis: number, epsilon: number): string {
  const { writer, constants } = place
  const centred = writer.node('Sub', [x, masks.reduced(place, 'Mean', x, [axis], true)], 'centred')
  const square = writer.node('Mul', [centred, centred], 'square')
  const variance = masks.reduced(place, 'Mean', square, [axis], true)
  const deviation = writer.node(
    'Sqrt',
    [writer.node('Add', [variance, constants.float(epsilon)], 'variance')],
    'deviation',
  )
  return writer.node('Div', [centred, deviation], 'normalized')
}

function reduce(place: Place, x: Value, kind: 'sum' | 'mean' | 'max', axes: readonly number[], keep: boolean): Value {
  const { writer, constants } = place
  const shape = without(x.shape, axes, keep)
  const overTime = axes.includes(1) && !place.inBody
  const mask = overTime ? x.mask : undefined
  const result = (name: string) =>
    timed(place, overTime ? [] : [x], { name, shape, batched: x.batched }, !axes.includes(1))
  const name = (of: string) =>
    masks.reduced(place, kind === 'max' ? 'Max' : kind === 'sum' ? 'Sum' : 'Mean', of, axes, keep)
  if (!mask) return result(name(x.name))
  const rank = x.shape.length
  if (kind === 'max') {
    const condition = rank > 2 ? raised(place, mask, x) : mask.valid
    const low = writer.node('Where', [condition, x.name, constants.float(-Infinity)], 'valid')
    return result(masks.keptRows(place, name(low), mask, shape.length))
  }
  const sum = masks.reduced(place, 'Sum', masks.keptWhere(place, x.name, mask.valid, rank), axes, keep)
  if (kind === 'sum') return result(sum)
  const mean = writer.node('Div', [sum, masks.divisor(place, mask, shape.length)], 'mean')
  // The other axes count in full.
  const others = axes.filter((axis) => axis !== 1)
  if (others.length === 0) return result(mean)
  const sizes = writer.node('Gather', [writer.node('Shape', [x.name], 'shape'), constants.ints(others)], 'sizes')
  const count = writer.node('Cast', [writer.node('ReduceProd', [sizes], 'size', { keepdims: { int: 0 } })], 'size', {
    to: { int: 1 },
  })
  return result(writer.node('Div', [mean, count], 'mean'))
}
