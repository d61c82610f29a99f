import { SeqloomError } from '../../errors.js'
import { elementwise as functions } from '../../table.js'
import type { SettingsOf } from '../wire.js'
import {
  batch,
  broadcastDim,
  canonical,
  hasBatch,
  product,
  type Size,
  show,
  sum,
  type TracedDim,
  type TracedShape,
  unify,
} from './size.js'
import { placesOf, reachOf } from './windows.js'

/** `ERR_SHAPE` with what does not fit; whoever catches it adds where. */
export const problem = (message: string): SeqloomError => new SeqloomError('ERR_SHAPE', message)

type Shapes = readonly TracedShape[]

const only = (inputs: Shapes): TracedShape => inputs[0] as TracedShape

/** The shape of two values combined element by element: numpy's rule, from the last dimension on; rows never meet. */
function broadcast(a: TracedShape, b: TracedShape): TracedShape {
  const rank = Math.max(a.length, b.length)
  const result: TracedDim[] = []
  for (let back = rank; back >= 1; back--) {
    const dim = broadcastDim(dimAt(a, back), dimAt(b, back))
    if (dim === undefined || (dim === batch && back !== rank)) {
      const both = hasBatch(a) && hasBatch(b) && a.length !== b.length
      const [small, large] = a.length < b.length ? [a, b] : [b, a]
      const hint = both
        ? `; shapes are compared from the last dimension on, so give ${show(small)} the missing dimension of ${show(large)} with expandDims`
        : ''
      throw problem(`the shapes ${show(a)} and ${show(b)} do not fit${hint}`)
    }
    result.push(dim)
  }
  return result
}

const dimAt = (shape: TracedShape, back: number): TracedDim =>
  back > shape.length ? 1 : (shape.at(-back) as TracedDim)

/** The shape of a product of matrices: numpy's rule for values of two and more dimensions. */
export function matmul(
  [a, b]: Shapes,
  { transposeA, transposeB }: { readonly transposeA: boolean; readonly transposeB: boolean },
): TracedShape {
  const [left, right] = [a as TracedShape, b as TracedShape]
  const what = `${show(left)}${transposeA ? ' (transposed)' : ''} times ${show(right)}${transposeB ? ' (transposed)' : ''}`
  if (left.length < 2 || right.length < 2) {
    throw problem(`${what}: both need two dimensions or more; for a vector of weights use mul and sum`)
  }
  const batchInside =
    (right.length === 2 && hasBatch(right)) || (left.length === 2 && hasBatch(left) && (transposeA || hasBatch(right)))
  if (batchInside) {
    throw problem(
      `${what} would mix the rows of the batch; matrices of a row are [batch, n, m], so use expandDims(1) on a value [batch, n]`,
    )
  }
  const [m, k] = matrix(left, transposeA)
  const [inner, n] = matrix(right, transposeB)
  if (unify(k, inner) === undefined) {
    throw problem(`${what}: the inner sizes ${k ?? '?'} and ${inner ?? '?'} differ`)
  }
  const result = [...broadcast(left.slice(0, -2), right.slice(0, -2)), m, n]
  if (result.includes(batch, 1)) throw problem(`${what}: the batch must stay the first dimension`)
  return result
}

function matrix(shape: TracedShape, transposed: boolean): readonly [TracedDim, TracedDim] {
  const [rows, columns] = shape.slice(-2) as [TracedDim, TracedDim]
  return transposed ? [columns, rows] : [rows, columns]
}

/** A dimension that is not the batch, or `ERR_SHAPE`. */
function checkAxis(shape: TracedShape, axis: number): void {
  if (axis >= shape.length) throw problem(`there is no dimension ${axis} in ${show(shape)}`)
  if (shape[axis] === batch) throw problem(`dimension 0 of ${show(shape)} is the batch, whose rows must not mix`)
}

/** The shape of something done along one dimension. */
export function alongAxis(inputs: Shapes, { axis }: { readonly axis: number }): TracedShape {
  checkAxis(only(inputs), axis)
  return only(inputs)
}

/** The shape of sums along one dimension, which may begin with given ones. */
export function cumulativeSum(inputs: Shapes, attributes: { readonly axis: number }): TracedShape {
  const [x, initial] = [alongAxis(inputs, attributes), inputs[1]]
  if (initial && !fits(initial, withoutAxis(inputs, attributes))) {
    throw problem(`the first sums ${show(initial)} do not fit ${show(x)}`)
  }
  return x
}

