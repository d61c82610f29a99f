import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { placesOf, type Windows, windowSettings } from '../graph/trace/windows.js'
import type { Initializer } from '../initializers/initializer.js'
import type { CellActivation } from '../layers/activations.js'
import type { Cell } from './cell.js'
import { defineCell } from './defineCell.js'

/** What the cell of a convolutional LSTM is made of. */
export interface ConvLSTMCell {
  readonly filters: number
  /** How the input is cut, along each axis in front of its channels. */
  readonly windows: readonly Windows[]
  /** The sizes of one step's input: axes, then channels. */
  readonly shape: readonly number[]
  readonly activation: CellActivation
  readonly recurrentActivation: CellActivation
  readonly useBias: boolean
  readonly kernelInitializer: Initializer
  readonly recurrentInitializer: Initializer
  readonly biasInitializer: Initializer
  readonly dropout: number
  readonly recurrentDropout: number
  readonly seed: number | undefined
}

/**
 * An LSTM whose products are convolutions over one axis or two of a step's input and of its states. Source: Shi et al.,
 * arXiv 1506.04214, without peepholes, as in Keras.
 */
export function convLSTM(options: ConvLSTMCell): Cell {
  const { filters, windows, shape, activation, recurrentActivation, useBias } = options
  const sizes = windows.map(({ size }) => size)
  const channels = shape.at(-1) as number
  const places = windows.map((window, axis) => placesOf(shape[axis] as number, windowSettings(0, window)) as number)
  const state = [...places, filters]
  const ofState = sizes.map((size): Windows => ({ size, padding: 'same' }))
  const seeded = options.seed === undefined ? {} : { seed: options.seed }
  return defineCell({
    name: 'convLSTM',
    inputs: { x: shape },
    states: { h: state, c: state },
    weights: {
      kernel: { shape: [...sizes, channels, 4 * filters], initializer: options.kernelInitializer },
      recurrent_kernel: { shape: [...sizes, filters, 4 * filters], initializer: options.recurrentInitializer },
      ...(useBias && { bias: { shape: [4 * filters], initializer: options.biasInitializer } }),
    },
    step({ x, h, c }, w) {
      const ofInput = convolved(x.dropout(options.dropout, seeded), w.kernel, windows)
      const sum = ofInput.add(convolved(h.dropout(options.recurrentDropout, seeded), w.recurrent_kernel, ofState))
      const [i, f, g, o] = (useBias && w.bias ? sum.add(w.bias) : sum).split(4)
      const added = i.activation(recurrentActivation).mul(g.activation(activation))
      const newC = f.activation(recurrentActivation).mul(c).add(added)
      return { h: o.activation(recurrentActivation).mul(newC.activation(activation)), c: newC }
    },
  })
}

/** A value `[batch, …axes, channels]` convolved with a kernel `[…window, channels, filters]`. */
function convolved(x: SymbolicValue, kernel: SymbolicValue, windows: readonly Windows[]): SymbolicValue {
  const cut = windows.reduce(
    (value, { size, ...window }, at) => value.windows(size, { ...window, axis: 1 + 2 * at }),
    x,
  )
  const at = windows.map((_, axis) => 1 + 2 * axis)
  // The elements of a window come first, so that each of them has its own matrix.
  const inFront = cut.transpose([0, ...at.map((axis) => axis + 1), ...at, 1 + 2 * at.length])
  const window = windows.map(({ size }) => size)
  const places = inFront.shape.slice(1 + at.length, -1) as number[]
  const count = places.reduce((product, size) => product * size, 1)
  const rows = at.length === 1 ? inFront : inFront.reshape([...window, count, x.shape.at(-1) as number])
  const sum = rows.matmul(kernel).sum({ axis: window.map((_, axis) => 1 + axis) })
  return at.length === 1 ? sum : sum.reshape([...places, kernel.shape.at(-1) as number])
}
