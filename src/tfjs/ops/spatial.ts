// What convolutions and poolings have in common: their arguments, and the windows over all dimensions of space.
import { describe } from '../../errors.js'
import { convertToTensor } from '../convert.js'
import { check, unsupported } from '../failure.js'
import { Tensor, TracedTensor } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { expandDims, reshape, squeeze, transpose } from './shape.js'
import { type WindowPadding, windows } from './windows.js'

/** @inline Padding as TensorFlow.js takes it: a number on every side, or for each dimension of the input how many before and behind. */
export type Padding = 'valid' | 'same' | number | readonly (readonly [number, number])[]

/** @inline One number for all dimensions, or one for each. */
export type Several = number | readonly number[]

/** A size for each dimension of space. */
export function eachOf(name: string, what: string, given: Several, count: number): number[] {
  const list = typeof given === 'number' ? Array<number>(count).fill(given) : given
  check(
    Array.isArray(list) && list.length === count && list.every((each) => Number.isInteger(each) && each >= 1),
    'ERR_OPTION',
    () =>
      `${name}: ${what} must be ${count === 1 ? 'an integer' : `one integer or ${count} of them`} from 1, not ${describe(given)}`,
  )
  return [...(list as number[])]
}

/** The padding of each dimension of space, of which there are `count`, from the second dimension on. */
function paddingsOf(name: string, padding: Padding, count: number): WindowPadding[] {
  if (padding === 'valid' || padding === 'same') return Array<WindowPadding>(count).fill(padding)
  const isCount = (each: unknown) => Number.isInteger(each) && (each as number) >= 0
  if (isCount(padding)) return Array<WindowPadding>(count).fill([padding as number, padding as number])
  const pairs = padding as readonly (readonly [number, number])[]
  check(
    Array.isArray(pairs) &&
      pairs.length === count + 2 &&
      pairs.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isCount)),
    'ERR_OPTION',
    () =>
      `${name}: pad must be 'valid', 'same', an integer from 0 or ${count + 2} pairs of them, not ${describe(padding)}`,
  )
  return pairs.slice(1, -1)
}

/** An input with its rows first and its channels last, and the way back for the result. */
export function channelsLast(name: string, x: Tensor | TensorLike, count: number, dataFormat: string) {
  const given = x instanceof Tensor ? x : convertToTensor<Tensor>(x, 'x', name)
  check(
    given.rank === count + 1 || given.rank === count + 2,
    'ERR_SHAPE',
    () => `Error in ${name}: input must be rank ${count + 2}, but got rank ${given.rank}.`,
  )
  check(
    [`N${'DHW'.slice(-count)}C`, `NC${'DHW'.slice(-count)}`].includes(dataFormat),
    'ERR_OPTION',
    () => `${name}: there is no data format ${describe(dataFormat)} of ${count} dimensions of space`,
  )
  const isOne = given.rank === count + 1
  const space = Array.from({ length: count }, (_, at) => at + 1)
  const batched = (isOne ? expandDims(given, 0) : given) as Tensor
  const isFirst = dataFormat.startsWith('NC')
  return {
    input: isFirst ? transpose(batched, [0, ...space.map((at) => at + 1), 1]) : batched,
    back: (result: Tensor): Tensor => {
      const made = isFirst ? transpose(result, [0, count + 1, ...space]) : result
      return isOne ? (squeeze(made, [0]) as Tensor) : made
    },
  }
}

/** How windows go over the dimensions of space. */
export interface Going {
  readonly sizes: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly padding: Padding
  readonly filler?: number
}

/** What windows cover: `[rows, …places, …sizes, channels]`. */
export function covered(name: string, x: Tensor, { sizes, strides, dilations, padding, filler = 0 }: Going): Tensor {
  const count = sizes.length
  const paddings = paddingsOf(name, padding, count)
  const all = sizes.reduce(
    (value, size, at) =>
      windows(value, 1 + 2 * at, {
        size,
        stride: strides[at] as number,
        dilation: dilations[at] as number,
        padding: paddings[at] as WindowPadding,
        filler,
      }),
    x,
  )
  const each = sizes.map((_, at) => at)
  return transpose(all, [0, ...each.map((at) => 1 + 2 * at), ...each.map((at) => 2 + 2 * at), 1 + 2 * count])
}

/** Some dimensions of what is covered, from `from` on, as one. */
export function joinedFrom(x: Tensor, from: number, to: number): Tensor {
  const shape = x.shape as readonly (number | null)[]
  const size = shape.slice(from, to).reduce<number>((product, each) => product * (each ?? 0), 1)
  // Where a function is recorded, the number of rows is not known.
  return reshape(x, [shape[0] ?? -1, ...shape.slice(1, from), size, ...shape.slice(to)] as never)
}

/** TensorFlow.js rounds how many windows there are; here, as by default there, it is always down. */
export function checkRounding(name: string, mode: unknown): void {
  if (mode !== undefined && mode !== null && mode !== 'floor') {
    throw unsupported(`the dimRoundingMode '${mode}' of tf.${name}`, "leave it out, or use 'floor'")
  }
}

export const isTraced = (x: unknown): x is TracedTensor => x instanceof TracedTensor
