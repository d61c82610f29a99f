import { cellFromConfig, type SavedCell } from '../cells/cell.js'
import { gru, lstm, projectedLSTM, simpleRNN } from '../cells/index.js'
import type { Sliced } from '../data/index.js'
import type { AnyLayer } from '../layers/layer.js'
import { countOf, inOrder, type Move } from '../model/newWeights.js'
import { isRecord } from '../options.js'

// How PyTorch's modules hold what our layers hold. Its weights are [outputs, inputs], ours [inputs, outputs]; gates are
// stacked i, f, g, o (LSTM, the order of ours) and r, z, n (GRU; ours is z, r, n); every recurrent module has two
// biases, which are added up where ours is one.

/** Elements of a parameter, and where they go. Names of recurrent ones are without their `_l0`. */
export interface ParameterMove extends Move {
  readonly parameter: string
  /** Which of the part's weights they go to. */
  readonly weight: number
}

/** Weights of ours that follow each other, usually one, and PyTorch's parameters that make them up. */
export interface Part {
  /** How many weights of ours they are. */
  readonly count: number
  /** The shapes of the parameters. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** What goes where: every element of the parameters once. */
  readonly moves: readonly ParameterMove[]
  /** The second of two biases whose sum we have: it goes where the first one goes, and is added up. */
  readonly second?: readonly ParameterMove[]
}

/** A parameter of weights of ours; where ours is the sum of two biases, both are given. */
export function* toTheirs(
  part: Part,
  weightOf: (index: number) => Float32Array,
  parameter: string,
): Sliced<Float32Array> {
  const theirs = new Float32Array(countOf({ sizes: part.shapes[parameter] ?? [] }))
  const moves = [...part.moves, ...(part.second ?? []).map((move) => ({ ...move, weight: 1 }))]
  for (const move of moves) {
    if (move.parameter === parameter) yield* moveBack(move, weightOf(move.weight), theirs)
  }
  return theirs
}

/** Writes the elements that a move would write to `weight` back to where it takes them from. */
function* moveBack({ from, sizes, strides, to }: Move, weight: Float32Array, into: Float32Array): Sliced<undefined> {
  const [columns, step] = [sizes.at(-1) ?? 1, strides.at(-1) ?? 1]
  const outer = sizes.slice(0, -1)
  const rows = countOf({ sizes: outer })
  for (let row = 0; row < rows; row++) {
    let [place, rest] = [to, row]
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const size = outer[axis] as number
      place += (rest % size) * (strides[axis] as number)
      rest = Math.floor(rest / size)
    }
    const start = from + row * columns
    for (let column = 0; column < columns; column++) into[start + column] = weight[place + column * step] as number
    if (row % 64 === 0) yield
  }
  return undefined
}

/** The shapes of a layer's weights, in order. */
type Shapes = readonly (readonly number[])[]

/**
 * What one of our layers is in PyTorch: a part for each weight; or why there is no such module. `flattened` is the shape
 * `[…places, channels]` that a dense layer reads in one dimension, where PyTorch has the channels first.
 */
