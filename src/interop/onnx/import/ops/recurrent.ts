import { defineCell } from '../../../../cells/defineCell.js'
import { sub } from '../../../../graph/trace/ops.js'
import type { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import type { CellActivation } from '../../../../layers/activations.js'
import { bidirectional } from '../../../../layers/bidirectional.js'
import { gru } from '../../../../layers/gru.js'
import type { AnyLayer, SymbolicTensor } from '../../../../layers/layer.js'
import { lstm } from '../../../../layers/lstm.js'
import { masking } from '../../../../layers/masking.js'
import type { Recurrence } from '../../../../layers/recurrence.js'
import { rnn } from '../../../../layers/rnn.js'
import { simpleRNN } from '../../../../layers/simpleRnn.js'
import { type Call, first, type Operator } from '../call.js'
import { type Dim, same, showDims } from '../dim.js'
import { arranged, sameAlong } from '../layout.js'
import type { Weight } from '../segment.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  type Computed,
  type Constant,
  dimsOf,
  type Elements,
  malformed,
  type Ref,
  type Stored,
  sizeOf,
  sizesIn,
  unsupported,
  type Value,
} from '../values.js'
import { ownHardSigmoid, parametric } from './elementwise.js'
import { rowsOf } from './products.js'
import { cut } from './slices.js'

type Kind = 'RNN' | 'GRU' | 'LSTM'

/** Where each of our gates (LSTM i, f, c, o; GRU z, r, h) stands in ONNX's order, i, o, f, c and z, r, h. */
const gates: Readonly<Record<Kind, readonly number[]>> = { RNN: [0], GRU: [0, 1, 2], LSTM: [0, 2, 3, 1] }

