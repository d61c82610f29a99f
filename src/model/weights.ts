import { convertOne, runSync, type Slot } from '../data/index.js'
import type { Data, Tensor } from '../data/tensor.js'
import { callNative, describe, SeqloomError } from '../errors.js'
import type { GraphSpec, WireWeight } from '../graph/wire.js'
import type { NativeModel } from '../native/index.js'

/** A graph whose weights are zeros at first: for values that are known, drawing others would be wasted work. */
export function undrawn(graph: GraphSpec): GraphSpec {
  return { ...graph, weights: graph.weights.map((weight) => ({ ...weight, initializer: { kind: 'zeros' } })) }
}

/** Copies of all weights, in order. */
export function readWeights(native: NativeModel, weights: readonly WireWeight[]): Tensor[] {
  return weights.map(({ shape }, index) => ({
    data: callNative(() => native.getWeight(index)),
    shape: [...shape],
  }))
}

/** Replaces all weights or, when one does not fit, none: `ERR_SHAPE` or `ERR_DATA`, naming the weight. */
export function writeWeights(native: NativeModel, weights: readonly WireWeight[], given: readonly Data[]): void {
  if (!Array.isArray(given)) {
    throw new SeqloomError(
      'ERR_DATA',
      `setWeights: expected an array of ${weights.length} tensors, got ${describe(given)}`,
    )
  }
  if (given.length !== weights.length) {
    const names = weights.map(({ name }) => name).join(', ')
    throw new SeqloomError(
      'ERR_SHAPE',
      `setWeights: expected ${weights.length} weights (${names}), got ${given.length}`,
    )
  }
  const values = weights.map(({ name, shape }, index) => {
    const slot: Slot = { where: `weight '${name}'`, name, dtype: 'float32', shape, looseLast: false }
    const converted = runSync(convertOne(slot, given[index]))
    if (converted.shape[0] !== shape[0]) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `${slot.where}: expected the shape ${describe(shape)}, got ${describe(converted.shape)}`,
      )
    }
    return converted.data as Float32Array
  })
  callNative(() => native.setWeights(values))
}

/** The number of values in weights. */
export function countValues(weights: readonly WireWeight[]): number {
  return weights.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0)
}