export function partsOf(layer: AnyLayer, shapes: Shapes, flattened?: readonly number[]): readonly Part[] | string {
  const config = layer.config()
  switch (layer.className) {
    case 'SimpleRNN':
    case 'LSTM':
    case 'GRU':
      return recurrent(layer.className, config, shapes, '')
    case 'RNN':
      return traced(config, shapes, '')
    case 'Bidirectional': {
      const [forward, backward] = layer.innerLayers() as [AnyLayer, AnyLayer]
      const count = shapes.length / 2
      const ahead = direction(forward, shapes.slice(0, count), '')
      const back = direction(backward, shapes.slice(count), '_reverse')
      if (typeof ahead === 'string' || typeof back === 'string') return typeof ahead === 'string' ? ahead : back
      return [...ahead, ...back]
    }
    case 'TimeDistributed':
      return partsOf(layer.innerLayers()[0] as AnyLayer, shapes)
    case 'Dense':
      // The table that it is tied to comes first in `shapes`, and is as it is there.
      if (config.tiedTo !== undefined) return shapes.map((shape, index) => as(index === 0 ? 'weight' : 'bias', shape))
      return [
        flattened
          ? channelsFirst(shapes[0] as readonly number[], flattened)
          : matrix('weight', shapes[0] as readonly number[], [0]),
        ...shapes.slice(1).map((shape) => as('bias', shape)),
      ]
    case 'TransducerJoint':
      return [
        matrix('weight', shapes[0] as readonly number[], [0]),
        ...shapes.slice(1).map((shape) => as('bias', shape)),
      ]
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
    case 'Conv1DTranspose':
    case 'Conv2DTranspose':
    case 'Conv3DTranspose':
    case 'DepthwiseConv1D':
    case 'DepthwiseConv2D':
      return [
        kernelOf(layer.className, shapes[0] as readonly number[]),
        ...shapes.slice(1).map((shape) => as('bias', shape)),
      ]
    case 'CRF':
      // As the package pytorch-crf has it.
      return ['start_transitions', 'end_transitions', 'transitions'].map((name, index) =>
        as(name, shapes[index] as readonly number[]),
      )
    case 'Embedding':
    case 'RMSNormalization':
      return [as('weight', shapes[0] as readonly number[])]
    case 'PReLU': {
      // One slope for each channel, or one for all.
      const [alpha] = shapes as [readonly number[]]
      if (alpha.filter((size) => size > 1).length > 1) {
        return `PyTorch has one slope for each channel or one for all; share [${alpha.join(', ')}] along the other dimensions by sharedAxes`
      }
      return [as('weight', [countOf({ sizes: alpha })])]
    }
    case 'LayerNormalization': {
      const names = [...(config.scale === true ? ['weight'] : []), ...(config.center === true ? ['bias'] : [])]
      return names.map((name, index) => as(name, shapes[index] as readonly number[]))
    }
    case 'BatchNormalization': {
      const learned = [...(config.scale === true ? ['weight'] : []), ...(config.center === true ? ['bias'] : [])]
      const names = [...learned, 'running_mean', 'running_var']
      return names.map((name, index) => as(name, shapes[index] as readonly number[]))
    }
    case 'MultiHeadAttention': {
      const part = attention(shapes)
      return typeof part === 'string' ? part : [part]
    }
    default:
      return noModule
  }
}

const noModule = 'there is no module that is mapped to it'

/** Where each of our gates stands among PyTorch's. */
const gates: Readonly<Record<string, readonly number[]>> = { SimpleRNN: [0], LSTM: [0, 1, 2, 3], GRU: [1, 0, 2] }

const direction = (layer: AnyLayer, shapes: Shapes, suffix: string) =>
  layer.className === 'RNN'
    ? traced(layer.config(), shapes, suffix)
    : recurrent(layer.className, layer.config(), shapes, suffix)

function recurrent(
  kind: string,
  config: Readonly<Record<string, unknown>>,
  shapes: Shapes,
  suffix: string,
): readonly Part[] | string {
  const order = gates[kind]
  if (!order) return noModule
  const relu = kind === 'SimpleRNN' && config.activation === 'relu'
  if (config.activation !== 'tanh' && !relu)
    return `PyTorch has no such module with the activation ${config.activation}`
  if (config.recurrentActivation !== undefined && config.recurrentActivation !== 'sigmoid') {
    return `PyTorch has no such module with the recurrentActivation ${config.recurrentActivation}`
  }
  if (config.zoneout !== undefined) return 'PyTorch has no zoneout'
  if (config.resetAfter === false) return 'in PyTorch the reset gate acts after the product (resetAfter: true)'
  const [kernel, recurrentKernel, bias] = shapes as [
    readonly number[],
    readonly number[],
    readonly number[] | undefined,
  ]
  return [
    matrix(`weight_ih${suffix}`, kernel, order),
    matrix(`weight_hh${suffix}`, recurrentKernel, order),
    ...biases(bias, order, suffix),
  ]
}

function biases(shape: readonly number[] | undefined, order: readonly number[], suffix: string): readonly Part[] {
  if (!shape) return []
  const names = [`bias_ih${suffix}`, `bias_hh${suffix}`] as const
  return [shape.length === 2 ? both(names, shape, order) : sum(names, shape, order)]
}

/** The ready-made cells that PyTorch has as modules, with what they are there. */
const cells = { simpleRNN: 'SimpleRNN', lstm: 'LSTM', gru: 'GRU' } as const

