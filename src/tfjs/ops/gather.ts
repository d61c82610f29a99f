// Elements by their places.
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { checkDimensions, fullStrides, parseAxis, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor, type Tensor1D } from '../tensor.js'
import type { DataType, DataValues, Rank, ShapeMap, TensorLike } from '../types.js'
import { matched } from './elementwise.js'
import { reshaped } from './layout.js'
import { op } from './op.js'
import type { Numbers } from './walk.js'

const product = (dims: readonly number[]) => sizeFromShape(dims)

/** Copies `n` elements; also of strings. */
function copy(from: DataValues, i: number, to: DataValues, o: number, n: number): void {
  for (let k = 0; k < n; k++) (to as Numbers)[o + k] = (from as Numbers)[i + k] as number
}

/**
 * The slices at int32 indices along an axis (0 by default), in the shape of the indices. The first `batchDims`
 * dimensions of both are walked together.
 */
export const gather: <T extends Tensor>(
  x: T | TensorLike,
  indices: Tensor | TensorLike,
  axis?: number,
  batchDims?: number,
) => T = op<typeof gather>('gather', (x, indices, axis = 0, batchDims = 0) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'gather')
  const $indices = convertToTensor<Tensor>(indices, 'indices', 'gather', 'int32')
  const at = parseAxis(axis, $x.shape)
  const batches = batchDims < 0 ? batchDims + $indices.rank : batchDims
  check(
    batches >= 0 && batches <= $indices.rank && batches <= at,
    'ERR_SHAPE',
    () => `batchDims (${batchDims}) must be less than or equal to axis (${at}) and to the rank of the indices.`,
  )
  for (let i = 0; i < batches; i++) {
    check(
      $x.shape[i] === $indices.shape[i],
      'ERR_SHAPE',
      () => `x.shape[${i}]: ${$x.shape[i]} should be equal to indices.shape[${i}]: ${$indices.shape[i]}.`,
    )
  }
  const dim = $x.shape[at] as number
  const places = $indices.values as Int32Array
  for (const place of places) {
    check(place >= 0 && place < dim, 'ERR_SHAPE', () => `GatherV2: the index value ${place} is not in [0, ${dim - 1}]`)
  }
  const inner = $x.shape.slice(at + 1)
  const shape = [...$x.shape.slice(0, at), ...$indices.shape.slice(batches), ...inner]
  const values = allocateValues('gather', $x.dtype, product(shape)) as DataValues
  const [batch, outer, width] = [
    product($x.shape.slice(0, batches)),
    product($x.shape.slice(batches, at)),
    product(inner),
  ]
  const count = batch === 0 ? 0 : $indices.size / batch
  let o = 0
  for (let b = 0; b < batch; b++) {
    for (let each = 0; each < outer; each++) {
      const from = (b * outer + each) * dim
      for (let i = 0; i < count; i++, o += width) {
        copy($x.values, (from + (places[b * count + i] as number)) * width, values, o, width)
      }
    }
  }
  return new Tensor(shape, $x.dtype, values)
})

/** Where slices lie that rows of indices name, in a tensor of a shape. */
function placesOf(where: string, indices: Tensor, depth: number, shape: readonly number[]) {
  const strides = fullStrides(shape)
  const width = product(shape.slice(depth))
  const values = indices.values as Int32Array
  const count = depth === 0 ? product(indices.shape.slice(0, -1)) : indices.size / depth
  const places = new Array<number>(count)
  for (let row = 0; row < count; row++) {
    let place = 0
    for (let axis = 0; axis < depth; axis++) {
      const at = values[row * depth + axis] as number
      check(
        at >= 0 && at < (shape[axis] as number),
        'ERR_SHAPE',
        () =>
          `Invalid indices: ${values.slice(row * depth, (row + 1) * depth)} does not index into ${shape} (${where})`,
      )
      place += at * (strides[axis] as number)
    }
    places[row] = place
  }
  return { places, width }
}

