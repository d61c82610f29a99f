import type { Call, Operator } from '../call.js'
import { type Axes, type Computed, type Constant, dimsOf, malformed, unsupported, type Value } from '../values.js'
import { matmul } from './products.js'
import { reshapedTo, transposed } from './shapes.js'

/** An operand with the axes of its letters in another order, the last two lists each as one axis. */
function ordered(call: Call, x: Computed | Constant, letters: string, groups: readonly string[]): Computed | Constant {
  const order = groups.join('')
  const moved = transposed(
    x,
    [...order].map((letter) => letters.indexOf(letter)),
  ) as Computed | Constant
  const lead = groups.slice(0, -2).join('').length
  const [second, last] = groups.slice(-2).map((group) => group.length) as [number, number]
  if (moved.kind === 'computed') {
    const { logical } = moved
    const joined = (from: number, count: number) => logical.slice(from, from + count).flat()
    const axes: Axes = [...logical.slice(0, lead), joined(lead, second), joined(lead + second, last)]
    return { ...moved, logical: axes }
  }
  const dims = dimsOf(moved)
  const size = (from: number, count: number) =>
    dims.slice(from, from + count).reduce<number>((all, dim) => all * (dim as number), 1)
  return reshapedTo(
    call,
    moved,
    [...dims.slice(0, lead), size(lead, second), size(lead + second, last)],
    false,
  ) as Constant
}

/** A product of two values by the letters of their axes: as a matrix product. */
function einsum(call: Call): Value {
  const equation = call.node.text('equation', '').replaceAll(' ', '')
  const found = /^([a-z]+),([a-z]+)->([a-z]*)$/i.exec(equation)
  if (found === null || call.inputs.length !== 2) throw unsupported(`the equation '${equation}'`)
  const [left, right, out] = found.slice(1) as [string, string, string]
  const [x, y] = [call.data(0), call.data(1)]
  const isOnce = (letters: string) => new Set(letters).size === letters.length
  if (left.length !== dimsOf(x).length || right.length !== dimsOf(y).length) {
    throw malformed(`the equation '${equation}' for ${dimsOf(x).length} and ${dimsOf(y).length} dimensions`)
  }
  if (![left, right, out].every(isOnce)) throw unsupported(`the equation '${equation}'`)
  const pick = (letters: string, test: (letter: string) => boolean) => [...letters].filter(test).join('')
  const both = pick(out, (letter) => left.includes(letter) && right.includes(letter))
  const inner = pick(left, (letter) => right.includes(letter) && !out.includes(letter))
  const rows = pick(out, (letter) => left.includes(letter) && !right.includes(letter))
  const columns = pick(out, (letter) => right.includes(letter) && !left.includes(letter))
  if (
    both.length + inner.length + rows.length !== left.length ||
    both.length + rows.length + columns.length !== out.length
  ) {
    throw unsupported(`the equation '${equation}', which sums up one value alone`)
  }
  if (both.length + inner.length + columns.length !== right.length) {
    throw unsupported(`the equation '${equation}', which sums up one value alone`)
  }
  const product = matmul(
    call,
    ordered(call, x, left, [...both, rows, inner]),
    ordered(call, y, right, [...both, inner, columns]),
  )
  const sizes = new Map([...left].map((letter, at) => [letter, dimsOf(x)[at]] as const))
  for (const [at, letter] of [...right].entries()) if (!sizes.has(letter)) sizes.set(letter, dimsOf(y)[at])
  const order = both + rows + columns
  const apart = reshapedTo(
    call,
    product,
    [...order].map((letter) => sizes.get(letter) as number),
    false,
  )
  return transposed(
    apart,
    [...out].map((letter) => order.indexOf(letter)),
  )
}

export const einsumOperators: Readonly<Record<string, Operator>> = {
  Einsum: einsum,
}
