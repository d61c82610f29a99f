import type { Values } from './safetensors.js'

/** The kinds of fused cells, under the names that PyTorch and ONNX give them. */
export type CellName = 'RNN' | 'LSTM' | 'GRU'

/** Where each of our gates (LSTM i, f, c, o; GRU z, r, h) stands in the other side's order. */
export type GateOrder = readonly number[]

/** PyTorch stacks the gates as LSTM i, f, g, o and GRU r, z, n. */
export const torchGates: Record<CellName, GateOrder> = { RNN: [0], LSTM: [0, 1, 2, 3], GRU: [1, 0, 2] }

/** ONNX stacks the gates as LSTM i, o, f, c and GRU z, r, h. */
export const onnxGates: Record<CellName, GateOrder> = { RNN: [0], LSTM: [0, 2, 3, 1], GRU: [0, 1, 2] }

/** Turns weights of shape [gates·hidden, columns] in the other side's order into ours, [columns, gates·hidden]. */
export function kernelOf(weight: Values<Float32Array>, order: GateOrder): Values<Float32Array> {
  const [rows, columns] = weight.shape as [number, number]
  const hidden = rows / order.length
  const data = new Float32Array(rows * columns)
  order.forEach((theirs, ours) => {
    for (let unit = 0; unit < hidden; unit++)
      for (let column = 0; column < columns; column++)
        data[column * rows + ours * hidden + unit] = weight.data[(theirs * hidden + unit) * columns + column] as number
  })
  return { data, shape: [columns, rows] }
}

/** Turns a bias of shape [gates·hidden] in the other side's order into ours. */
export function biasOf(bias: Values<Float32Array>, order: GateOrder): Values<Float32Array> {
  const { data } = kernelOf({ data: bias.data, shape: [bias.data.length, 1] }, order)
  return { data, shape: [bias.data.length] }
}

/** The sum of two biases: simple RNN, LSTM and the reset-before GRU have one where PyTorch and ONNX have two. */
export function addBiases(a: Values<Float32Array>, b: Values<Float32Array>): Values<Float32Array> {
  return { data: a.data.map((value, i) => value + (b.data[i] as number)), shape: a.shape }
}

/** The two biases of the reset-after GRU as one array of shape [2, 3·hidden]: of the input, then of the state. */
export function stackBiases(input: Values<Float32Array>, recurrent: Values<Float32Array>): Values<Float32Array> {
  const data = new Float32Array(input.data.length * 2)
  data.set(input.data)
  data.set(recurrent.data, input.data.length)
  return { data, shape: [2, input.data.length] }
}

/** Entry `index` along the first axis. */
export function at(values: Values<Float32Array>, index: number): Values<Float32Array> {
  const shape = values.shape.slice(1)
  const size = shape.reduce((product, n) => product * n, 1)
  return { data: values.data.slice(index * size, (index + 1) * size), shape }
}
