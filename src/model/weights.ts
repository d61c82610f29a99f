import { convertOne, runSliced, runSync, type Slot, stage } from '../data/index.js'
import { type Data, Tensor, type TensorLike } from '../data/tensor.js'
import { callNative, describe, reading, SeqloomError } from '../errors.js'
import type { GraphSpec, WireWeight } from '../graph/wire.js'
import type { NativeModel, StagedArray } from '../native/index.js'
import type { Engine } from './engine.js'
import type { Histogram } from './histogram.js'

/** {@link Model.getWeights}, of all or of some. */
export function getWeights(engine: Engine, indices?: readonly number[]): Tensor[] {
  return engine.now('getWeights', 'callbacks', () => readWeights(engine.ready(), engine.specs, indices))
}

/** {@link Model.setWeights}, of all or of some. */
export function setWeights(engine: Engine, weights: readonly Data[], indices?: readonly number[]): void {
  engine.now('setWeights', 'callbacks', () => {
    const native = engine.ready()
    reading('ERR_DATA', 'setWeights', () => writeWeights(native, engine.specs, weights, indices))
    engine.tell(indices && engine.specs.map((_, index) => indices.includes(index)))
  })
}

/** Has `use` read weights one by one, each as a copy of its own, while nothing changes them. */
export async function readingWeights<T>(
  engine: Engine,
  use: (weight: (index: number) => Float32Array) => Promise<T>,
): Promise<T> {
  return await engine.queue('getWeights', 'callbacks', async () => {
    const native = engine.ready()
    return await use((index) => callNative(() => native.getWeight(index)))
  })
}

/** As {@link getWeights}, off this thread. */
export async function copyWeights(engine: Engine): Promise<TensorLike[]> {
  return await engine.queue('getWeights', 'callbacks', async () => {
    const copies = await engine.cancellable(undefined, () => engine.ready().copyWeights())
    return engine.specs.map(({ shape }, index) => ({ data: copies[index] as Float32Array, shape: [...shape] }))
  })
}

/** {@link Model.histograms} */
export async function histograms(engine: Engine, of: 'weights' | 'gradients', most: number): Promise<Histogram[]> {
  return await engine.queue('histograms', 'callbacks', () =>
    engine.cancellable(undefined, () => engine.ready().histograms(of === 'gradients', most)),
  )
}

/** As {@link setWeights} for what {@link copyWeights} gave, without holding this thread. */
export async function putWeights(engine: Engine, weights: readonly TensorLike[]): Promise<void> {
  await engine.queue('setWeights', 'callbacks', async () => {
    const staged: (Float32Array | StagedArray)[] = []
    for (const weight of weights) {
      const { data, shape } = weight as { data: Float32Array; shape: number[] }
      staged.push((await runSliced(stage({ data, shape }))).data as Float32Array | StagedArray)
    }
    await engine.cancellable(undefined, () => engine.ready().putWeights(staged))
    engine.tell()
  })
}

/** A graph whose weights start as zeros: drawing others would be wasted work if the values are known. */
export function undrawn(graph: GraphSpec): GraphSpec {
  return { ...graph, weights: graph.weights.map((weight) => ({ ...weight, initializer: { kind: 'zeros' } })) }
}

/** Copies of the weights, in order, or of some of them. */
function readWeights(
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

/**
 * Replaces the weights, or some of them, or, when one does not fit, none: `ERR_SHAPE` or `ERR_DATA`, naming the weight.
 */
function writeWeights(
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
