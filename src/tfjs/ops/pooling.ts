// Poolings of tensors: what windows cover, reduced.
import { describe } from '../../errors.js'
import { check } from '../failure.js'
import type { Tensor } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { div, mul } from './arithmetic.js'
import { onesLike } from './creation.js'
import { oneHot } from './gather.js'
import { composed } from './op.js'
import { argMax, sum } from './reduce.js'
import { transpose } from './shape.js'
import {
  channelsLast,
  checkRounding,
  covered,
  eachOf,
  type Going,
  joinedFrom,
  type Padding,
  type Several,
} from './spatial.js'

/** Less than any number that is not infinite. */
const least = -3.4e38

/** The largest that each window covers; of equal ones, the first has the gradient. */
function largest(name: string, x: Tensor, going: Going): Tensor {
  const { length } = going.sizes
  const patches = joinedFrom(covered(name, x, { ...going, filler: least }), length + 1, 2 * length + 1)
  const elements = patches.shape[length + 1] as number
  const axes = Array.from({ length: length + 1 }, (_, at) => at)
  const lastly = transpose(patches, [...axes, length + 2, length + 1])
  if (elements === 1) return sum(lastly, -1)
  return sum(mul(lastly, oneHot(argMax(lastly, length + 2) as Tensor, elements)), -1)
}

/** The mean of what each window covers, without what is before and behind. */
function means(name: string, x: Tensor, going: Going): Tensor {
  const { length } = going.sizes
  const axes = going.sizes.map((_, at) => length + 1 + at)
  const total = (values: Tensor): Tensor => sum(covered(name, values, going), axes)
  return div(
    total(x),
    going.padding === 'valid' ? going.sizes.reduce((product, size) => product * size, 1) : total(onesLike(x)),
  )
}

function pooled(
  name: string,
  kind: 'max' | 'avg',
  x: Tensor | TensorLike,
  count: number,
  [sizes, strides, dilations, padding, dataFormat]: readonly [Several, Several, Several, Padding, string],
  dimRoundingMode: string | undefined,
): Tensor {
  checkRounding(name, dimRoundingMode)
  const { input, back } = channelsLast(name, x, count, dataFormat)
  const going = {
    sizes: eachOf(name, 'filterSize', sizes, count),
    strides: eachOf(name, 'strides', strides, count),
    dilations: eachOf(name, 'dilations', dilations, count),
    padding,
  }
  return back((kind === 'max' ? largest : means)(name, input, going))
}

/** The largest of each window over `[rows, height, width, channels]`, or over one row. */
export const maxPool = <T extends Tensor>(
  x: T | TensorLike,
  filterSize: Several,
  strides: Several,
  pad: Padding,
  dimRoundingMode?: string,
): T =>
  composed('maxPool', () => pooled('maxPool', 'max', x, 2, [filterSize, strides, 1, pad, 'NHWC'], dimRoundingMode) as T)

/** The mean of each window over `[rows, height, width, channels]`, or over one row; what is padded does not count. */
export const avgPool = <T extends Tensor>(
  x: T | TensorLike,
  filterSize: Several,
  strides: Several,
  pad: Padding,
  dimRoundingMode?: string,
): T =>
  composed('avgPool', () => pooled('avgPool', 'avg', x, 2, [filterSize, strides, 1, pad, 'NHWC'], dimRoundingMode) as T)

/** {@link maxPool} of `[rows, depth, height, width, channels]`. */
export const maxPool3d = <T extends Tensor>(
  x: T | TensorLike,
  filterSize: Several,
  strides: Several,
  pad: Padding,
  dimRoundingMode?: string,
  dataFormat: 'NDHWC' | 'NCDHW' = 'NDHWC',
): T =>
  composed(
    'maxPool3d',
    () => pooled('maxPool3d', 'max', x, 3, [filterSize, strides, 1, pad, dataFormat], dimRoundingMode) as T,
  )

/** {@link avgPool} of `[rows, depth, height, width, channels]`. */
export const avgPool3d = <T extends Tensor>(
  x: T | TensorLike,
  filterSize: Several,
  strides: Several,
  pad: Padding,
  dimRoundingMode?: string,
  dataFormat: 'NDHWC' | 'NCDHW' = 'NDHWC',
): T =>
  composed(
    'avgPool3d',
    () => pooled('avgPool3d', 'avg', x, 3, [filterSize, strides, 1, pad, dataFormat], dimRoundingMode) as T,
  )

/** {@link maxPool} or {@link avgPool} with dilated windows; strides are 1 unless given. */
export const pool = <T extends Tensor>(
  x: T | TensorLike,
  windowShape: Several,
  poolingType: 'avg' | 'max',
  pad: Padding,
  dilations?: Several | null,
  strides?: Several | null,
  dimRoundingMode?: string,
): T =>
  composed('pool', () => {
    check(
      poolingType === 'avg' || poolingType === 'max',
      'ERR_OPTION',
      () => `pool: poolingType must be 'avg' or 'max', not ${describe(poolingType)}`,
    )
    return pooled(
      'pool',
      poolingType,
      x,
      2,
      [windowShape, strides ?? 1, dilations ?? 1, pad, 'NHWC'],
      dimRoundingMode,
    ) as T
  })