/** The slices that the rows of an int32 tensor of indices name. */
export const gatherND: (x: Tensor | TensorLike, indices: Tensor | TensorLike) => Tensor = op<typeof gatherND>(
  'gatherND',
  (x, indices) => {
    const $indices = convertToTensor<Tensor>(indices, 'indices', 'gatherND', 'int32')
    const $x = convertToTensor<Tensor>(x, 'x', 'gatherND', 'string_or_numeric')
    check(
      $x.rank >= 1,
      'ERR_SHAPE',
      () => `tf.gatherND() expects the input to be rank 1 or higher, but the rank was ${$x.rank}.`,
    )
    check(
      $indices.rank >= 1,
      'ERR_SHAPE',
      () => `tf.gatherND() expects the indices to be rank 1 or higher, but the rank was ${$indices.rank}.`,
    )
    const depth = $indices.shape[$indices.rank - 1] as number
    check(
      depth <= $x.rank,
      'ERR_SHAPE',
      () => `index innermost dimension length must be <= tensor rank; saw: ${depth} vs. ${$x.rank}`,
    )
    const { places, width } = placesOf('gatherND', $indices, depth, $x.shape)
    const shape = [...$indices.shape.slice(0, -1), ...$x.shape.slice(depth)]
    const values = allocateValues('gatherND', $x.dtype, product(shape)) as DataValues
    places.forEach((place, row) => {
      copy($x.values, place, values, row * width, width)
    })
    return new Tensor(shape, $x.dtype, values)
  },
)

/** Checks that updates are slices of `shape`, one for each row of the indices. Returns how many dimensions a row names. */
function checkUpdates(indices: Tensor, updates: Tensor, shape: readonly number[]): number {
  check(
    indices.rank >= 1 && updates.rank >= 1 && shape.length >= 1,
    'ERR_SHAPE',
    () => 'tf.scatterND() expects the indices, the updates and the output to be of rank 1 or higher.',
  )
  const depth = indices.rank > 1 ? (indices.shape[indices.rank - 1] as number) : 1
  const expected = [...(indices.rank > 1 ? indices.shape.slice(0, -1) : indices.shape), ...shape.slice(depth)]
  check(
    expected.length === updates.rank && expected.every((dim, axis) => dim === updates.shape[axis]),
    'ERR_SHAPE',
    () =>
      `Must have updates.shape = indices.shape[:batchDim] + shape[sliceDim:], got updates.shape: ${updates.shape}, indices.shape: ${indices.shape}, shape: ${shape}`,
  )
  return depth
}

/** Zeros of a shape, with the updates added at the slices that the rows of indices name. */
export const scatterND: <R extends Rank>(
  indices: Tensor | TensorLike,
  updates: Tensor | TensorLike,
  shape: ShapeMap[R],
) => Tensor<R> = op<typeof scatterND>('scatterND', (indices, updates, shape) => {
  checkDimensions(shape)
  const $indices = convertToTensor<Tensor>(indices, 'indices', 'scatterND', 'int32')
  const $updates = convertToTensor<Tensor>(updates, 'updates', 'scatterND')
  const depth = checkUpdates($indices, $updates, shape)
  const { places, width } = placesOf('scatterND', $indices, depth, shape)
  const out = allocateValues('scatterND', $updates.dtype, product(shape)) as Numbers
  const values = $updates.values as Numbers
  places.forEach((place, row) => {
    for (let k = 0; k < width; k++) out[place + k] = (out[place + k] as number) + (values[row * width + k] as number)
  })
  return new Tensor(shape, $updates.dtype, out)
})