const standard: Readonly<Record<Kind, readonly string[]>> = {
  RNN: ['Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
}

/** An activation: as a function, and as the name that the fused layers have for it. */
interface Activation {
  readonly run: (x: SymbolicValue) => SymbolicValue
  readonly fused: CellActivation | undefined
}

const plain: Readonly<Record<string, CellActivation | 'softplus'>> = {
  relu: 'relu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  softsign: 'softsign',
  softplus: 'softplus',
}

/** The activations of all directions; alphas and betas are taken in order by those that have them. */
function activations(call: Call, kind: Kind, directions: number): Activation[] {
  const { node } = call
  const names = node.has('activations') ? (node.texts('activations') ?? []) : []
  const expected = standard[kind].length * directions
  const all = names.length > 0 ? names : Array.from({ length: directions }, () => standard[kind]).flat()
  if (all.length !== expected) throw malformed(`${all.length} activations instead of ${expected}`)
  const [alphas, betas] = [[...(node.floats('activation_alpha') ?? [])], [...(node.floats('activation_beta') ?? [])]]
  return all.map((name): Activation => {
    const own = plain[name.toLowerCase()]
    if (own) return { run: (x) => x.activation(own), fused: own === 'softplus' ? undefined : own }
    const found = Object.entries(parametric).find(
      ([each]) => each.toLowerCase() === name.toLowerCase() && each !== 'Celu',
    )?.[1]
    if (found === undefined) throw unsupported(`the activation '${name}'`)
    const alpha = found.alpha === undefined ? 0 : (alphas.shift() ?? found.alpha)
    const beta = found.beta === undefined ? 0 : (betas.shift() ?? found.beta)
    const run = (x: SymbolicValue) => found.run(x, alpha, beta)
    const lower = name.toLowerCase()
    if (lower === 'affine' && alpha === 1 && beta === 0) return { run: (x) => x, fused: 'linear' }
    return { run, fused: lower === 'hardsigmoid' ? ownHardSigmoid(alpha, beta) : undefined }
  })
}

/** Everything that a node says about one direction. */
interface Direction {
  readonly kind: Kind
  readonly hidden: number
  readonly features: number
  readonly functions: readonly Activation[]
  readonly clip: number
  readonly inputForget: boolean
  readonly resetAfter: boolean
  readonly backwards: boolean
  readonly sequences: boolean
  readonly kernel: Weight
  readonly recurrent: Weight
  /** The sum of both biases, or each of them where the reset gate acts between. */
  readonly biases: readonly Weight[]
  readonly peepholes: readonly Weight[]
  readonly bias: Weight | undefined
}

/** Rows of gates of a direction as our kernel: gates in our order, columns in front. */
function kernelOf(
  constant: Constant,
  name: string,
  direction: number,
  columns: number,
  hidden: number,
  order: readonly number[],
): Weight {
  const rows = order.length * hidden
  const start = direction * rows * columns
  return {
    name,
    shape: [columns, rows],
    stored: gatesIn(constant, start, columns, hidden, order),
    async read() {
      const all = await constant.read()
      const into = new Float32Array(rows * columns)
      for (const [ours, theirs] of order.entries()) {
        for (let unit = 0; unit < hidden; unit++) {
          const from = start + (theirs * hidden + unit) * columns
          const to = ours * hidden + unit
          for (let column = 0; column < columns; column++) into[column * rows + to] = all[from + column] as number
        }
      }
      return into
    },
  }
}

/** Where a file has the rows of gates. */
function gatesIn(
  { stored }: Constant,
  start: number,
  columns: number,
  hidden: number,
  order: readonly number[],
): Stored | undefined {
  const [whole, more] = stored?.moves ?? []
  if (stored === undefined || whole?.sizes.length !== 1 || more) return undefined
  const moves = order.map((theirs, ours) => ({
    ...{ from: whole.from + start + theirs * hidden * columns, to: ours * hidden },
    ...{ sizes: [hidden, columns], strides: [1, order.length * hidden] },
  }))
  return { ...stored, moves }
}

/** Parts of the biases of a direction in our order of gates: of the input, and of the state. */
function biasesOf(constant: Constant, direction: number, hidden: number, order: readonly number[]) {
  const rows = order.length * hidden
  const half = (all: Elements, part: number) => {
    const start = (direction * 2 + part) * rows
    return Float32Array.from({ length: rows }, (_, at) => {
      return all[start + (order[Math.floor(at / hidden)] as number) * hidden + (at % hidden)] as number
    })
  }
  const weight = (name: string, shape: readonly number[], read: (all: Elements) => Elements): Weight => ({
    name,
    shape,
    read: async () => read(await constant.read()),
  })
  return {
    sum: weight('bias', [rows], (all) => {
      const second = half(all, 1)
      return half(all, 0).map((each, at) => each + (second[at] as number))
    }),
    both: weight('bias', [2, rows], (all) => Float32Array.of(...half(all, 0), ...half(all, 1))),
    each: [0, 1].map((part) => weight(part === 0 ? 'bias' : 'recurrent_bias', [rows], (all) => half(all, part))),
  }
}

function directionOf(
  call: Call,
  kind: Kind,
  direction: number,
  directions: number,
  all: readonly Activation[],
  sequences: boolean,
): Direction {
  const { node } = call
  const [w, r] = [call.constant(1, 'W'), call.constant(2, 'R')]
  const order = gates[kind]
  const hidden = r.shape[2] as number
  const features = w.shape[2] as number
  const rows = order.length * hidden
  const check = (name: string, constant: Constant, shape: readonly number[]) => {
    if (constant.shape.join() !== shape.join())
      throw malformed(`${name} is ${showDims(constant.shape)} instead of ${showDims(shape)}`)
  }
  check('W', w, [directions, rows, features])
  check('R', r, [directions, rows, hidden])
  if (node.int('hidden_size', hidden) !== hidden)
    throw malformed(`hidden_size is ${node.int('hidden_size', 0)}, and R is ${showDims(r.shape)}`)
  const b = call.given(3) === undefined ? undefined : call.constant(3, 'B')
  const p = kind === 'LSTM' && call.given(7) !== undefined ? call.constant(7, 'P') : undefined
  if (b) check('B', b, [directions, 2 * rows])
  if (p) check('P', p, [directions, 3 * hidden])
  const resetAfter = kind === 'GRU' && node.int('linear_before_reset', 0) !== 0
  const found = b && biasesOf(b, direction, hidden, order)
  const isZero = p?.values?.every((each) => each === 0)
  const count = standard[kind].length
  const text = node.text('direction', 'forward')
  return {
    kind,
    hidden,
    features,
    functions: all.slice(direction * count, (direction + 1) * count),
    clip: node.has('clip') ? node.float('clip', 0) : 0,
    inputForget: node.int('input_forget', 0) !== 0,
    resetAfter,
    backwards: text === 'reverse' || direction === 1,
    sequences,
    kernel: kernelOf(w, 'kernel', direction, features, hidden, order),
    recurrent: kernelOf(r, 'recurrent_kernel', direction, hidden, hidden, order),
    bias: resetAfter ? found?.both : found?.sum,
    biases: found ? (resetAfter ? found.each : [found.sum]) : [],
    peepholes:
      p && !isZero
        ? ['input', 'output', 'forget'].map((gate, at) => ({
            name: `${gate}_peephole`,
            shape: [hidden],
            read: async () => (await p.read()).slice((direction * 3 + at) * hidden, (direction * 3 + at + 1) * hidden),
          }))
        : [],
  }
}

/** A layer of ours for a direction, and its weights in order: fused where that has everything, otherwise a traced cell. */
function layerOf(given: Direction, name: object): { readonly layer: Recurrence; readonly weights: readonly Weight[] } {
  const { kind, functions, peepholes, clip, inputForget, hidden, kernel, recurrent, bias, backwards, sequences } = given
  const [f, g, h] = functions.map(({ fused }) => fused)
  const isFused =
    !(clip > 0 && Number.isFinite(clip)) &&
    !inputForget &&
    peepholes.length === 0 &&
    functions.every(({ fused }) => fused !== undefined) &&
    (kind !== 'LSTM' || g === h)
  const common = { ...name, returnSequences: sequences, returnState: true as const, goBackwards: backwards }
  if (!isFused) return tracedOf(given, common)
  const options = { ...common, units: hidden, useBias: bias !== undefined }
  const weights = [kernel, recurrent, ...(bias ? [bias] : [])]
  if (kind === 'RNN') return { layer: simpleRNN({ ...options, activation: f as CellActivation }), weights }
  const both = { activation: g as CellActivation, recurrentActivation: f as CellActivation }
  if (kind === 'LSTM') return { layer: lstm({ ...options, ...both }), weights }
  return { layer: gru({ ...options, ...both, resetAfter: given.resetAfter }), weights }
}

/** The weights of a direction and one step of it, `x` and the states before given, the states after returned. */
function stepOf(given: Direction) {
  const { kind, hidden, kernel, recurrent, biases, peepholes, inputForget, resetAfter } = given
  const weights = [kernel, recurrent, ...biases, ...peepholes]
  const [f, g, h] = given.functions.map(({ run }) => run) as [Activation['run'], Activation['run'], Activation['run']]
  const bound = given.clip > 0 && Number.isFinite(given.clip) ? given.clip : undefined
  const clip = (x: SymbolicValue) => (bound === undefined ? x : x.minimum(bound).maximum(-bound))
  const plus = (x: SymbolicValue, bias: SymbolicValue | undefined) => (bias ? x.add(bias) : x)
  const declared = new Set(weights.map(({ name }) => name))
  const part = (x: SymbolicValue, at: number, count = 1) => x.slice(at * hidden, (at + count) * hidden)
  const step = (
    all: Readonly<Record<'x' | 'h' | 'c', SymbolicValue>>,
    weight: Readonly<Record<string, SymbolicValue>>,
  ): { readonly h: SymbolicValue; readonly c?: SymbolicValue } => {
    const { x, h: before } = all
    const has = (name: string) => (declared.has(name) ? weight[name] : undefined)
    const input = plus(x.matmul(weight.kernel as SymbolicValue), has('bias'))
    if (kind === 'GRU') {
      const state = weight.recurrent_kernel as SymbolicValue
      const recurrentBias = has('recurrent_bias')
      if (resetAfter) {
        const product = plus(before.matmul(state), recurrentBias)
        const [z, r] = [0, 1].map((at) => f(clip(part(input, at).add(part(product, at))))) as [
          SymbolicValue,
          SymbolicValue,
        ]
        const candidate = g(clip(part(input, 2).add(r.mul(part(product, 2)))))
        return { h: sub(1, z).mul(candidate).add(z.mul(before)) }
      }
      const both = part(input, 0, 2).add(before.matmul(state.slice(0, 2 * hidden)))
      const [z, r] = [0, 1].map((at) => f(clip(part(both, at)))) as [SymbolicValue, SymbolicValue]
      const product = r.mul(before).matmul(state.slice(2 * hidden, 3 * hidden))
      const candidate = g(clip(part(input, 2).add(product)))
      return { h: sub(1, z).mul(candidate).add(z.mul(before)) }
    }
    const sum = input.add(before.matmul(weight.recurrent_kernel as SymbolicValue))
    if (kind === 'RNN') return { h: f(clip(sum)) }
    const { c } = all
    const peep = (x: SymbolicValue, gate: string, state: SymbolicValue) => {
      const p = has(`${gate}_peephole`)
      return p ? x.add(p.mul(state)) : x
    }
    const i = f(clip(peep(part(sum, 0), 'input', c)))
    const forget = inputForget ? sub(1, i) : f(clip(peep(part(sum, 1), 'forget', c)))
    const next = forget.mul(c).add(i.mul(g(clip(part(sum, 2)))))
    const o = f(clip(peep(part(sum, 3), 'output', next)))
    return { h: o.mul(h(next)), c: next }
  }
  return { weights, step }
}

function tracedOf(
  given: Direction,
  common: { readonly returnSequences: boolean; readonly returnState: true; readonly goBackwards: boolean },
) {
  const { kind, hidden, features } = given
  const { weights, step } = stepOf(given)
  const cell = defineCell({
    name: kind.toLowerCase(),
    inputs: { x: features },
    states: kind === 'LSTM' ? { h: hidden, c: hidden } : { h: hidden },
    weights: Object.fromEntries(weights.map(({ name, shape }) => [name, shape])),
    step: (values, w) => step(values as never, w as never) as never,
  })
  return { layer: rnn({ ...common, cell }) as unknown as Recurrence, weights }
}

/** A recurrent operator in each step of a loop, over one step of its own, as exporters write cells. */
function withinStep(
  call: Call,
  [only, other]: readonly Direction[],
  x: Computed,
  [timeAxis, batchAxis]: readonly [number, number],
): readonly (Value | undefined)[] {
  const { builder } = call
  const given = only as Direction
  const [kind, hidden] = [given.kind, given.hidden]
  const time = sizeOf(x.logical[timeAxis] as readonly Atom[])
  if (time !== 1 || other !== undefined || call.given(4) !== undefined) {
    throw unsupported('a recurrent network over several steps in each step of another')
  }
  const layout = timeAxis === 0 ? 0 : 1
  const [first] = initialStates(call, kind, layout, 1, hidden) ?? []
  const zero = () => rowsOf(call, { ...zeros([hidden]), dims: [hidden] }).ref
  const states = first ?? Array.from({ length: kind === 'LSTM' ? 2 : 1 }, zero)
  const input = arranged(builder, x, [builder.batch, x.logical[2] as readonly Atom[]], true)
  const { weights, step } = stepOf(given)
  const sources = [call.constant(1, 'W'), call.constant(2, 'R'), call.constant(call.given(3) ? 3 : 1, 'B')]
  const held = weights.map(({ name, shape, ...own }, at) => {
    const source = { ...(sources[Math.min(at, 2)] as Constant), name: `${sources[0]?.name}_${name}` }
    return builder.segment.weight(source, name, shape, own)
  })
  const results = (['h', 'c'] as const).slice(0, states.length).map((state) =>
    builder.record([input, ...states, ...held], [hidden], ([v, h, ...rest]) => {
      const [c, ...own] = (states.length === 2 ? rest : [undefined, ...rest]) as SymbolicValue[]
      const named = Object.fromEntries(weights.map(({ name }, at) => [name, own[at] as SymbolicValue]))
      return step({ x: v, h, c } as never, named)[state] as SymbolicValue
    }),
  )
  const units = axisOf(hidden)
  const value = (ref: Ref, isSequence: boolean): Computed => {
    const axes: Axes = batchAxis === 0 ? [builder.batch, [], units] : [[], builder.batch, units]
    const logical = isSequence ? axes.toSpliced(batchAxis === 0 ? 2 : 1, 0, []) : axes
    return { kind: 'computed', ref, physical: [builder.batch, units], logical, integer: false }
  }
  const [h, c] = results as [Ref, Ref | undefined]
  return [value(h, true), value(h, false), c && value(c, false)]
}

/** The lengths of sequences, unless all of them are full. */
function lengthsOf(call: Call, time: Dim): Ref | undefined {
  const given = call.given(4)
  if (given === undefined) return undefined
  if (given.kind === 'computed') {
    if (given.logical.length !== 1) throw malformed(`sequence_lens of ${given.logical.length} dimensions`)
    call.lowering.requireBatch(given, 0)
    return arranged(call.builder, given, [call.builder.batch])
  }
  const items = sizesIn(given) ?? (given.kind === 'constant' ? given.values && [...given.values] : undefined)
  if (
    items?.every((item) => same(item, time) || (typeof item === 'number' && typeof time === 'number' && item >= time))
  )
    return undefined
  throw unsupported('sequence_lens that are constant and not all steps')
}

/** What stands for steps that are not valid: no step of a model has it in all of its features. */
const absent = -(2 ** 127)

/** The sequence with a mask of its lengths. */
function masked(call: Call, x: Ref, lengths: Ref): SymbolicTensor {
  const marked = call.builder.record([x, lengths], x.dims, ([v, n]) => {
    const value = v as SymbolicValue
    const one = value.slice(0, 1, 2)
    const place = one.less(one).add(1).cumulativeSum({ axis: 1 })
    return place.lessEqual((n as SymbolicValue).expandDims(1).expandDims(1)).where(value, absent)
  })
  const [tensor] = call.builder.tensors([marked]) as [SymbolicTensor]
  return masking({ maskValue: absent }).apply(tensor)
}

/** A sequence without a mask: ONNX computes on with the zeros behind its end. */
function unmasked(call: Call, x: Computed): Computed {
  const { dims } = x.ref
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : null))
  return {
    ...x,
    ref: call.builder.record(
      [x.ref],
      dims,
      first((v) => v.reshape(shape)),
    ),
  }
}

