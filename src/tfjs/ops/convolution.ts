// Convolutions of tensors: products of matrices with what windows cover.
import { describe } from '../../errors.js'
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { Tensor } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { mul } from './arithmetic.js'
import { concat } from './join.js'
import { matMul } from './matrix.js'
import { composed } from './op.js'
import { sum } from './reduce.js'
import { expandDims, reshape } from './shape.js'
import { slice } from './slice.js'
import {
  channelsLast,
  checkRounding,
  covered,
  eachOf,
  isTraced,
  joinedFrom,
  type Padding,
  type Several,
} from './spatial.js'

/** @inline A tensor, or its values. */
type Values = Tensor | TensorLike

const filterOf = (name: string, filter: Values, rank: number): Tensor => {
  const given = filter instanceof Tensor ? filter : convertToTensor<Tensor>(filter, 'filter', name)
  check(
    given.rank === rank,
    'ERR_SHAPE',
    () => `Error in ${name}: filter must be rank ${rank}, but got rank ${given.rank}.`,
  )
  return given
}

function checkChannels(name: string, x: Tensor, filter: Tensor): void {
  const [inputs, taken] = [x.shape.at(-1), filter.shape.at(-2)]
  check(
    inputs === taken,
    'ERR_SHAPE',
    () => `Error in ${name}: depth of input (${inputs}) must match input depth for filter ${taken}.`,
  )
}

/** A filter `[…sizes, inputs, outputs]` as a matrix `[elements, outputs]`. */
function matrixOf(filter: Tensor): Tensor {
  const outputs = filter.shape.at(-1) as number
  if (!isTraced(filter)) return reshape(filter, [-1, outputs])
  // Weights that are recorded are not given another shape, but cut and joined.
  const sizes = filter.shape.slice(0, -2)
  const space = sizes.map((_, axis) => axis)
  const parts = sizes
    .reduce<number[][]>(
      (places, size) => places.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i])),
      [[]],
    )
    .map((at) => {
      const one = slice(filter, [...at, 0, 0], [...at.map(() => 1), filter.shape.at(-2) as number, outputs])
      return sum(one, space)
    })
  return parts.length === 1 ? (parts[0] as Tensor) : (concat(parts, 0) as Tensor)
}

type Settings = readonly [strides: Several, padding: Padding, dataFormat: string, dilations: Several]

/** What a filter covers at each place, `[rows, …places, …sizes, inputs]`; the filter, and how results go back. */
function patchesOf(
  name: string,
  x: Values,
  filter: Values,
  count: number,
  [strides, padding, dataFormat, dilations]: Settings,
  dimRoundingMode: string | undefined,
) {
  checkRounding(name, dimRoundingMode)
  const kernel = filterOf(name, filter, count + 2)
  const { input, back } = channelsLast(name, x, count, dataFormat)
  checkChannels(name, input, kernel)
  const patches = covered(name, input, {
    sizes: kernel.shape.slice(0, count),
    strides: eachOf(name, 'strides', strides, count),
    dilations: eachOf(name, 'dilations', dilations, count),
    padding,
  })
  return { patches, kernel, back }
}

function convolved(
  name: string,
  x: Values,
  filter: Values,
  count: number,
  settings: Settings,
  dimRoundingMode?: string,
): Tensor {
  const { patches, kernel, back } = patchesOf(name, x, filter, count, settings, dimRoundingMode)
  const rows = joinedFrom(patches, count + 1, 2 * count + 2)
  return back(matMul(rows, matrixOf(kernel)) as Tensor)
}

/** The convolution of `[rows, steps, channels]`, or of one row, with a filter `[size, inputs, outputs]`. */
export const conv1d = <T extends Tensor>(
  x: T | TensorLike,
  filter: Values,
  stride: number,
  pad: Padding,
  dataFormat: 'NWC' | 'NCW' = 'NWC',
  dilation = 1,
  dimRoundingMode?: string,
): T =>
  composed('conv1d', () => convolved('conv1d', x, filter, 1, [stride, pad, dataFormat, dilation], dimRoundingMode) as T)

/** The convolution of `[rows, height, width, channels]`, or of one row, with a filter `[height, width, inputs, outputs]`. */
export const conv2d = <T extends Tensor>(
  x: T | TensorLike,
  filter: Values,
  strides: Several,
  pad: Padding,
  dataFormat: 'NHWC' | 'NCHW' = 'NHWC',
  dilations: Several = [1, 1],
  dimRoundingMode?: string,
): T =>
  composed(
    'conv2d',
    () => convolved('conv2d', x, filter, 2, [strides, pad, dataFormat, dilations], dimRoundingMode) as T,
  )

/** The convolution of `[rows, depth, height, width, channels]`, or of one row, with a filter of one dimension of space more. */
export const conv3d = <T extends Tensor>(
  x: T | TensorLike,
  filter: Values,
  strides: Several,
  pad: Padding,
  dataFormat: 'NDHWC' | 'NCDHW' = 'NDHWC',
  dilations: Several = [1, 1, 1],
): T => composed('conv3d', () => convolved('conv3d', x, filter, 3, [strides, pad, dataFormat, dilations]) as T)

/** The convolution of each channel by itself with a filter `[height, width, channels, multiplier]`. */
export const depthwiseConv2d = <T extends Tensor>(
  x: T | TensorLike,
  filter: Values,
  strides: Several,
  pad: Padding,
  dataFormat: 'NHWC' | 'NCHW' = 'NHWC',
  dilations: Several = [1, 1],
  dimRoundingMode?: string,
): T =>
  composed('depthwiseConv2d', () => {
    const settings = [strides, pad, dataFormat, dilations] as const
    const { patches, kernel, back } = patchesOf('depthwiseConv2d', x, filter, 2, settings, dimRoundingMode)
    return back(joinedFrom(sum(mul(expandDims(patches, -1), kernel), [3, 4]), 3, 5)) as T
  })

/** A {@link depthwiseConv2d}, and a convolution of one element that mixes its channels. */
export const separableConv2d = <T extends Tensor>(
  x: T | TensorLike,
  depthwiseFilter: Values,
  pointwiseFilter: Values,
  strides: Several,
  pad: Padding,
  dilation: Several = [1, 1],
  dataFormat: 'NHWC' | 'NCHW' = 'NHWC',
): T =>
  composed('separableConv2d', () => {
    const pointwise = filterOf('separableConv2d', pointwiseFilter, 4)
    check(
      pointwise.shape[0] === 1 && pointwise.shape[1] === 1,
      'ERR_SHAPE',
      () => `separableConv2d: the pointwise filter must be [1, 1, inputs, outputs], not ${describe(pointwise.shape)}`,
    )
    const each = depthwiseConv2d(x, depthwiseFilter, strides, pad, dataFormat, dilation)
    return conv2d(each, pointwise, 1, 'valid', dataFormat) as T
  })