/** Whether two shapes can be the same. */
const fits = (a: TracedShape, b: TracedShape): boolean =>
  a.length === b.length && a.every((dim, at) => unify(dim, b[at] as TracedDim) !== undefined)

/** The shape of a softmax, with a mask that broadcasts to the value. */
export function softmax(inputs: Shapes, attributes: { readonly axis: number }): TracedShape {
  const x = alongAxis(inputs, attributes)
  const mask = inputs[1]
  if (mask && !fits(broadcast(x, mask), x)) {
    throw problem(`the mask ${show(mask)} does not broadcast to the value ${show(x)}`)
  }
  return x
}

/** The shape of values side by side along a dimension. */
export function concatenate(inputs: Shapes, { axis }: { readonly axis: number }): TracedShape {
  const differ = () => problem(`the shapes ${inputs.map(show).join(' and ')} may differ in dimension ${axis} only`)
  for (const shape of inputs) checkAxis(shape, axis)
  return inputs.reduce((joined, shape) => {
    if (joined.length !== shape.length) throw differ()
    return joined.map((dim, at) => {
      if (at === axis) return sum(dim, shape[at] as TracedDim)
      const both = unify(dim, shape[at] as TracedDim)
      if (both === undefined) throw differ()
      return both
    })
  })
}

/** The shape of the same elements of each row under other dimensions; one dimension may be left open. */
export function reshape(inputs: Shapes, { shape }: { readonly shape: readonly (Size | null)[] }): TracedShape {
  const x = only(inputs)
  if (!hasBatch(x)) throw problem(`reshape is for values with a batch, got ${show(x)}`)
  const total = product(x.slice(1))
  const target = shape.map((dim) => (dim === null ? null : canonical(dim)))
  const known = product(target.filter((dim) => dim !== null))
  const wrong = () => problem(`rows of ${show(x)} cannot be given the shape ${show(shape)}`)
  if (!target.includes(null)) {
    if (unify(total, known) === undefined) throw wrong()
    return [batch, ...target]
  }
  if (typeof total !== 'number' || typeof known !== 'number') {
    const same = known === 1 ? total : null
    return [batch, ...target.map((dim) => dim ?? same)]
  }
  if (total % known !== 0) throw wrong()
  return [batch, ...target.map((dim) => dim ?? total / known)]
}

/** The shape of a range along a dimension. */
export function slice(
  inputs: Shapes,
  { axis, start, end }: { readonly axis: number; readonly start: number; readonly end: number },
): TracedShape {
  const x = only(inputs)
  checkAxis(x, axis)
  const size = x[axis]
  if (start >= end || (typeof size === 'number' && end > size)) {
    throw problem(`the range from ${start} to ${end} is not within dimension ${axis} of ${show(x)}`)
  }
  return x.map((dim, at) => (at === axis ? end - start : dim))
}

/** The shape of one of several equal parts along a dimension. */
export function split(
  inputs: Shapes,
  { axis, parts, part: index }: { readonly axis: number; readonly parts: number; readonly part: number },
): TracedShape {
  const x = only(inputs)
  checkAxis(x, axis)
  const size = x[axis]
  if (index >= parts) throw problem(`there is no part ${index} of ${parts}`)
  if (typeof size === 'number' && size % parts !== 0) {
    throw problem(`dimension ${axis} of ${show(x)} cannot be split into ${parts} equal parts`)
  }
  const part = typeof size === 'number' ? size / parts : parts === 1 ? (size as TracedDim) : null
  return x.map((dim, at) => (at === axis ? part : dim))
}

/** The shape with its dimensions in another order; the batch stays first. */
export function transpose(inputs: Shapes, { permutation }: { readonly permutation: readonly number[] }): TracedShape {
  const x = only(inputs)
  const complete = permutation.length === x.length && x.every((_, axis) => permutation.includes(axis))
  if (!complete) throw problem(`the order [${permutation.join(', ')}] does not name each dimension of ${show(x)} once`)
  if (hasBatch(x) && permutation[0] !== 0) throw problem(`the batch of ${show(x)} must stay first`)
  return permutation.map((axis) => x[axis] as TracedDim)
}