/** A layer that runs a cell: one whose step is that of a ready-made cell with PyTorch's activations. */
function traced(config: Readonly<Record<string, unknown>>, shapes: Shapes, suffix: string): readonly Part[] | string {
  if (!isRecord(config.cell)) return noModule
  const saved = cellFromConfig(config.cell).config()
  const useBias = shapes.length > (saved.name === 'projectedLSTM' ? 3 : 2)
  const units = (shapes[0]?.[1] ?? 0) / (gates[cells[saved.name as keyof typeof cells] ?? 'LSTM']?.length ?? 1)
  if (!Number.isInteger(units) || units === 0) return noModule
  const projection = saved.name === 'projectedLSTM' ? (shapes[2]?.[1] ?? 0) : 0
  if (projection > 0) {
    if (!isSameStep(saved, projectedLSTM({ units, projection, useBias }).config())) return otherCell(saved)
    const order = gates.LSTM as readonly number[]
    const [kernel, recurrentKernel, projected, bias] = shapes as [
      ...(readonly [readonly number[], readonly number[], readonly number[]]),
      readonly number[] | undefined,
    ]
    return [
      matrix(`weight_ih${suffix}`, kernel, order),
      matrix(`weight_hh${suffix}`, recurrentKernel, order),
      matrix(`weight_hr${suffix}`, projected, [0]),
      ...biases(bias, order, suffix),
    ]
  }
  const made = {
    simpleRNN: ['tanh', 'relu'].map((activation) => simpleRNN({ units, useBias, activation: activation as 'tanh' })),
    lstm: [lstm({ units, useBias })],
    gru: [gru({ units, useBias })],
  }
  const kind = Object.hasOwn(cells, saved.name) ? (saved.name as keyof typeof cells) : undefined
  if (!kind || !made[kind].some((cell) => isSameStep(saved, cell.config()))) return otherCell(saved)
  return recurrent(cells[kind], { activation: 'tanh' }, shapes, suffix)
}

const otherCell = ({ name }: SavedCell) => `PyTorch has no module whose step is that of the cell '${name}'`

/** Whether cells have the same states and operations, whatever their initial weights are. */
const isSameStep = (a: SavedCell, b: SavedCell): boolean => {
  const [one, other] = [a, b].map(({ program, ...names }) => {
    const weights = program.weights.map(({ initializer, ...rest }) => rest)
    return JSON.stringify({ ...names, program: { ...program, weights } })
  })
  return one === other
}

/** PyTorch's attention: kernels of query, key and value in one where all three have the same size. */
function attention(shapes: Shapes): Part | string {
  const useBias = shapes.length === 8
  const step = useBias ? 2 : 1
  const [query, key, value, output] = [0, 1, 2, 3].map((index) => shapes[index * step]) as [
    ...[readonly number[], readonly number[], readonly number[], readonly number[]],
  ]
  const size = output[1] as number
  if ([query, key, value].some((shape) => shape[1] !== size)) {
    return 'in PyTorch the heads have together the size of the query: numHeads · keyDim, and numHeads · valueDim'
  }
  const isJoined = [query, key, value].every((shape) => shape[0] === size)
  const names = ['q', 'k', 'v'].map((letter) => `${letter}_proj_weight`)
  const kernels = [query, key, value].map((shape, index) => matrix(names[index] as string, shape, [0]))
  const out = matrix('out_proj.weight', output, [0])
  const moved = (part: Part, weight: number, own: Partial<ParameterMove> = {}) =>
    part.moves.map((move) => ({ ...move, weight, ...own }))
  const joined = (index: number) => (isJoined ? { parameter: 'in_proj_weight', from: index * size * size } : {})
  return {
    count: shapes.length,
    shapes: {
      ...(isJoined ? { in_proj_weight: [3 * size, size] } : Object.assign({}, ...kernels.map((part) => part.shapes))),
      ...(useBias && { in_proj_bias: [3 * size], 'out_proj.bias': [size] }),
      ...out.shapes,
    },
    moves: [
      ...kernels.flatMap((kernel, index) => [
        ...moved(kernel, index * step, joined(index)),
        ...(useBias ? moved(as('in_proj_bias', [size]), index * step + 1, { from: index * size }) : []),
      ]),
      ...moved(out, 3 * step),
      ...(useBias ? moved(as('out_proj.bias', [size]), 3 * step + 1) : []),
    ],
  }
}