function initialStates(
  call: Call,
  kind: Kind,
  layout: number,
  directions: number,
  hidden: number,
): Ref[][] | undefined {
  const given = [call.given(5), ...(kind === 'LSTM' ? [call.given(6)] : [])]
  const isZero = (state: Value | undefined) =>
    state === undefined || (state.kind === 'constant' && state.values?.every((each) => each === 0) === true)
  if (given.every(isZero)) return undefined
  const [axisOfDirections, batchAxis] = layout === 0 ? [0, 1] : [1, 0]
  const states = given.map((state) => {
    if (state && dimsOf(state).length !== 3) throw malformed(`initial states of ${dimsOf(state).length} dimensions`)
    if (state?.kind === 'computed') {
      call.lowering.requireBatch(state, batchAxis)
      return state
    }
    const dims = [1, 1, 1].with(axisOfDirections, directions).with(2, hidden)
    if (isZero(state)) return rowsOf(call, zeros(dims))
    const same = sameAlong(call.constant(state === given[0] ? 5 : 6, 'the initial state'), batchAxis)
    if (same === undefined) throw unsupported('initial states that differ from row to row of the batch')
    return rowsOf(call, { ...same, dims: same.shape })
  })
  return Array.from({ length: directions }, (_, direction) =>
    states.map((state) => {
      const own = directions === 1 ? state : cut(call, state, axisOfDirections, direction, direction + 1)
      const units = (own.logical[2] as readonly Atom[]) ?? []
      return arranged(call.builder, own, [call.builder.batch, units], true)
    }),
  )
}