/** A tensor with the updates in place of the slices that the rows of indices name. */
export const tensorScatterUpdate: (
  tensor: Tensor | TensorLike,
  indices: Tensor | TensorLike,
  updates: Tensor | TensorLike,
) => Tensor = op<typeof tensorScatterUpdate>('tensorScatterUpdate', (tensor, indices, updates) => {
  const $x = convertToTensor<Tensor>(tensor, 'tensor', 'tensorScatterUpdate')
  const $indices = convertToTensor<Tensor>(indices, 'indices', 'tensorScatterUpdate', 'int32')
  const $updates = convertToTensor<Tensor>(updates, 'updates', 'tensorScatterUpdate')
  const depth = checkUpdates($indices, $updates, $x.shape)
  check(
    $x.dtype === $updates.dtype,
    'ERR_DATA',
    () => `tensor and updates must have the same dtype, instead they are ${$x.dtype} and ${$updates.dtype}.`,
  )
  const { places, width } = placesOf('tensorScatterUpdate', $indices, depth, $x.shape)
  const out = ($x.values as Numbers).slice()
  places.forEach((place, row) => {
    copy($updates.values, row * width, out, place, width)
  })
  return new Tensor($x.shape, $x.dtype, out)
})

/** A dense tensor of values at places; `defaultValue` (0) elsewhere. */
export const sparseToDense: <R extends Rank>(
  sparseIndices: Tensor | TensorLike,
  sparseValues: Tensor | TensorLike,
  outputShape: ShapeMap[R],
  defaultValue?: Tensor | number,
) => Tensor<R> = op<typeof sparseToDense>(
  'sparseToDense',
  (sparseIndices, sparseValues, outputShape, defaultValue = 0) => {
    checkDimensions(outputShape)
    const $indices = convertToTensor<Tensor>(sparseIndices, 'sparseIndices', 'sparseToDense', 'int32')
    const $values = convertToTensor<Tensor>(sparseValues, 'sparseValues', 'sparseToDense')
    const $default = convertToTensor<Tensor>(defaultValue, 'defaultValue', 'sparseToDense')
    const depth = $indices.rank > 1 ? ($indices.shape[1] as number) : 1
    check(
      $indices.rank <= 2 && depth === outputShape.length,
      'ERR_SHAPE',
      () => `Incorrect number of indices: ${$indices.shape}; the output has ${outputShape.length} dimensions.`,
    )
    const { places } = placesOf('sparseToDense', $indices, depth, outputShape)
    check(
      $values.rank === 0 || $values.size === places.length,
      'ERR_SHAPE',
      () => `Incorrect shape of sparseValues, should be [] or [${places.length}], got ${$values.shape}.`,
    )
    const out = allocateValues('sparseToDense', $values.dtype, product(outputShape)) as Numbers
    out.fill($default.values[0] as number)
    places.forEach((place, row) => {
      out[place] = $values.values[$values.rank === 0 ? 0 : row] as number
    })
    return new Tensor(outputShape, $values.dtype, out)
  },
)

/**
 * For each int32 index a row of `depth` values: `onValue` (1) at the index, `offValue` (0) elsewhere, and nowhere
 * `onValue` where the index is outside.
 */
export const oneHot: (
  indices: Tensor | TensorLike,
  depth: number,
  onValue?: number,
  offValue?: number,
  dtype?: DataType,
) => Tensor = op<typeof oneHot>('oneHot', (indices, depth, onValue = 1, offValue = 0, dtype = 'int32') => {
  check(
    Number.isInteger(depth) && depth >= 2,
    'ERR_OPTION',
    () => `Error in oneHot: depth must be >=2, but it is ${depth}`,
  )
  const $indices = convertToTensor<Tensor>(indices, 'indices', 'oneHot', 'int32')
  const out = allocateValues('oneHot', dtype, $indices.size * depth) as Numbers
  if (offValue !== 0) out.fill(offValue)
  const places = $indices.values as Int32Array
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number
    if (place >= 0 && place < depth) out[i * depth + place] = onValue
  }
  return new Tensor([...$indices.shape, depth], dtype, out)
})

/** A tensor of zeros with the values on its diagonal: of shape [...shape, ...shape]. */
export const diag: (x: Tensor) => Tensor = op<typeof diag>('diag', (x) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'diag')
  const out = allocateValues('diag', $x.dtype, $x.size * $x.size) as Numbers
  for (let i = 0; i < $x.size; i++) out[i * $x.size + i] = $x.values[i] as number
  return new Tensor([...$x.shape, ...$x.shape], $x.dtype, out)
})

