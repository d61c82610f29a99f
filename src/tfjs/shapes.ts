import { check } from './failure.js'

/** The number of elements of a shape. */
export function sizeFromShape(shape: readonly number[]): number {
  let size = 1
  for (const dim of shape) size *= dim
  return size
}

/** The strides of a row-major shape, without the last one, which is 1; none for ranks 0 and 1. */
export function computeStrides(shape: readonly number[]): number[] {
  const strides: number[] = []
  let stride = 1
  for (let axis = shape.length - 1; axis > 0; axis--) {
    stride *= shape[axis] as number
    strides.unshift(stride)
  }
  return strides
}

/** The strides of a row-major shape, one for each dimension. */
export const fullStrides = (shape: readonly number[]): number[] =>
  shape.length === 0 ? [] : [...computeStrides(shape), 1]

export const arraysEqual = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** `ERR_SHAPE` unless all dimensions are integers from 0. */
export function checkDimensions(shape: readonly number[]): void {
  check(
    Array.isArray(shape) && shape.every((dim) => Number.isInteger(dim) && dim >= 0),
    'ERR_SHAPE',
    () => `Tensor must have a shape comprised of positive integers but got shape [${shape}].`,
  )
}

/** Axes as non-negative numbers, in the order given; all of them for null and undefined. */
export function parseAxes(axis: number | readonly number[] | null | undefined, shape: readonly number[]): number[] {
  const rank = shape.length
  if (axis === null || axis === undefined) return shape.map((_, each) => each)
  const axes = typeof axis === 'number' ? [axis] : [...axis]
  check(
    axes.every((each) => each >= -rank && each < rank),
    'ERR_SHAPE',
    () => `All values in axis param must be in range [-${rank}, ${rank}) but got axis ${axes}`,
  )
  check(
    axes.every((each) => Number.isInteger(each)),
    'ERR_SHAPE',
    () => `All values in axis param must be integers but got axis ${axes}`,
  )
  return axes.map((each) => (each < 0 ? rank + each : each))
}

/** One axis as a non-negative number. */
export const parseAxis = (axis: number, shape: readonly number[]): number => parseAxes(axis, shape)[0] as number

/** The shape that two shapes broadcast to; `ERR_SHAPE` if they do not fit. */
export function assertAndGetBroadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  const result = new Array<number>(rank)
  for (let i = 1; i <= rank; i++) {
    const dimA = a[a.length - i] ?? 1
    const dimB = b[b.length - i] ?? 1
    check(
      dimA === dimB || dimA === 1 || dimB === 1,
      'ERR_SHAPE',
      () => `Operands could not be broadcast together with shapes ${a} and ${b}.`,
    )
    result[rank - i] = dimA === 1 ? dimB : dimA
  }
  return result
}

/** A shape with one dimension of -1 filled in. */
export function inferFromImplicitShape(shape: readonly number[], size: number): number[] {
  let known = 1
  let implicit = -1
  shape.forEach((dim, axis) => {
    if (dim === -1) {
      check(
        implicit === -1,
        'ERR_SHAPE',
        () => `Shapes can only have 1 implicit size. Found -1 at dim ${implicit} and dim ${axis}`,
      )
      implicit = axis
    } else {
      check(Number.isInteger(dim) && dim >= 0, 'ERR_SHAPE', () => `Shapes can not be < 0. Found ${dim} at dim ${axis}`)
      known *= dim
    }
  })
  if (implicit === -1) {
    check(size === known, 'ERR_SHAPE', () => `Size(${size}) must match the product of shape ${shape}`)
    return [...shape]
  }
  check(known !== 0, 'ERR_SHAPE', () => `Cannot infer the missing size in [${shape}] when there are 0 elements`)
  check(
    size % known === 0,
    'ERR_SHAPE',
    () => `The implicit shape can't be a fractional number. Got ${size} / ${known}`,
  )
  return shape.map((dim, axis) => (axis === implicit ? size / known : dim))
}
