// Parts of tensors, and tensors with a margin.
import { SeqloomError } from '../../errors.js'
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { fullStrides, parseAxes, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor, type Tensor1D, type Tensor2D, type Tensor3D, type Tensor4D } from '../tensor.js'
import type { DataValues, TensorLike } from '../types.js'
import { reshaped, sliced } from './layout.js'
import { op } from './op.js'
import { copyView, type Numbers } from './walk.js'

/**
 * The part that begins at `begin` and has `size`; -1, or what is left out, stands for all that follows. A number stands
 * for the first dimension.
 */
export const slice: <T extends Tensor>(x: T | TensorLike, begin: number | number[], size?: number | number[]) => T = op<
  typeof slice
>('slice', (x, begin, size) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'slice', 'string_or_numeric')
  const rank = $x.rank
  check(rank > 0, 'ERR_SHAPE', () => 'Slicing scalar is not possible')
  const from = typeof begin === 'number' ? [begin] : [...begin]
  const length = size === undefined || size === null ? [] : typeof size === 'number' ? [size] : [...size]
  check(
    from.length <= rank,
    'ERR_SHAPE',
    () => `Error in slice${rank}D: Length of begin ${from} must match the rank of the array (${rank}).`,
  )
  check(
    length.length <= rank,
    'ERR_SHAPE',
    () => `Error in slice${rank}D: Length of size ${length} must match the rank of the array (${rank}).`,
  )
  const starts = $x.shape.map((_, axis) => from[axis] ?? 0)
  check(
    starts.every((at) => at >= 0 && Number.isInteger(at)),
    'ERR_SHAPE',
    () => `slice() does not support negative begin indexing: begin must hold integers from 0, not ${starts}`,
  )
  const sizes = $x.shape.map((dim, axis) => {
    const given = length[axis] ?? -1
    check(
      given >= -1 && Number.isInteger(given),
      'ERR_SHAPE',
      () => `Negative size values should be exactly -1 but got ${given} for the slice() size at index ${axis}.`,
    )
    return given === -1 ? dim - (starts[axis] as number) : given
  })
  sizes.forEach((dim, axis) => {
    const end = (starts[axis] as number) + dim
    check(
      dim >= 0 && end <= ($x.shape[axis] as number),
      'ERR_SHAPE',
      () =>
        `Error in slice${rank}D: begin[${axis}] + size[${axis}] (${end}) would overflow input.shape[${axis}] (${$x.shape[axis]})`,
    )
  })
  return sliced($x, starts, sizes)
})

function checkRank(x: Tensor | TensorLike, rank: number): Tensor {
  const $x = convertToTensor<Tensor>(x, 'x', `slice${rank}d`)
  check(
    $x.rank === rank,
    'ERR_SHAPE',
    () => `slice${rank}d expects a rank-${rank} tensor, but got a rank-${$x.rank} tensor`,
  )
  return $x
}

/** @inline */
type Place = number[]
export const slice1d = (x: Tensor1D | TensorLike, begin: number, size: number): Tensor1D =>
  slice(checkRank(x, 1), [begin], [size]) as Tensor1D
export const slice2d = (x: Tensor2D | TensorLike, begin: Place, size: Place): Tensor2D =>
  slice(checkRank(x, 2), begin, size) as Tensor2D
export const slice3d = (x: Tensor3D | TensorLike, begin: Place, size: Place): Tensor3D =>
  slice(checkRank(x, 3), begin, size) as Tensor3D
export const slice4d = (x: Tensor4D | TensorLike, begin: Place, size: Place): Tensor4D =>
  slice(checkRank(x, 4), begin, size) as Tensor4D

/** Which places of `begin` and the like mean something else: bit `i` stands for place `i`. */
interface Masks {
  readonly begin: number
  readonly end: number
  readonly ellipsis: number
  readonly newAxis: number
  readonly shrink: number
}

/**
 * Every `strides` elements from `begin` up to `end`, as in Python: negative places count from the end. Bits of the masks
 * say for which places `begin` or `end` is left out, which one is an ellipsis, a new dimension, or a single index.
 */
export const stridedSlice: (
  x: Tensor | TensorLike,
  begin: number[],
  end: number[],
  strides?: number[],
  beginMask?: number,
  endMask?: number,
  ellipsisMask?: number,
  newAxisMask?: number,
  shrinkAxisMask?: number,
) => Tensor = op<typeof stridedSlice>(
  'stridedSlice',
  (x, begin, end, strides, beginMask = 0, endMask = 0, ellipsisMask = 0, newAxisMask = 0, shrinkAxisMask = 0) => {
    const $x = convertToTensor<Tensor>(x, 'x', 'stridedSlice', 'string_or_numeric')
    const masks = {
      begin: beginMask,
      end: endMask,
      ellipsis: ellipsisMask,
      newAxis: newAxisMask,
      shrink: shrinkAxisMask,
    }
    const spans = spansOf($x.shape, begin, end, strides ?? begin.map(() => 1), masks)
    const kept = spans.filter((span) => span.axis >= 0)
    const part = sliced(
      $x,
      kept.map((span) => span.from),
      kept.map((span) => span.size),
      kept.map((span) => span.stride),
    )
    return reshaped(
      part,
      spans.filter((span) => !span.isSingle).map((span) => span.size),
    )
  },
)