/** The sums of the slices that have one id, for each of `numSegments` ids; negative ids are left out. */
export const unsortedSegmentSum: <T extends Tensor>(
  x: T | TensorLike,
  segmentIds: Tensor1D | TensorLike,
  numSegments: number,
) => T = op<typeof unsortedSegmentSum>('unsortedSegmentSum', (x, segmentIds, numSegments) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'unsortedSegmentSum')
  const $ids = convertToTensor<Tensor>(segmentIds as Tensor, 'segmentIds', 'unsortedSegmentSum', 'int32')
  check(Number.isInteger(numSegments), 'ERR_OPTION', () => 'numSegments must be of dtype int')
  check(
    $ids.size === $x.shape[0],
    'ERR_SHAPE',
    () => `unsortedSegmentSum: ${$ids.size} segment ids for ${$x.shape[0]} slices`,
  )
  const inner = $x.shape.slice(1)
  const width = product(inner)
  const dtype = $x.dtype === 'bool' ? 'int32' : $x.dtype
  const out = allocateValues('unsortedSegmentSum', dtype, numSegments * width) as Numbers
  ;($ids.values as Int32Array).forEach((id, row) => {
    if (id < 0 || id >= numSegments) return
    for (let k = 0; k < width; k++) {
      out[id * width + k] = (out[id * width + k] as number) + ($x.values[row * width + k] as number)
    }
  })
  return new Tensor([numSegments, ...inner], dtype, out)
})

/** The places at which a bool tensor holds, a row for each, as int32. */
export async function whereAsync(condition: Tensor | TensorLike): Promise<Tensor> {
  const $condition = convertToTensor<Tensor>(condition, 'condition', 'whereAsync', 'bool')
  const values = await $condition.data()
  const strides = fullStrides($condition.shape)
  const found: number[] = []
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 0) continue
    let rest = i
    for (const stride of strides) {
      found.push(Math.floor(rest / stride))
      rest %= stride
    }
  }
  if (condition !== $condition) $condition.dispose()
  const rank = strides.length
  return new Tensor([rank === 0 ? 0 : found.length / rank, rank], 'int32', Int32Array.from(found))
}

/** The slices at which a bool mask holds; the mask covers the dimensions from `axis` (0) on. */
export async function booleanMaskAsync(
  tensor: Tensor | TensorLike,
  mask: Tensor | TensorLike,
  axis = 0,
): Promise<Tensor> {
  const $x = convertToTensor<Tensor>(tensor, 'tensor', 'boolMask')
  const $mask = convertToTensor<Tensor>(mask, 'mask', 'boolMask', 'bool')
  check($mask.rank > 0, 'ERR_SHAPE', () => 'mask cannot be scalar')
  const covered = $x.shape.slice(axis, axis + $mask.rank)
  check(
    covered.length === $mask.rank && covered.every((dim, i) => dim === $mask.shape[i]),
    'ERR_SHAPE',
    () =>
      `mask's shape must match the first K dimensions of tensor's shape, Shapes ${covered} and ${$mask.shape} must match`,
  )
  const values = await $mask.data()
  const places: number[] = []
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) places.push(i)
  const flat = reshaped($x, [...$x.shape.slice(0, axis), $mask.size, ...$x.shape.slice(axis + $mask.rank)])
  const result = gather(flat, Int32Array.from(places), axis)
  flat.dispose()
  if (tensor !== $x) $x.dispose()
  if (mask !== $mask) $mask.dispose()
  return result
}

/** How often each of the numbers up to `size` occurs in an int32 tensor; with weights, the sum of theirs. */
export const bincount: (x: Tensor | TensorLike, weights: Tensor | TensorLike, size: number) => Tensor1D = op<
  typeof bincount
>('bincount', (x, weights, size) => {
  const [$x, $weights] = [
    convertToTensor<Tensor>(x, 'x', 'bincount'),
    convertToTensor<Tensor>(weights, 'weights', 'bincount'),
  ]
  return counted('bincount', reshaped($x, [1, $x.size]), $weights, size, false, [size])
})

