// What windows over a dimension cover: convolutions and poolings are products and reductions of it.
import { describe } from '../../errors.js'
import { check } from '../failure.js'
import { fullStrides, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor } from '../tensor.js'
import type { DataValues } from '../types.js'
import { op } from './op.js'
import { copyView, type Numbers } from './walk.js'

/** How many elements stand before and behind: 'same' makes as many windows as there are elements, or strides of them. */
export type WindowPadding = 'valid' | 'same' | readonly [before: number, behind: number]

/** Windows over one dimension. */
export interface WindowSettings {
  readonly size: number
  readonly stride: number
  readonly dilation: number
  readonly padding: WindowPadding
  /** What is before and behind the elements; default 0. */
  readonly filler?: number
}

/** How many elements are before the first window's, and how many windows there are. */
function placesOf(length: number, { size, stride, dilation, padding }: WindowSettings) {
  const reach = (size - 1) * dilation + 1
  if (padding === 'same') {
    const places = Math.ceil(length / stride)
    const missing = Math.max((places - 1) * stride + reach - length, 0)
    return { before: Math.floor(missing / 2), places }
  }
  const [before, behind] = padding === 'valid' ? [0, 0] : padding
  return { before, places: Math.floor((length + before + behind - reach) / stride) + 1 }
}

/** For each place along a dimension, what a window covers there, in a dimension behind it: `[…, n, …]` is `[…, places, size, …]`. */
export const windows: (x: Tensor, axis: number, settings: WindowSettings) => Tensor = op<typeof windows>(
  'windows',
  (x, axis, settings) => {
    const { size, stride, dilation, filler = 0 } = settings
    const length = x.shape[axis] as number
    const { before, places } = placesOf(length, settings)
    check(
      places > 0,
      'ERR_SHAPE',
      () => `windows of ${size} elements do not fit into dimension ${axis} of ${describe(x.shape)}`,
    )
    const shape = x.shape.toSpliced(axis, 1, places, size)
    const values = allocateValues('windows', x.dtype, sizeFromShape(shape)) as Numbers
    if (filler !== 0) values.fill(filler)
    const [from, to] = [fullStrides(x.shape), fullStrides(shape)]
    const [step, place, element] = [from[axis], to[axis], to[axis + 1]] as [number, number, number]
    for (let at = 0; at < size; at++) {
      // The places whose element `at` is one of the dimension's.
      const offset = at * dilation - before
      const first = Math.max(0, Math.ceil(-offset / stride))
      const end = Math.min(places, Math.floor((length - 1 - offset) / stride) + 1)
      if (end <= first) continue
      copyView(
        x.shape.with(axis, end - first),
        { values: x.values, start: (first * stride + offset) * step, strides: from.with(axis, step * stride) },
        { values: values as DataValues, start: first * place + at * element, strides: to.toSpliced(axis + 1, 1) },
      )
    }
    return new Tensor(shape, x.dtype, values as DataValues)
  },
)