/** A weight that is the same there. */
function as(name: string, shape: readonly number[]): Part {
  return {
    count: 1,
    shapes: { [name]: shape },
    moves: [{ ...inOrder(countOf({ sizes: shape })), parameter: name, weight: 0 }],
  }
}

/** The kernel of a convolution: channels first there, and windows last. */
function kernelOf(className: string, ours: readonly number[]): Part {
  const [a, b] = ours.slice(-2) as [number, number]
  const window = ours.slice(0, -2)
  // Of each element of a window to the next.
  const steps = window.map((_, axis) => window.slice(axis + 1).reduce((product, size) => product * size, a * b))
  // Each channel by itself: all of them are outputs there.
  const isDepthwise = /^DepthwiseConv[12]D$/.test(className)
  const channels = isDepthwise ? [a * b, 1] : [b, a]
  const sizes = [...channels, ...window]
  const move = { parameter: 'weight', weight: 0, from: 0, to: 0, sizes, strides: [1, isDepthwise ? 1 : b, ...steps] }
  return { count: 1, shapes: { weight: sizes }, moves: [move] }
}

/** A weight of ours `[inputs, gates · units]` that is `[gates · units, inputs]` there, gates in another order. */
function matrix(name: string, [inputs, outputs]: readonly number[], order: readonly number[]): Part {
  const [columns, rows] = [inputs as number, outputs as number]
  const moves = runs(rows, order).map(
    ({ ours, theirs, length }): ParameterMove => ({
      ...{ parameter: name, weight: 0, from: theirs * columns, to: ours },
      ...{ sizes: [length, columns], strides: [1, rows] },
    }),
  )
  return { count: 1, shapes: { [name]: [rows, columns] }, moves }
}

/** The kernel of a dense layer that reads `[…places, channels]` flattened; its columns are `[channels, …places]` there. */
function channelsFirst([inputs, outputs]: readonly number[], flattened: readonly number[]): Part {
  const [columns, rows] = [inputs as number, outputs as number]
  const [places, channels] = [flattened.slice(0, -1), flattened.at(-1) as number]
  const steps = places.map((_, axis) =>
    places.slice(axis + 1).reduce((product, size) => product * size, channels * rows),
  )
  const move = { parameter: 'weight', weight: 0, from: 0, to: 0 }
  return {
    count: 1,
    shapes: { weight: [rows, columns] },
    moves: [{ ...move, sizes: [rows, channels, ...places], strides: [1, rows, ...steps] }],
  }
}

/** A bias of which the places `at` on are those of a parameter. */
function biasMoves(name: string, length: number, order: readonly number[], at = 0): ParameterMove[] {
  return runs(length, order).map((run) => ({
    ...{ parameter: name, weight: 0, from: run.theirs, to: at + run.ours },
    ...{ sizes: [run.length], strides: [1] },
  }))
}

/** Two biases of which we have the sum. What goes out has all of it in the first one. */
function sum(names: readonly [string, string], [size]: readonly number[], order: readonly number[]): Part {
  const length = size as number
  const [moves, second] = names.map((name) => biasMoves(name, length, order)) as [ParameterMove[], ParameterMove[]]
  return { count: 1, shapes: { [names[0]]: [length], [names[1]]: [length] }, moves, second }
}

/** Two biases that we have as well, `[2, gates · units]`. */
function both(names: readonly [string, string], [, length]: readonly number[], order: readonly number[]): Part {
  const size = length as number
  const moves = names.flatMap((name, index) => biasMoves(name, size, order, index * size))
  return { count: 1, shapes: { [names[0]]: [size], [names[1]]: [size] }, moves }
}

/** Rows of gates that lie together on both sides: where they begin in ours and in PyTorch's, and how many they are. */
function runs(rows: number, order: readonly number[]): { ours: number; theirs: number; length: number }[] {
  const units = rows / order.length
  if (order.every((gate, at) => gate === at)) return [{ ours: 0, theirs: 0, length: rows }]
  return order.map((gate, at) => ({ ours: at * units, theirs: gate * units, length: units }))
}
