// Values in order, and sums along an axis as they grow.
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { fullStrides, parseAxis } from '../shapes.js'
import { allocateValues, Tensor } from '../tensor.js'
import type { DataValues, TensorLike } from '../types.js'
import { reshaped, transposed } from './layout.js'
import { op } from './op.js'
import { eachRun, type Numbers } from './walk.js'

/** The places of the `k` largest values of a row, in descending order; of equal values, the first comes first. */
function largest(values: Numbers, k: number): Uint32Array {
  const places = new Uint32Array(values.length)
  for (let i = 0; i < places.length; i++) places[i] = i
  const key = (place: number) => {
    const value = values[place] as number
    return Number.isNaN(value) ? -Infinity : value
  }
  places.sort((a, b) => {
    const [x, y] = [key(a), key(b)]
    return x === y ? a - b : y > x ? 1 : -1
  })
  return places.subarray(0, k)
}

/** The `k` largest values of each row, the last dimension, in descending order, and their places (int32). */
export const topk: <T extends Tensor>(x: T | TensorLike, k?: number, sorted?: boolean) => { values: T; indices: T } =
  op<typeof topk>('topk', (x, k = 1) => {
    const $x = convertToTensor<Tensor>(x, 'x', 'topk')
    check($x.rank > 0, 'ERR_SHAPE', () => 'topk() expects the input to be of rank 1 or higher')
    const width = $x.shape[$x.rank - 1] as number
    check(Number.isInteger(k) && k >= 0, 'ERR_OPTION', () => `'k' passed to topk() must be >= 0 but got ${k}`)
    check(k <= width, 'ERR_OPTION', () => `'k' passed to topk() must be <= the last dimension (${width}) but got ${k}`)
    const rows = width === 0 ? 0 : $x.size / width
    const values = allocateValues('topk', $x.dtype, rows * k) as Numbers
    const indices = allocateValues('topk', 'int32', rows * k)
    for (let row = 0; row < rows; row++) {
      const from = ($x.values as Numbers).subarray(row * width, (row + 1) * width)
      largest(from, k).forEach((place, i) => {
        values[row * k + i] = from[place] as number
        indices[row * k + i] = place
      })
    }
    const shape = [...$x.shape.slice(0, -1), k]
    return { values: new Tensor(shape, $x.dtype, values), indices: new Tensor(shape, 'int32', indices) }
  })

/** Whether targets are among the `k` largest predictions, as a bool tensor in the shape of the targets. */
export async function inTopKAsync(
  predictions: Tensor | TensorLike,
  targets: Tensor | TensorLike,
  k = 1,
): Promise<Tensor> {
  const $predictions = convertToTensor<Tensor>(predictions, 'predictions', 'inTopK')
  const $targets = convertToTensor<Tensor>(targets, 'targets', 'inTopK')
  check(
    $predictions.rank > 1 && $predictions.rank - 1 === $targets.rank,
    'ERR_SHAPE',
    () =>
      `predictions rank should be 1 larger than targets rank, but got predictions rank ${$predictions.rank} and targets rank ${$targets.rank}`,
  )
  check(
    $targets.shape.every((dim, axis) => dim === $predictions.shape[axis]),
    'ERR_SHAPE',
    () =>
      `predictions's shape should be align with the targets' shape, except the last dimension. Shapes ${$predictions.shape.slice(0, -1)} and ${$targets.shape} must match`,
  )
  const width = $predictions.shape[$predictions.rank - 1] as number
  check(
    k > 0 && k <= width,
    'ERR_OPTION',
    () => `'k' passed to inTopK() must be > 0 && <= the predictions last dimension (${width}), but got ${k}`,
  )
  const [values, wanted] = [(await $predictions.data()) as Numbers, await $targets.data()]
  const found = Uint8Array.from({ length: $targets.size }, (_, row) =>
    largest(values.subarray(row * width, (row + 1) * width), k).includes(wanted[row] as number) ? 1 : 0,
  )
  const result = new Tensor($targets.shape, 'bool', found)
  if (predictions !== $predictions) $predictions.dispose()
  if (targets !== $targets) $targets.dispose()
  return result
}

/** The slices along an axis (0) that differ, in the order in which they come, and for each slice which of these it is. */
export const unique: <T extends Tensor>(x: T | TensorLike, axis?: number) => { values: T; indices: Tensor } = op<
  typeof unique
>('unique', (x, axis = 0) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'unique', 'string_or_numeric')
  check($x.rank > 0, 'ERR_SHAPE', () => 'The input tensor must be at least 1D')
  const at = parseAxis(axis, $x.shape)
  const order = [at, ...$x.shape.map((_, each) => each).filter((each) => each !== at)]
  const moved = at === 0 ? $x : transposed($x, order)
  const count = moved.shape[0] as number
  const width = count === 0 ? 0 : moved.size / count
  const all = moved.values as Numbers
  const known = new Map<unknown, number>()
  const indices = allocateValues('unique', 'int32', count)
  const kept: number[] = []
  for (let i = 0; i < count; i++) {
    const key = width === 1 ? all[i] : JSON.stringify(Array.from(all.slice(i * width, (i + 1) * width)))
    let place = known.get(key)
    if (place === undefined) {
      place = known.size
      known.set(key, place)
      kept.push(i)
    }
    indices[i] = place
  }
  const values = allocateValues('unique', $x.dtype, kept.length * width) as Numbers
  kept.forEach((from, to) => {
    for (let k = 0; k < width; k++) values[to * width + k] = all[from * width + k] as number
  })
  const result = new Tensor([kept.length, ...moved.shape.slice(1)], $x.dtype, values as DataValues)
  const back = $x.shape.map((_, each) => order.indexOf(each))
  return {
    values: at === 0 ? result : transposed(result, back),
    indices: new Tensor([count], 'int32', indices),
  }
})

