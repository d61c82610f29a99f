import { type Tensor, tensor } from '../../dist/index.js'

/** A tensor of a sine's values. */
export function waves(shape: readonly number[], seed = 1): Tensor {
  const size = shape.reduce((product, each) => product * each, 1)
  return tensor(
    Float32Array.from({ length: size }, (_, at) => Math.sin(seed + at * 1.7)),
    shape,
  )
}
