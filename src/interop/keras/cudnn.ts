import type { SavedWeight } from './weights.js'

// The layers of Keras 2 that run on NVIDIA's library alone, `CuDNNLSTM` and `CuDNNGRU`, keep the kernels of their gates transposed and two biases one after the
// other. Keras also loads such weights into an `LSTM` or a `GRU`, so it is their shapes that tell.

/** The weights of a layer, whose own shapes are given, with those of CuDNN laid out as those of the other layers. */
export function fromCuDNN(
  shapes: readonly (readonly number[])[],
  saved: readonly SavedWeight[],
): readonly SavedWeight[] {
  if (shapes.length !== saved.length) return saved
  const all = [...saved]
  for (let at = 2; at < all.length; at++) {
    const [kernel, recurrent, bias] = all.slice(at - 2, at + 1) as [SavedWeight, SavedWeight, SavedWeight]
    const gates = gatesOf(shapes[at] as readonly number[], shapes[at - 1]?.[0], bias.shape)
    if (gates === undefined) continue
    all[at - 2] = changed(kernel, kernel.shape, (values) => turned(values, kernel.shape, gates, true))
    all[at - 1] = changed(recurrent, recurrent.shape, (values) => turned(values, recurrent.shape, gates, false))
    const isOne = gates === 4
    all[at] = changed(bias, shapes[at] as readonly number[], (values) => (isOne ? halvesAdded(values) : values))
  }
  return all
}

/** The number of gates, if a bias is one of CuDNN. */
function gatesOf(shape: readonly number[], units: number | undefined, bias: readonly number[]): 3 | 4 | undefined {
  if (units === undefined || bias.length !== 1) return undefined
  if (shape.join() === `${4 * units}` && bias[0] === 8 * units) return 4
  return shape.join() === `2,${3 * units}` && bias[0] === 6 * units ? 3 : undefined
}

const changed = (
  { floats }: SavedWeight,
  shape: readonly number[],
  change: (values: Float32Array) => Float32Array,
): SavedWeight => ({ shape, floats: async () => change(await floats()) })

/** A kernel whose gates are transposed; one of inputs has the shape of ours all the same. */
function turned(
  values: Float32Array,
  [rows = 0, columns = 0]: readonly number[],
  gates: number,
  isOfInputs: boolean,
): Float32Array {
  const width = columns / gates
  const into = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const gate = Math.floor(column / width)
      const unit = column % width
      const element = isOfInputs ? unit * rows + row : unit * width + row
      const from = Math.floor(element / width) * columns + gate * width + (element % width)
      into[row * columns + column] = values[from] as number
    }
  }
  return into
}

function halvesAdded(values: Float32Array): Float32Array {
  const half = values.length / 2
  return values.subarray(0, half).map((value, at) => value + (values[half + at] as number))
}
