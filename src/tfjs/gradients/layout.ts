// How gradients go back through functions that move elements, and through those that reduce and multiply.
import { add, div, mul, sub } from '../ops/arithmetic.js'
import { tensor } from '../ops/creation.js'
import { gather, gatherND, unsortedSegmentSum } from '../ops/gather.js'
import { split, unstack } from '../ops/join.js'
import { equal } from '../ops/logic.js'
import { matMul } from '../ops/matrix.js'

import { sum } from '../ops/reduce.js'
import { cumprod, cumsum } from '../ops/search.js'
import { broadcastTo, cast, reshape, tile, transpose } from '../ops/shape.js'
import { mirrorPad, pad, reverse, slice, stridedSlice } from '../ops/slice.js'
import { exp } from '../ops/unary.js'
import { windows } from '../ops/windows.js'
import { parseAxes, parseAxis } from '../shapes.js'
import type { Tensor } from '../tensor.js'
import { summedTo } from './elementwise.js'
import type { Rule } from './tape.js'

// biome-ignore lint/suspicious/noExplicitAny: any function of a tensor and more.
type Moving = (x: any, ...rest: any[]) => Tensor | Tensor[]

/**
 * A rule for a function that only moves elements: it moves the places of the elements likewise, and each gets the sum of
 * the gradients of where it went. Places below 0 are of no element.
 */
const moved =
  (f: Moving): Rule =>
  (dys, [x, ...rest]) => [
    () => {
      const places = tensor(
        Int32Array.from({ length: x.size }, (_, at) => at),
        x.shape,
        'int32',
      )
      const found = f(places, ...rest)
      const gradients = (Array.isArray(found) ? found : [found]).map((each, at) =>
        unsortedSegmentSum(reshape(dys[at] as Tensor, [-1]), reshape(each, [-1]), x.size),
      )
      return reshape(gradients.reduce(add), x.shape)
    },
  ]

const reshapedBack: Rule = ([dy], [x]) => [() => reshape(dy as Tensor, (x as Tensor).shape)]

export const layoutRules: Readonly<Record<string, Rule>> = {
  reshape: reshapedBack,
  expandDims: reshapedBack,
  squeeze: reshapedBack,
  transpose: ([dy], [x, perm]) => {
    const order: number[] = perm ?? (x as Tensor).shape.map((_, axis) => (x as Tensor).rank - 1 - axis)
    return [
      () =>
        transpose(
          dy as Tensor,
          order.map((_, axis) => order.indexOf(axis)),
        ),
    ]
  },
  broadcastTo: ([dy], [x]) => [() => summedTo(dy as Tensor, (x as Tensor).shape)],
  tile: moved(tile),
  slice: moved(slice),
  stridedSlice: moved(stridedSlice),
  reverse: moved(reverse),
  pad: moved((x, paddings) => pad(x, paddings, -1)),
  mirrorPad: moved(mirrorPad),
  windows: moved((x, axis, settings) => windows(x, axis, { ...settings, filler: -1 })),
  gather: moved(gather),
  gatherND: moved(gatherND),
  unstack: moved(unstack),
  split: moved(split),
  unsortedSegmentSum: ([dy], [, ids, count]) => [
    // The ids of rows that are left out find a row of zeros, behind the others.
    () => {
      const rows = (dy as Tensor).shape.slice(1)
      const known = (ids as Tensor).dataSync<'int32'>().map((id) => (id >= 0 && id < count ? id : count))
      const padded = pad(dy as Tensor, [[0, 1], ...rows.map((): [number, number] => [0, 0])])
      return gather(padded, tensor(known, (ids as Tensor).shape, 'int32'))
    },
  ],
  concat: ([dy], [list, axis = 0]) => {
    const parts = list as Tensor[]
    const at = parseAxis(axis, (parts[0] as Tensor).shape)
    const pieces = split(
      dy as Tensor,
      parts.map(({ shape }) => shape[at] as number),
      at,
    )
    return parts.map((_, i) => () => pieces[i] as Tensor)
  },
  stack: ([dy], [list, axis = 0]) => {
    const pieces = unstack(dy as Tensor, axis)
    return (list as Tensor[]).map((_, i) => () => pieces[i] as Tensor)
  },
}

/** A reduced tensor with its axes again, as dimensions of size 1. */
function spread(y: Tensor, x: Tensor, axis: number | number[] | null | undefined): Tensor {
  const axes = parseAxes(axis, x.shape)
  return reshape(
    y,
    x.shape.map((dim, each) => (axes.includes(each) ? 1 : dim)),
  )
}

const countOf = (x: Tensor, axis: number | number[] | null | undefined): number =>
  parseAxes(axis, x.shape).reduce((product, each) => product * (x.shape[each] as number), 1)

/** All values that are the largest, or the smallest, have the whole gradient, as in TensorFlow.js. */
const extreme: Rule = ([dy], [x, axis], [y]) => [
  () => mul(spread(dy as Tensor, x, axis), cast(equal(x, spread(y as Tensor, x, axis)), 'float32')),
]

/** The last two dimensions of a tensor exchanged. */
const turned = (x: Tensor): Tensor => {
  const axes = x.shape.map((_, axis) => axis)
  return transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2])
}

export const reductionRules: Readonly<Record<string, Rule>> = {
  sum: ([dy], [x, axis]) => [() => broadcastTo(spread(dy as Tensor, x, axis), (x as Tensor).shape)],
  mean: ([dy], [x, axis]) => [
    () => broadcastTo(div(spread(dy as Tensor, x, axis), Math.max(1, countOf(x, axis))), (x as Tensor).shape),
  ],
  max: extreme,
  min: extreme,
  prod: ([dy], [x, axis]) => [
    // The product of all others, without a division, which may be by zero.
    () => {
      const given = x as Tensor
      const axes = parseAxes(axis, given.shape)
      const order = [...given.shape.map((_, each) => each).filter((each) => !axes.includes(each)), ...axes]
      const moved = transpose(given, order)
      const rows = reshape(moved, [-1, countOf(given, axis)])
      const others = reshape(mul(cumprod(rows, 1, true), cumprod(rows, 1, true, true)), moved.shape)
      const back = transpose(
        others,
        order.map((_, each) => order.indexOf(each)),
      )
      return mul(spread(dy as Tensor, given, axis), back)
    },
  ],
  cumsum: ([dy], [, axis = 0, exclusive = false, reversed = false]) => [
    () => cumsum(dy as Tensor, axis, exclusive, !reversed),
  ],
  softmax: ([dy], _, [y]) => [
    () => {
      const weighed = mul(dy as Tensor, y as Tensor)
      return sub(weighed, mul(sum(weighed, -1, true), y as Tensor))
    },
  ],
  logSoftmax: ([dy], _, [y]) => [() => sub(dy as Tensor, mul(sum(dy as Tensor, -1, true), exp(y as Tensor)))],
  matMul: ([dy], [a, b, transposeA = false, transposeB = false]) => {
    const [gradient, left, right] = [dy, a, b] as [Tensor, Tensor, Tensor]
    return [
      () => {
        const own = matMul(gradient, right, false, !transposeB)
        return summedTo(transposeA ? turned(own) : own, left.shape)
      },
      () => {
        const own = matMul(left, gradient, !transposeA)
        return summedTo(transposeB ? turned(own) : own, right.shape)
      },
    ]
  },
}