/** The values of `x` that are not in `y`, and their places (int32). */
export async function setdiff1dAsync(x: Tensor | TensorLike, y: Tensor | TensorLike): Promise<[Tensor, Tensor]> {
  const $x = convertToTensor<Tensor>(x, 'x', 'setdiff1d')
  const $y = convertToTensor<Tensor>(y, 'y', 'setdiff1d')
  check(
    $x.dtype === $y.dtype,
    'ERR_DATA',
    () => `x and y should have the same dtype, but got x (${$x.dtype}) and y (${$y.dtype}).`,
  )
  check($x.rank === 1, 'ERR_SHAPE', () => `x should be 1D tensor, but got x (${$x.shape}).`)
  check($y.rank === 1, 'ERR_SHAPE', () => `y should be 1D tensor, but got y (${$y.shape}).`)
  const values = await $x.data()
  const others = new Set(await $y.data())
  const places: number[] = []
  for (let i = 0; i < values.length; i++) if (!others.has(values[i] as number)) places.push(i)
  const kept = allocateValues('setdiff1d', $x.dtype, places.length) as Numbers
  places.forEach((place, i) => {
    kept[i] = values[place] as number
  })
  if (x !== $x) $x.dispose()
  if (y !== $y) $y.dispose()
  return [new Tensor([places.length], $x.dtype, kept), new Tensor([places.length], 'int32', Int32Array.from(places))]
}

/**
 * Where values would have to be inserted into ascending rows: before equal ones (`'left'`) or after them (`'right'`).
 * The result has a row for each of theirs.
 */
export const searchSorted: (
  sortedSequence: Tensor | TensorLike,
  values: Tensor | TensorLike,
  side?: 'left' | 'right',
) => Tensor = op<typeof searchSorted>('searchSorted', (sortedSequence, values, side = 'left') => {
  const $rows = convertToTensor<Tensor>(sortedSequence, 'sortedSequence', 'searchSorted')
  const $values = convertToTensor<Tensor>(values, 'values', 'searchSorted')
  const [width, count] = [$rows.shape[$rows.rank - 1] as number, $values.shape[$values.rank - 1] as number]
  check(
    $rows.size / width === $values.size / count,
    'ERR_SHAPE',
    () => "Leading dimension of 'sortedSequence' and 'values' must match.",
  )
  const out = allocateValues('searchSorted', 'int32', $values.size)
  for (let i = 0; i < out.length; i++) {
    const row = Math.floor(i / count) * width
    const value = $values.values[i] as number
    let [low, high] = [0, width]
    while (low < high) {
      const middle = (low + high) >> 1
      const there = $rows.values[row + middle] as number
      if (side === 'left' ? there < value : there <= value) low = middle + 1
      else high = middle
    }
    out[i] = low
  }
  return new Tensor([$values.size / count, count], 'int32', out)
})

export const lowerBound = (sortedSequence: Tensor | TensorLike, values: Tensor | TensorLike): Tensor =>
  searchSorted(sortedSequence, values, 'left')
export const upperBound = (sortedSequence: Tensor | TensorLike, values: Tensor | TensorLike): Tensor =>
  searchSorted(sortedSequence, values, 'right')

/** @inline */
export type Growing = <T extends Tensor>(
  x: Tensor | TensorLike,
  axis?: number,
  exclusive?: boolean,
  reverse?: boolean,
) => T

function growing(name: string, first: number, f: (total: number, value: number) => number): Growing {
  return op<Growing>(name, (x, axis = 0, exclusive = false, reverse = false) => {
    const $x = convertToTensor<Tensor>(x, 'x', name)
    if ($x.rank === 0) return reshaped($x, $x.shape)
    const at = parseAxis(axis, $x.shape)
    const dtype = $x.dtype === 'bool' ? 'int32' : $x.dtype
    const [values, out] = [$x.values as Numbers, allocateValues(name, dtype, $x.size) as Numbers]
    const strides = fullStrides($x.shape)
    const [count, stride] = [$x.shape[at] as number, strides[at] as number]
    const others = <V>(list: readonly V[]) => list.filter((_, each) => each !== at)
    if ($x.size === 0) return new Tensor($x.shape, dtype, out)
    eachRun(others($x.shape), [others(strides)], [0], ([from], n, [step]) => {
      for (let k = 0; k < n; k++) {
        let total = first
        for (let i = 0; i < count; i++) {
          const place = (from as number) + k * (step as number) + (reverse ? count - 1 - i : i) * stride
          const next = f(total, values[place] as number)
          out[place] = exclusive ? total : next
          total = next
        }
      }
    })
    return new Tensor($x.shape, dtype, out)
  })
}

/**
 * The sums of all values up to each place along an axis (0 by default): with it, or without it (`exclusive`); from the
 * end where `reverse` says so.
 */
export const cumsum: Growing = growing('cumsum', 0, (total, value) => total + value)

/** The products of all values up to each place; as {@link cumsum}. */
export const cumprod: Growing = growing('cumprod', 1, (total, value) => total * value)
