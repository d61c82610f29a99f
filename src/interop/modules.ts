import { cellFromConfig, type SavedCell } from '../cells/cell.js'
import { gru, lstm, projectedLSTM, simpleRNN } from '../cells/index.js'
import type { Sliced } from '../data/index.js'
import type { AnyLayer } from '../layers/layer.js'
import { isRecord } from '../options.js'

// How PyTorch's modules hold what our layers hold. Its weights are [outputs, inputs], ours [inputs, outputs]; gates are stacked i, f, g, o (LSTM, the order of
// ours) and r, z, n (GRU; ours is z, r, n); every recurrent module has two biases, which are added up where ours is one.

/** Elements by the name of a parameter; recurrent ones without their `_l0`. */
export type Parameters = Readonly<Record<string, Float32Array>>

/** Weights of ours that follow each other, usually one, and PyTorch's parameters that make them up. */
export interface Part {
  /** How many weights of ours they are. */
  readonly count: number
  /** The shapes of the parameters. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  toOurs(given: Parameters): Sliced<readonly Float32Array[]>
  toTheirs(weights: readonly Float32Array[]): Sliced<Parameters>
}

/** A part that is one weight of ours. */
function single({
  shapes,
  toOurs,
  toTheirs,
}: {
  readonly shapes: Part['shapes']
  toOurs(given: Parameters): Sliced<Float32Array>
  toTheirs(weight: Float32Array): Sliced<Parameters>
}): Part {
  return {
    count: 1,
    shapes,
    *toOurs(given) {
      return [yield* toOurs(given)]
    },
    *toTheirs([weight]) {
      return yield* toTheirs(weight as Float32Array)
    },
  }
}

/** The shapes of a layer's weights, in order. */
type Shapes = readonly (readonly number[])[]

/** What one of our layers is in PyTorch: a part for each weight; or why there is no such module. */
export function partsOf(layer: AnyLayer, shapes: Shapes): readonly Part[] | string {
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
        matrix('weight', shapes[0] as readonly number[], [0]),
        ...shapes.slice(1).map((shape) => as('bias', shape)),
      ]
    case 'Embedding':
    case 'RMSNormalization':
      return [as('weight', shapes[0] as readonly number[])]
    case 'LayerNormalization': {
      const names = [...(config.scale === true ? ['weight'] : []), ...(config.center === true ? ['bias'] : [])]
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
  return {
    count: shapes.length,
    shapes: {
      ...(isJoined ? { in_proj_weight: [3 * size, size] } : Object.assign({}, ...kernels.map((part) => part.shapes))),
      ...(useBias && { in_proj_bias: [3 * size], 'out_proj.bias': [size] }),
      ...out.shapes,
    },
    *toOurs(given) {
      const ours: Float32Array[] = []
      for (const [index, kernel] of kernels.entries()) {
        const third = (name: string, length: number) =>
          (given[name] as Float32Array).subarray(index * length, (index + 1) * length)
        const theirs = isJoined ? { [names[index] as string]: third('in_proj_weight', size * size) } : given
        ours.push(...(yield* kernel.toOurs(theirs)))
        if (useBias) ours.push(third('in_proj_bias', size).slice())
      }
      ours.push(...(yield* out.toOurs(given)))
      if (useBias) ours.push(given['out_proj.bias'] as Float32Array)
      return ours
    },
    *toTheirs(weights) {
      const theirs: Record<string, Float32Array> = {}
      const [joined, bias] = [new Float32Array(isJoined ? 3 * size * size : 0), new Float32Array(3 * size)]
      for (const [index, kernel] of kernels.entries()) {
        const found = yield* kernel.toTheirs([weights[index * step] as Float32Array])
        if (isJoined) joined.set(found[names[index] as string] as Float32Array, index * size * size)
        else Object.assign(theirs, found)
        if (useBias) bias.set(weights[index * step + 1] as Float32Array, index * size)
      }
      if (isJoined) theirs.in_proj_weight = joined
      Object.assign(theirs, yield* out.toTheirs([weights[3 * step] as Float32Array]))
      if (useBias) Object.assign(theirs, { in_proj_bias: bias, 'out_proj.bias': weights[7] })
      return theirs
    },
  }
}

/** A weight that is the same there. */
function as(name: string, shape: readonly number[]): Part {
  return single({
    shapes: { [name]: shape },
    *toOurs(given) {
      yield
      return given[name] as Float32Array
    },
    *toTheirs(weight) {
      yield
      return { [name]: weight }
    },
  })
}

/** A weight of ours `[inputs, gates · units]` that is `[gates · units, inputs]` there, gates in another order. */
function matrix(name: string, [inputs, outputs]: readonly number[], order: readonly number[]): Part {
  const [columns, rows] = [inputs as number, outputs as number]
  const permuted = rowsOf(rows, order)
  return single({
    shapes: { [name]: [rows, columns] },
    *toOurs(given) {
      const theirs = given[name] as Float32Array
      const ours = new Float32Array(theirs.length)
      for (const [row, there] of permuted.entries()) {
        for (let column = 0; column < columns; column++) {
          ours[column * rows + row] = theirs[there * columns + column] as number
        }
        yield
      }
      return ours
    },
    *toTheirs(ours) {
      const theirs = new Float32Array(ours.length)
      for (const [row, there] of permuted.entries()) {
        for (let column = 0; column < columns; column++) {
          theirs[there * columns + column] = ours[column * rows + row] as number
        }
        yield
      }
      return { [name]: theirs }
    },
  })
}

/** Two biases of which we have the sum. What goes out has all of it in the first one. */
function sum(names: readonly [string, string], [length]: readonly number[], order: readonly number[]): Part {
  const permuted = rowsOf(length as number, order)
  return single({
    shapes: { [names[0]]: [length as number], [names[1]]: [length as number] },
    *toOurs(given) {
      const [a, b] = names.map((name) => given[name]) as [Float32Array, Float32Array]
      yield
      return Float32Array.from(permuted, (there) => (a[there] as number) + (b[there] as number))
    },
    *toTheirs(ours) {
      const first = new Float32Array(ours.length)
      for (const [row, there] of permuted.entries()) first[there] = ours[row] as number
      yield
      return { [names[0]]: first, [names[1]]: new Float32Array(ours.length) }
    },
  })
}

/** Two biases that we have as well, `[2, gates · units]`. */
function both(names: readonly [string, string], [, length]: readonly number[], order: readonly number[]): Part {
  const size = length as number
  const permuted = rowsOf(size, order)
  return single({
    shapes: { [names[0]]: [size], [names[1]]: [size] },
    *toOurs(given) {
      const ours = new Float32Array(2 * size)
      for (const [index, name] of names.entries()) {
        const theirs = given[name] as Float32Array
        for (const [row, there] of permuted.entries()) ours[index * size + row] = theirs[there] as number
        yield
      }
      return ours
    },
    *toTheirs(ours) {
      const theirs: Record<string, Float32Array> = {}
      for (const [index, name] of names.entries()) {
        const bias = new Float32Array(size)
        for (const [row, there] of permuted.entries()) bias[there] = ours[index * size + row] as number
        theirs[name] = bias
        yield
      }
      return theirs
    },
  })
}

/** Which of PyTorch's rows each of ours is. */
function rowsOf(rows: number, order: readonly number[]): number[] {
  const units = rows / order.length
  return Array.from({ length: rows }, (_, row) => (order[Math.floor(row / units)] as number) * units + (row % units))
}