const zeros = (dims: readonly number[]): Constant => {
  const values = new Float64Array(dims.reduce((a, b) => a * b, 1))
  return {
    kind: 'constant',
    name: 'zeros',
    shape: dims,
    dims,
    integer: false,
    trainable: false,
    values,
    read: async () => values,
    stored: undefined,
  }
}

const recurrent =
  (kind: Kind): Operator =>
  (call) => {
    const { node, builder, lowering } = call
    const x = rowsOf(call, call.data(0))
    const layout = node.int('layout', 0)
    if (x.logical.length !== 3 || (layout !== 0 && layout !== 1))
      throw malformed(`X of ${x.logical.length} dimensions, layout ${layout}`)
    const [timeAxis, batchAxis] = layout === 0 ? [0, 1] : [1, 0]
    lowering.requireBatch(x, batchAxis)
    const text = node.text('direction', 'forward')
    if (!['forward', 'reverse', 'bidirectional'].includes(text)) throw malformed(`the direction '${text}'`)
    const directions = text === 'bidirectional' ? 2 : 1
    const functions = activations(call, kind, directions)
    const sequences = call.isUsed(0)
    const all = Array.from({ length: directions }, (_, at) =>
      directionOf(call, kind, at, directions, functions, sequences),
    )
    const { hidden, features } = all[0] as Direction
    const [time, inner] = [x.logical[timeAxis] as readonly Atom[], x.logical[2] as readonly Atom[]]
    if (sizeOf(inner) !== features) throw malformed(`X is ${showDims(dimsOf(x))}, and W is for ${features} features`)
    if (builder.isStep) return withinStep(call, all, x, [timeAxis, batchAxis])
    const lengths = lengthsOf(call, sizeOf(time))
    const states = initialStates(call, kind, layout, directions, hidden)
    const sequence = arranged(builder, x, [builder.batch, time, inner], true)
    const needed = [sequence, ...(states?.flat() ?? []), ...(lengths ? [lengths] : [])]
    builder.tensors(needed)
    const source = lengths ? masked(call, sequence, lengths) : (sequence.tensor as SymbolicTensor)
    const initialState = states?.flat().map(({ tensor }) => tensor as SymbolicTensor)

    const name = builder.parts.nameFor(node.name)
    const made = all.map((each) => layerOf(each, directions === 1 ? name : {}))
    const [forward, backward] = made as [(typeof made)[0], (typeof made)[0] | undefined]
    const layer: AnyLayer = backward
      ? (bidirectional({ ...name, layer: forward.layer, backwardLayer: backward.layer }) as unknown as AnyLayer)
      : (forward.layer as unknown as AnyLayer)
    const outputs = layer.apply(source, initialState ? { initialState } : {}) as readonly SymbolicTensor[]
    builder.parts.entries.push({ layer, weights: made.flatMap(({ weights }) => weights) })

    const [output, ...last] = outputs as [SymbolicTensor, ...SymbolicTensor[]]
    const [d, h] = [directions === 2 ? [atomOf(2)] : [], axisOf(hidden)]
    const both = [...d, ...h]
    const axes = (t: readonly (readonly Atom[])[]): Axes =>
      layout === 0 ? [...t, d, builder.batch, h] : [builder.batch, ...t, d, h]
    const results: (Value | undefined)[] = []
    if (sequences) {
      const y = builder.computed(output, [time, both], axes([time]))
      // Each row is turned within its length, so while it has a mask.
      const inOrder = text === 'reverse' ? lowering.flipped(y, timeAxis) : y
      results[0] = lengths ? unmasked(call, inOrder) : inOrder
    }
    const count = kind === 'LSTM' ? 2 : 1
    for (let state = 0; state < count; state++) {
      if (!call.isUsed(1 + state)) continue
      const parts = Array.from({ length: directions }, (_, at) =>
        builder.computed(last[at * count + state] as SymbolicTensor, [h], axes([])),
      )
      const [one, two] = parts as [Computed, Computed | undefined]
      const ref = two
        ? builder.record([one.ref, two.ref], [2 * hidden], ([a, b]) => (a as SymbolicValue).concat(b as SymbolicValue))
        : one.ref
      results[1 + state] = { ...one, ref, physical: [builder.batch, both] }
    }
    return results
  }

export const recurrentOperators: Readonly<Record<string, Operator>> = {
  RNN: recurrent('RNN'),
  GRU: recurrent('GRU'),
  LSTM: recurrent('LSTM'),
}
