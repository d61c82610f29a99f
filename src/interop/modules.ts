import type { Sliced } from '../data/index.js'
import type { AnyLayer } from '../layers/layer.js'

// How PyTorch's modules hold what our layers hold. Its weights are [outputs, inputs], ours [inputs, outputs]; gates are stacked i, f, g, o (LSTM, the order of
// ours) and r, z, n (GRU; ours is z, r, n); every recurrent module has two biases, which are added up where ours is one.

/** Elements by the name of a parameter; recurrent ones without their `_l0`. */
export type Parameters = Readonly<Record<string, Float32Array>>

/** One weight of ours, and PyTorch's parameters that make it up. */
export interface Part {
  /** The shapes of the parameters. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  toOurs(given: Parameters): Sliced<Float32Array>
  toTheirs(weight: Float32Array): Sliced<Parameters>
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
      return recurrent(layer, shapes, '')
    case 'Bidirectional': {
      const [forward, backward] = layer.innerLayers() as [AnyLayer, AnyLayer]
      const count = (forward.config().useBias === true ? 1 : 0) + 2
      const ahead = recurrent(forward, shapes.slice(0, count), '')
      const back = recurrent(backward, shapes.slice(count), '_reverse')
      if (typeof ahead === 'string' || typeof back === 'string') return typeof ahead === 'string' ? ahead : back
      return [...ahead, ...back]
    }
    case 'TimeDistributed':
      return partsOf(layer.innerLayers()[0] as AnyLayer, shapes)
    case 'Dense':
      if (config.tiedTo !== undefined) return 'its kernel is tied to another layer, which is not mapped yet'
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
    default:
      return 'there is no module that is mapped to it'
  }
}

/** Where each of our gates stands among PyTorch's. */
const gates: Readonly<Record<string, readonly number[]>> = { SimpleRNN: [0], LSTM: [0, 1, 2, 3], GRU: [1, 0, 2] }

function recurrent(layer: AnyLayer, shapes: Shapes, suffix: string): readonly Part[] | string {
  const config = layer.config()
  const order = gates[layer.className]
  if (!order) return 'there is no module that is mapped to it'
  const relu = layer.className === 'SimpleRNN' && config.activation === 'relu'
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
  const name = (parameter: string) => parameter + suffix
  const biases = [name('bias_ih'), name('bias_hh')] as const
  return [
    matrix(name('weight_ih'), kernel, order),
    matrix(name('weight_hh'), recurrentKernel, order),
    ...(bias ? [bias.length === 2 ? both(biases, bias, order) : sum(biases, bias, order)] : []),
  ]
}

/** A weight that is the same there. */
function as(name: string, shape: readonly number[]): Part {
  return {
    shapes: { [name]: shape },
    *toOurs(given) {
      yield
      return given[name] as Float32Array
    },
    *toTheirs(weight) {
      yield
      return { [name]: weight }
    },
  }
}

/** A weight of ours `[inputs, gates · units]` that is `[gates · units, inputs]` there, gates in another order. */
function matrix(name: string, [inputs, outputs]: readonly number[], order: readonly number[]): Part {
  const [columns, rows] = [inputs as number, outputs as number]
  const permuted = rowsOf(rows, order)
  return {
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
  }
}

/** Two biases of which we have the sum. What goes out has all of it in the first one. */
function sum(names: readonly [string, string], [length]: readonly number[], order: readonly number[]): Part {
  const permuted = rowsOf(length as number, order)
  return {
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
  }
}

/** Two biases that we have as well, `[2, gates · units]`. */
function both(names: readonly [string, string], [, length]: readonly number[], order: readonly number[]): Part {
  const size = length as number
  const permuted = rowsOf(size, order)
  return {
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
  }
}

/** Which of PyTorch's rows each of ours is. */
function rowsOf(rows: number, order: readonly number[]): number[] {
  const units = rows / order.length
  return Array.from({ length: rows }, (_, row) => (order[Math.floor(row / units)] as number) * units + (row % units))
}
