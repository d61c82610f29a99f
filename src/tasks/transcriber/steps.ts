import { allocated } from '../../data/allocated.js'
import type { Sliced } from '../../data/slices.js'
import type { TensorLike } from '../../data/tensor.js'

/** What features become: the difference from their mean, times a scale. */
export interface Scaling {
  readonly mean: readonly number[]
  readonly scale: readonly number[]
}

/** Features with a mean of 0 and a deviation of 1 over all frames; those that are always the same become 0. */
export function* scalingOf(rows: readonly Float32Array[], features: number): Sliced<Scaling> {
  const [sums, squares] = [new Float64Array(features), new Float64Array(features)]
  let count = 0
  for (const row of rows) {
    count += row.length / features
    for (const [at, x] of row.entries()) sums[at % features] = (sums[at % features] as number) + x
    yield
  }
  const mean = Array.from(sums, (sum) => sum / count)
  for (const row of rows) {
    for (const [at, x] of row.entries()) {
      const feature = at % features
      squares[feature] = (squares[feature] as number) + (x - (mean[feature] as number)) ** 2
    }
    yield
  }
  const scale = Array.from(squares, (square) => (square > 0 ? 1 / Math.sqrt(square / count) : 0))
  return { mean, scale }
}

/** The number of steps that frames make. */
export const stepCount = (frames: Float32Array, features: number, stack: number): number =>
  Math.ceil(frames.length / features / stack)

/** Frames as the model takes them, some together at each step. */
export function* stepsOf(
  where: string,
  rows: readonly Float32Array[],
  { mean, scale }: Scaling,
  stack: number,
): Sliced<TensorLike> {
  const features = mean.length
  const lengths = Uint32Array.from(rows, (row) => stepCount(row, features, stack))
  const time = lengths.reduce((most, length) => Math.max(most, length), 0)
  const width = features * stack
  const data = allocated(where, Float32Array, rows.length * time * width)
  for (const [index, row] of rows.entries()) {
    scaled(row, { mean, scale }, data, index * time * width)
    yield
  }
  return { data, shape: [rows.length, time, width], lengths }
}

/** Writes scaled frames to `into`. */
export function scaled(frames: ArrayLike<number>, { mean, scale }: Scaling, into: Float32Array, offset = 0): void {
  const features = mean.length
  for (let at = 0; at < frames.length; at++) {
    const feature = at % features
    into[offset + at] = ((frames[at] as number) - (mean[feature] as number)) * (scale[feature] as number)
  }
}