interface Span {
  /** The dimension of the tensor; -1 for a new one. */
  readonly axis: number
  readonly from: number
  readonly size: number
  readonly stride: number
  readonly isSingle: boolean
}

function spansOf(
  shape: readonly number[],
  begin: readonly number[],
  end: readonly number[],
  strides: readonly number[],
  masks: Masks,
): Span[] {
  const has = (mask: number, place: number) => (mask & (1 << place)) !== 0
  check((masks.ellipsis & (masks.ellipsis - 1)) === 0, 'ERR_OPTION', () => 'Multiple ellipses in slice is not allowed.')
  const spans: Span[] = []
  const whole = () => {
    const axis = spans.filter((span) => span.axis >= 0).length
    spans.push({ axis, from: 0, size: shape[axis] as number, stride: 1, isSingle: false })
  }
  const used = begin.filter((_, place) => !has(masks.newAxis, place) && !has(masks.ellipsis, place)).length
  check(
    used <= shape.length,
    'ERR_SHAPE',
    () => `Index out of range using input dim ${shape.length}; input has only ${shape.length} dims.`,
  )
  let axis = 0
  begin.forEach((_, place) => {
    if (has(masks.ellipsis, place)) {
      for (let i = used; i < shape.length; i++, axis++) whole()
    } else if (has(masks.newAxis, place)) {
      spans.push({ axis: -1, from: 0, size: 1, stride: 1, isSingle: false })
    } else {
      spans.push(spanOf(axis, shape[axis] as number, place))
      axis++
    }
  })
  for (; axis < shape.length; axis++) whole()
  return spans

  function spanOf(axis: number, dim: number, place: number): Span {
    const stride = strides[place] ?? 1
    check(stride !== 0, 'ERR_OPTION', () => `strides[${axis}] must be non-zero`)
    const counted = (at: number) => (at < 0 ? dim + at : at)
    if (has(masks.shrink, place)) {
      check(stride > 0, 'ERR_OPTION', () => 'only stride 1 allowed on non-range indexing.')
      const at = counted(begin[place] as number)
      check(at >= 0 && at < dim, 'ERR_SHAPE', () => `slice index ${at} of dimension ${axis} out of bounds.`)
      return { axis, from: at, size: 1, stride: 1, isSingle: true }
    }
    const [low, high] = stride > 0 ? [0, dim] : [-1, dim - 1]
    const within = (at: number) => Math.min(Math.max(counted(at), low), high)
    const from = has(masks.begin, place) ? (stride > 0 ? low : high) : within(begin[place] as number)
    const to = has(masks.end, place) ? (stride > 0 ? high : low) : within(end[place] as number)
    return { axis, from, size: Math.max(0, Math.ceil((to - from) / stride)), stride, isSingle: false }
  }
}

/** The tensor with axes reversed, all of them by default. */
export const reverse: <T extends Tensor>(x: T | TensorLike, axis?: number | number[] | null) => T = op<typeof reverse>(
  'reverse',
  (x, axis) => {
    const $x = convertToTensor<Tensor>(x, 'x', 'reverse')
    if ($x.rank === 0) return reshaped($x, $x.shape)
    const axes = parseAxes(axis, $x.shape)
    return sliced(
      $x,
      $x.shape.map((dim, each) => (axes.includes(each) ? Math.max(dim - 1, 0) : 0)),
      $x.shape,
      $x.shape.map((_, each) => (axes.includes(each) ? -1 : 1)),
    )
  },
)

const reverseOf = (rank: number, x: Tensor | TensorLike, axis?: number | number[]): Tensor => {
  const $x = convertToTensor<Tensor>(x, 'x', 'reverse')
  check(
    $x.rank === rank,
    'ERR_SHAPE',
    () => `Error in reverse${rank}D: x must be rank ${rank} but got rank ${$x.rank}.`,
  )
  return reverse($x, axis)
}
export const reverse1d = (x: Tensor1D | TensorLike): Tensor1D => reverseOf(1, x as Tensor, 0) as Tensor1D
export const reverse2d = (x: Tensor2D | TensorLike, axis?: number | number[]): Tensor2D =>
  reverseOf(2, x as Tensor, axis) as Tensor2D
export const reverse3d = (x: Tensor3D | TensorLike, axis?: number | number[]): Tensor3D =>
  reverseOf(3, x as Tensor, axis) as Tensor3D
export const reverse4d = (x: Tensor4D | TensorLike, axis?: number | number[]): Tensor4D =>
  reverseOf(4, x as Tensor, axis) as Tensor4D