/** As {@link bincount}, for each row of a matrix; with `binaryOutput`, whether the numbers occur. */
export const denseBincount: <T extends Tensor>(
  x: T | TensorLike,
  weights: T | TensorLike,
  size: number,
  binaryOutput?: boolean,
) => T = op<typeof denseBincount>('denseBincount', (x, weights, size, binaryOutput = false) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'denseBincount')
  const $weights = convertToTensor<Tensor>(weights, 'weights', 'denseBincount')
  check(
    $x.rank <= 2,
    'ERR_SHAPE',
    () => `Error in denseBincount: input must be at most rank 2, but got rank ${$x.rank}.`,
  )
  const rows = $x.rank === 2 ? ($x.shape[0] as number) : 1
  const shape = $x.rank === 2 ? [rows, size] : [size]
  return counted('denseBincount', reshaped($x, [rows, $x.size / rows || 0]), $weights, size, binaryOutput, shape)
})

function counted(where: string, x: Tensor, weights: Tensor, size: number, binary: boolean, shape: number[]): Tensor {
  check(x.dtype === 'int32', 'ERR_DATA', () => `Error in ${where}: input dtype must be int32, but got ${x.dtype}`)
  check(size >= 0, 'ERR_OPTION', () => `size must be non-negative, but got ${size}.`)
  check(
    weights.size === x.size || weights.size === 0,
    'ERR_SHAPE',
    () =>
      `Error in ${where}: weights must have the same size as input or 0-length, but got input size: ${x.size}, weights shape: ${weights.shape}.`,
  )
  const out = allocateValues(where, weights.dtype, product(shape)) as Numbers
  const columns = x.shape[1] as number
  ;(x.values as Int32Array).forEach((value, i) => {
    check(value >= 0, 'ERR_DATA', () => 'Input x must be non-negative!')
    if (value >= size) return
    const o = Math.floor(i / columns) * size + value
    const weight = weights.size > 0 ? (weights.values[i] as number) : 1
    out[o] = binary ? 1 : (out[o] as number) + weight
  })
  return new Tensor(shape, weights.dtype, out)
}

/** How often each pair of a label and a prediction occurs: rows are labels, columns predictions, int32. */
export const confusionMatrix: (
  labels: Tensor1D | TensorLike,
  predictions: Tensor1D | TensorLike,
  numClasses: number,
) => Tensor = op<typeof confusionMatrix>('confusionMatrix', (labels, predictions, numClasses) => {
  const [$labels, $predictions] = matchedVectors(labels as Tensor, predictions as Tensor)
  check(
    Number.isInteger(numClasses) && numClasses > 0,
    'ERR_OPTION',
    () => `numClasses is required to be a positive integer, but got ${numClasses}`,
  )
  const out = allocateValues('confusionMatrix', 'int32', numClasses * numClasses)
  const isClass = (value: number) => value >= 0 && value < numClasses
  for (let i = 0; i < $labels.size; i++) {
    const [label, predicted] = [Math.trunc($labels.values[i] as number), Math.trunc($predictions.values[i] as number)]
    if (!isClass(label) || !isClass(predicted)) continue
    const place = label * numClasses + predicted
    out[place] = (out[place] as number) + 1
  }
  return new Tensor([numClasses, numClasses], 'int32', out)
})

function matchedVectors(labels: Tensor, predictions: Tensor): readonly [Tensor, Tensor] {
  const [$labels, $predictions] = matched('confusionMatrix', labels, predictions, ['labels', 'predictions'])
  check($labels.rank === 1, 'ERR_SHAPE', () => `Expected the rank of labels to be 1, but got ${$labels.rank}`)
  check(
    $predictions.rank === 1,
    'ERR_SHAPE',
    () => `Expected the rank of predictions to be 1, but got ${$predictions.rank}`,
  )
  check(
    $labels.size === $predictions.size,
    'ERR_SHAPE',
    () =>
      `Mismatch in the number of examples: ${$labels.size} vs. ${$predictions.size}. Labels and predictions should have the same number of elements.`,
  )
  return [$labels, $predictions]
}