/** The shape of rows that were looked up in a table. */
export function gather([table, indices]: Shapes): TracedShape {
  if (!table || !indices || table.length < 1) throw problem('expected a table of at least one dimension')
  if (hasBatch(table)) {
    throw problem(
      `the table must not have a batch, got ${show(table)}; for one row's own vectors use matmul with weights`,
    )
  }
  return [...indices, ...table.slice(1)]
}

/** The shape after some dimensions were reduced to one value, or removed. */
export function reduce(
  inputs: Shapes,
  { axes, keepDims }: { readonly axes: readonly number[]; readonly keepDims: boolean },
): TracedShape {
  const x = only(inputs)
  for (const axis of axes) checkAxis(x, axis)
  return x.map((dim, at) => (axes.includes(at) ? 1 : dim)).filter((_, at) => keepDims || !axes.includes(at))
}

/** The shape after one dimension was removed. */
export const withoutAxis = (inputs: Shapes, { axis }: { readonly axis: number }): TracedShape =>
  reduce(inputs, { axes: [axis], keepDims: false })

/** The shape of windows along a dimension: their places and their elements, or these joined to the next dimension. */
export function windows(inputs: Shapes, settings: SettingsOf<'windows'>): TracedShape {
  const { axis, size, stride, dilation, flat } = settings
  const x = rows(inputs)
  checkAxis(x, axis)
  const reach = reachOf(settings)
  if (Math.max(size, stride, dilation, size * dilation) > maxReach) throw problem('windows reach too far')
  const places = placesOf(x[axis] as TracedDim, settings)
  if (places === 0) {
    throw problem(`windows over ${reach + 1} elements do not fit into dimension ${axis} of ${show(x)}`)
  }
  if (flat && axis + 1 === x.length) throw problem(`there is no dimension behind ${axis} in ${show(x)}`)
  const earlier = inputs[1]
  const last = x.map((dim, at) => (at === axis ? Math.max(reach, 1) : dim))
  if (earlier && !fits(earlier, last)) throw problem(`what comes before must be ${show(last)}, got ${show(earlier)}`)
  return x.flatMap((dim, at): TracedDim[] => {
    if (at === axis) return flat ? [places] : [places, size]
    if (at !== axis + 1 || !flat) return [dim]
    return [typeof dim === 'number' ? dim * size : size === 1 ? dim : null]
  })
}

/** Elements that windows may reach over. */
const maxReach = 2 ** 31

/** The shape of a number. */
export const scalar = (): TracedShape => []

/** The shape of a function of one to three values, element by element. */
export function elementwise(inputs: Shapes, { kind }: { readonly kind: keyof typeof functions }): TracedShape {
  const { inputs: count } = functions[kind]
  if (inputs.length !== count) throw problem(`${kind} takes ${count} values, got ${inputs.length}`)
  return inputs.reduce(broadcast)
}

/** The shape of one number for each row of logits. */
export function sample(inputs: Shapes): TracedShape {
  const x = only(inputs)
  if (x.length !== 2 || !hasBatch(x)) throw problem(`expected logits of shape [batch, n], got ${show(x)}`)
  return [batch]
}

/** The same shape. */
export const same = (inputs: Shapes): TracedShape => only(inputs)

/** The same shape, of values with a batch. */
export function rows(inputs: Shapes): TracedShape {
  if (!hasBatch(only(inputs))) throw problem(`expected a value with a batch, got ${show(only(inputs))}`)
  return only(inputs)
}

/** The shape of the mask of a sequence. */
export function mask(inputs: Shapes): TracedShape {
  const x = only(inputs)
  if (x.length < 2 || !hasBatch(x)) {
    throw problem(`expected a value with a time dimension, [batch, time, …], got ${show(x)}`)
  }
  return x.slice(0, 2)
}

/** The shape of what all rows, and all their steps, are reduced to. */
export function overBatch(inputs: Shapes): TracedShape {
  const x = only(inputs)
  if (!hasBatch(x) || x.length > 2) throw problem(`expected [batch] or [batch, time], got ${show(x)}`)
  return []
}

/** The rules that the table of operations names. */
export const rules = {
  alongAxis,
  concatenate,
  cumulativeSum,
  elementwise,
  gather,
  matmul,
  reduce,
  reshape,
  rows,
  same,
  sample,
  scalar,
  slice,
  softmax,
  transpose,
  windows,
  withoutAxis,
}
