import { convertOne, runSync, type Slot } from '../data/index.js'
import { type Data, Tensor } from '../data/tensor.js'
import { callNative, describe, SeqloomError } from '../errors.js'
import type { GraphSpec, WireWeight } from '../graph/wire.js'
import type { NativeModel } from '../native/index.js'

/** A graph whose weights are zeros at first: for values that are known, drawing others would be wasted work. */
export function undrawn(graph: GraphSpec): GraphSpec {
  return { ...graph, weights: graph.weights.map((weight) => ({ ...weight, initializer: { kind: 'zeros' } })) }
}

/** Copies of the weights, in order, or of some of them. */
export function readWeights(
  native: NativeModel,
  weights: readonly WireWeight[],
  indices: readonly number[] = [...weights.keys()],
): Tensor[] {
  return indices.map((index) => {
    const shape = weights[index]?.shape ?? []
    const data = callNative(() => native.getWeight(index))
    return new Tensor(data, [...shape])
  })
}

/** Replaces the weights, or some of them, or, when one does not fit, none: `ERR_SHAPE` or `ERR_DATA`, naming the weight. */
export function writeWeights(
  native: NativeModel,
  weights: readonly WireWeight[],
  given: readonly Data[],
  indices: readonly number[] = [...weights.keys()],
): void {
  if (!Array.isArray(given)) {
    throw new SeqloomError(
      'ERR_DATA',
      `setWeights: expected an array of ${indices.length} tensors, got ${describe(given)}`,
    )
  }
  if (given.length !== indices.length) {
    const names = indices.map((index) => weights[index]?.name).join(', ')
    throw new SeqloomError(
      'ERR_SHAPE',
      `setWeights: expected ${indices.length} weights${names && ` (${names})`}, got ${given.length}`,
    )
  }
  const converted = new Map(indices.map((index, at) => [index, weightValues(weights[index] as WireWeight, given[at])]))
  callNative(() => native.setWeights(weights.map((_, index) => converted.get(index) ?? native.getWeight(index))))
}

/** The values of a weight as the native side takes them; `ERR_SHAPE` or `ERR_DATA`, naming the weight. */
export function weightValues({ name, shape }: WireWeight, given: unknown): Float32Array {
  const slot: Slot = { where: `weight '${name}'`, name, dtype: 'float32', shape, looseLast: false }
  const converted = runSync(convertOne(slot, given))
  if (converted.shape[0] !== shape[0]) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `${slot.where}: expected the shape ${describe(shape)}, got ${describe(converted.shape)}`,
    )
  }
  return converted.data as Float32Array
}

/** The number of values in weights. */
export function countValues(weights: readonly WireWeight[]): number {
  return weights.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0)
}
