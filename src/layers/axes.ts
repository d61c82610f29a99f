import { SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import { type Check, custom } from '../options.js'

/** @inline A dimension as an option: its place, the batch being 0, or counted from the end; also in an array of one. */
export type GivenAxis = number | readonly [number]

/** @inline One dimension or several. */
export type GivenAxes = number | readonly number[]

const isAxis = (value: unknown): boolean => Number.isInteger(value) && value !== 0

/** The check of {@link GivenAxis}. */
export const axisCheck: Check = custom('an integer that is not 0, the batch', (value) =>
  Array.isArray(value) ? value.length === 1 && isAxis(value[0]) : isAxis(value),
)

/** The check of {@link GivenAxes}. */
export const axesCheck: Check = custom('an integer that is not 0, the batch, or an array of such', (value) =>
  Array.isArray(value) ? value.length > 0 && Array.from(value).every(isAxis) : isAxis(value),
)

/** The dimension that an option names; by default the last. */
export const singleAxis = (given: GivenAxis = -1): number => (typeof given === 'number' ? given : given[0])

/** A dimension of a shape, from its start, and its size, which must be known. `ERR_SHAPE`. */
export function axisOf(given: number, shape: Shape): { readonly axis: number; readonly size: number } {
  const [axis] = placesOf([given], shape)
  const size = shape[axis as number]
  if (typeof size !== 'number') {
    throw new SeqloomError('ERR_SHAPE', `dimension ${axis} of ${showShape(shape)} must be known`)
  }
  return { axis: axis as number, size }
}

/** Dimensions of a shape, from its start, in order. `ERR_SHAPE`. */
export function placesOf(given: GivenAxes, shape: Shape): number[] {
  const list = typeof given === 'number' ? [given] : given
  const axes = list.map((axis) => {
    const place = axis < 0 ? axis + shape.length : axis
    if (place > 0 && place < shape.length) return place
    throw new SeqloomError('ERR_SHAPE', `axis ${axis} is none of an input of shape ${showShape(shape)}, or its batch`)
  })
  if (new Set(axes).size < axes.length) {
    throw new SeqloomError('ERR_SHAPE', `the axes ${list.join(', ')} of ${showShape(shape)} are not all different`)
  }
  return axes.sort((a, b) => a - b)
}