function checkPaddings(name: string, x: Tensor, paddings: readonly (readonly number[])[]): void {
  check(x.rank > 0, 'ERR_SHAPE', () => `${name}(scalar) is not defined. Pass non-scalar to ${name}`)
  check(
    Array.isArray(paddings) && paddings.length === x.rank,
    'ERR_SHAPE',
    () => `Padding doesn't match input. Must be ${x.rank}. Got ${paddings?.length}.`,
  )
  check(
    paddings.every((pair) => pair.length === 2 && pair.every((n: number) => Number.isInteger(n) && n >= 0)),
    'ERR_SHAPE',
    () => 'Invalid number of paddings. Must be length of 2 each.',
  )
}

/** The tensor with `paddings[i]` elements of a value, 0 by default, before and after it along dimension `i`. */
export const pad: <T extends Tensor>(x: T | TensorLike, paddings: [number, number][], constantValue?: number) => T = op<
  typeof pad
>('pad', (x, paddings, constantValue = 0) => {
  const $x = convertToTensor<Tensor>(x, 'x', 'pad')
  checkPaddings('pad', $x, paddings)
  const shape = $x.shape.map((dim, axis) => dim + (paddings[axis]?.[0] as number) + (paddings[axis]?.[1] as number))
  const values = allocateValues('pad', $x.dtype, sizeFromShape(shape)) as Numbers
  if (constantValue !== 0) values.fill(constantValue)
  const strides = fullStrides(shape)
  const start = strides.reduce((sum, stride, axis) => sum + stride * (paddings[axis]?.[0] as number), 0)
  copyView($x.shape, { values: $x.values, start: 0, strides: fullStrides($x.shape) }, { values, start, strides })
  return new Tensor(shape, $x.dtype, values as DataValues)
})

/** @inline */
type Pair = [number, number]
export const pad1d = (x: Tensor1D | TensorLike, paddings: Pair, constantValue = 0): Tensor1D =>
  pad(x as Tensor, [paddings], constantValue) as Tensor as Tensor1D
export const pad2d = (x: Tensor2D | TensorLike, paddings: Pair[], constantValue = 0): Tensor2D =>
  pad(x as Tensor, paddings, constantValue) as Tensor as Tensor2D
export const pad3d = (x: Tensor3D | TensorLike, paddings: Pair[], constantValue = 0): Tensor3D =>
  pad(x as Tensor, paddings, constantValue) as Tensor as Tensor3D
export const pad4d = (x: Tensor4D | TensorLike, paddings: Pair[], constantValue = 0): Tensor4D =>
  pad(x as Tensor, paddings, constantValue) as Tensor as Tensor4D

/** The tensor with a mirrored margin, with its border ('symmetric') or without it ('reflect'). */
export const mirrorPad: <T extends Tensor>(
  x: T | TensorLike,
  paddings: [number, number][],
  mode: 'reflect' | 'symmetric',
) => T = op<typeof mirrorPad>('mirrorPad', (x, paddings, mode) => {
  if (mode !== 'reflect' && mode !== 'symmetric') {
    throw new SeqloomError('ERR_OPTION', `Invalid mode. Mode must be either reflect or symmetric. Got ${mode}.`)
  }
  const $x = convertToTensor<Tensor>(x, 'x', 'mirrorPad')
  checkPaddings('mirrorPad', $x, paddings)
  const offset = mode === 'reflect' ? 1 : 0
  let result = $x
  paddings.forEach(([before, after], axis) => {
    const dim = $x.shape[axis] as number
    check(
      before <= dim - offset && after <= dim - offset,
      'ERR_SHAPE',
      () =>
        `Padding in dimension ${axis} cannot be greater than or equal to ${dim - offset} or less than 0 for input of shape ${$x.shape}`,
    )
    result = mirrored(result, axis, before, after, offset)
  })
  return result === $x ? reshaped($x, $x.shape) : result
})

function mirrored(x: Tensor, axis: number, before: number, after: number, offset: number): Tensor {
  const dim = x.shape[axis] as number
  const shape = x.shape.map((each, at) => (at === axis ? each + before + after : each))
  const values = allocateValues('mirrorPad', x.dtype, sizeFromShape(shape)) as DataValues
  const [own, strides] = [fullStrides(x.shape), fullStrides(shape)]
  const place = (count: number, from: number, direction: number, to: number) => {
    copyView(
      x.shape.map((each, at) => (at === axis ? count : each)),
      {
        values: x.values,
        start: from * (own[axis] as number),
        strides: own.map((stride, at) => (at === axis ? stride * direction : stride)),
      },
      { values, start: to * (strides[axis] as number), strides },
    )
  }
  place(before, before - 1 + offset, -1, 0)
  place(dim, 0, 1, before)
  place(after, dim - 1 - offset, -1, before + dim)
  return new Tensor(shape, x.dtype, values)
}
