import type { Operand } from '../../../graph/trace/operands.js'
import * as trace from '../../../graph/trace/ops.js'
import type { SymbolicValue } from '../../../graph/trace/symbolic.js'
import type { Builder } from './builder.js'
import { type Dim, divide, product, same, showDim } from './dim.js'
import type { Argument } from './segment.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  type Computed,
  type Constant,
  count,
  folded,
  hasBatch,
  isOne,
  type Ref,
  rearranged,
  sizeOf,
  stridesTo,
  unsupported,
  walk,
} from './values.js'

const value = (operand: Operand | undefined): SymbolicValue => operand as SymbolicValue

const equalAxes = (a: Axes, b: Axes): boolean =>
  a.length === b.length &&
  a.every((axis, at) => axis.length === b[at]?.length && axis.every((atom, k) => atom === b[at]?.[k]))

/** The sizes of our axes behind the batch. */
const rowDims = (axes: Axes): Dim[] => axes.slice(1).map(sizeOf)

/** A value of ours under another shape; one size may be known only per call. */
export function reshaped(builder: Builder, ref: Ref, dims: readonly Dim[]): Ref {
  if (dims.length === ref.dims.length && dims.every((dim, axis) => same(dim, ref.dims[axis] as Dim))) return ref
  const open = dims.filter((dim) => typeof dim !== 'number')
  if (open.length > 1) {
    const [own, other] = [ref.dims, dims].map((all) => all.filter((dim) => dim !== 1)) as [Dim[], Dim[]]
    if (own.length === other.length && own.every((dim, at) => same(dim, other[at] as Dim))) {
      return withOnes(builder, ref, dims)
    }
    throw unsupported(`a shape with two sizes that are known only per call, ${open.map(showDim).join(' and ')}`)
  }
  const target = dims.map((dim) => (typeof dim === 'number' ? dim : null))
  if (dims.length > 7) throw unsupported('more than eight dimensions')
  return builder.record([ref], dims, ([x]) => value(x).reshape(target))
}

/** A value of ours under a shape that differs in axes of size 1 alone. */
function withOnes(builder: Builder, ref: Ref, dims: readonly Dim[]): Ref {
  const ones = (all: readonly Dim[]) => [...all.keys()].filter((at) => all[at] === 1).map((at) => at + 1)
  const [gone, added] = [ones(ref.dims).reverse(), ones(dims)]
  // Reshaping takes one open size at most; windows of one element have an axis for it.
  const inserted = (x: SymbolicValue, axis: number) => {
    if (axis > 1) return x.windows(1, { axis: axis - 1 })
    const behind = x.windows(1, { axis: 1 })
    return behind.transpose([0, 2, 1, ...[...behind.shape.keys()].slice(3)])
  }
  return builder.record([ref], dims, ([x]) => {
    const without = gone.reduce((all, axis) => all.sum({ axis }), value(x))
    return added.reduce(inserted, without)
  })
}

/** The value with exactly these axes of ours; those of it that are missing are of size 1. `repeat`: or are repeated. */
export function arranged(
  builder: Builder,
  given: Pick<Computed, 'ref' | 'physical'>,
  target: Axes,
  repeat = false,
): Ref {
  if (equalAxes(given.physical, target)) return given.ref
  const present = new Set(given.physical.flat())
  const wanted = new Set(target.flat())
  let ref = given.ref
  const lost = given.physical.flat().filter((atom) => !wanted.has(atom) && atom.dim !== 1)
  if (lost.length > 0) throw unsupported(`an axis of ${lost.map(({ dim }) => showDim(dim)).join(' and ')} that is lost`)
  const from = given.physical.map((axis) => axis.filter((atom) => wanted.has(atom)))
  const to = target.map((axis) => axis.filter((atom) => present.has(atom)))
  const inOrder = to.flat()
  const sorted = from.flat().every((atom, at) => atom === inOrder[at])
  if (!sorted) {
    // Pieces lie together on both sides; each becomes an axis that can be moved.
    const next = new Map<Atom, Atom>()
    for (const axis of to) for (const [at, atom] of axis.entries()) if (at > 0) next.set(axis[at - 1] as Atom, atom)
    const pieces = from.flatMap((axis) => {
      const parts: Atom[][] = []
      for (const atom of axis) {
        const last = parts.at(-1)
        if (last && next.get(last.at(-1) as Atom) === atom) last.push(atom)
        else parts.push([atom])
      }
      return parts
    })
    ref = reshaped(builder, ref, rowDims(pieces))
    const order = inOrder.filter((atom) => pieces.some(([first]) => first === atom))
    const permutation = order.map((atom) => pieces.findIndex(([first]) => first === atom))
    const moved = permutation.map((at) => pieces[at] as Atom[])
    ref = builder.record([ref], rowDims(moved), ([x]) => value(x).transpose(permutation))
  }
  const missing = target.flatMap((axis) => axis.filter((atom) => !present.has(atom) && atom.dim !== 1))
  if (!repeat || missing.length === 0) return reshaped(builder, ref, rowDims(to))
  // Each repeated atom is an axis of its own first.
  const split: Atom[][] = target.flatMap((axis, at) => {
    if (at === 0) return [[...axis]]
    const parts: Atom[][] = []
    for (const atom of axis) {
      const last = parts.at(-1)
      if (last && present.has(atom) && present.has(last[0] as Atom)) last.push(atom)
      else parts.push([atom])
    }
    return parts.length === 0 ? [[]] : parts
  })
  ref = reshaped(builder, ref, rowDims(split.map((axis) => axis.filter((atom) => present.has(atom)))))
  for (const [axis, atoms] of split.entries()) {
    const [atom] = atoms
    if (atom !== undefined && missing.includes(atom)) ref = repeated(builder, ref, axis, atom)
  }
  return reshaped(builder, ref, rowDims(target))
}

/** The most copies that are put side by side. */
const mostCopies = 1024

/** Values one after the other. Of sequences, the engine does not join the steps, so they are moved to another axis for it. */
export function sideBySide(isStep: boolean, values: readonly SymbolicValue[], axis: number): SymbolicValue {
  const isTime = axis === 1 && !isStep && (values[0] as SymbolicValue).shape.length > 2
  if (!isTime) return trace.concat(values, axis)
  return trace
    .concat(
      values.map((each) => each.expandDims(1)),
      2,
    )
    .squeeze(1)
}

function repeated(builder: Builder, ref: Ref, axis: number, atom: Atom): Ref {
  const dims = ref.dims.with(axis - 1, atom.dim)
  if (typeof atom.dim === 'number') {
    const copies = atom.dim
    if (copies > mostCopies) throw unsupported(`a value repeated ${copies} times`)
    return builder.record([ref], dims, ([x]) => sideBySide(builder.isStep, Array(copies).fill(value(x)), axis))
  }
  // Zeros as long as a value that has this axis.
  const like = builder.carrier(atom)
  if (like === undefined) throw unsupported(`a value repeated ${showDim(atom.dim)} times`)
  const batch = like.physical[0] as readonly Atom[]
  const rest = like.physical.flat().filter((each) => each !== atom && !each.batch)
  const long = arranged(builder, like, [batch, [atom], rest])
  const zeros = builder.record([long], [atom.dim, 1], ([x]) => {
    const one = value(x).slice(0, 1, 2)
    return one.less(one)
  })
  const shape = dims.map((_, at) => (at === axis - 1 ? atom.dim : 1))
  return builder.record([ref, reshaped(builder, zeros, shape)], dims, ([x, y]) => value(x).add(value(y)))
}

/** Axes in which an atom is replaced by others. */
const replaced = (axes: Axes, atom: Atom, by: readonly Atom[]): Axes =>
  axes.some((axis) => axis.includes(atom))
    ? axes.map((axis) => axis.flatMap((each) => (each === atom ? by : [each])))
    : axes

/** Something that meets others element by element. */
export interface Operandish {
  physical: Axes
  logical: Axes
}

/** Makes axes of one size consist of the same atoms, in all of the operands at once. */
export function unify(operands: readonly Operandish[], x: readonly Atom[], y: readonly Atom[]): void {
  const replace = (atom: Atom, by: readonly Atom[]) => {
    for (const each of operands) {
      each.physical = replaced(each.physical, atom, by)
      each.logical = replaced(each.logical, atom, by)
    }
  }
  const [left, right] = [[...x], [...y]]
  while (left.length > 0 && right.length > 0) {
    const [a, b] = [left[0] as Atom, right[0] as Atom]
    if (a === b) {
      left.shift()
      right.shift()
    } else if (a.dim === 1 && !a.batch) left.shift()
    else if (b.dim === 1 && !b.batch) right.shift()
    else if (same(a.dim, b.dim) || (a.batch && b.batch)) {
      // Of a batch and an axis that happens to be as long, the batch is what both are, if nothing lies so in memory.
      const keepsB = b.batch && !a.batch
      const [kept, gone] = keepsB ? [b, a] : [a, b]
      if (kept.batch && !gone.batch && operands.some(({ physical }) => physical.flat().includes(gone))) {
        throw unsupported(`an axis of ${showDim(gone.dim)} that meets the batch`)
      }
      replace(gone, [kept])
      left.shift()
      right.shift()
    } else if (!a.batch && !b.batch) {
      const [quotient, inverse] = [divide(a.dim, b.dim), divide(b.dim, a.dim)]
      if (quotient !== undefined && right.length > 1) {
        const rest = atomOf(quotient)
        replace(a, [b, rest])
        left.splice(0, 1, rest)
        right.shift()
      } else if (inverse !== undefined && left.length > 1) {
        const rest = atomOf(inverse)
        replace(b, [a, rest])
        right.splice(0, 1, rest)
        left.shift()
      } else if (left.length === 1 && right.length === 1 && (typeof a.dim !== 'number' || typeof b.dim !== 'number')) {
        // Two names of what can only be one size; the engine compares them when the model runs.
        if (typeof a.dim === 'number') replace(b, [a])
        else replace(a, [b])
        left.shift()
        right.shift()
      } else throw unsupported(`the sizes ${showDim(a.dim)} and ${showDim(b.dim)} in one place`)
    } else throw unsupported(`an axis of ${showDim(a.batch ? b.dim : a.dim)} that meets the batch`)
  }
  if ([...left, ...right].some((atom) => atom.dim !== 1 || atom.batch)) {
    throw unsupported(`axes of ${showDim(sizeOf(x))} and ${showDim(sizeOf(y))} that do not meet`)
  }
}

/** Makes sure that no atom is an axis in one place of one operand and another place of another, as in `x + transposed(x)`. */
export function setApart(operands: readonly Operandish[]): void {
  const places = new Map<Atom, number>()
  for (const operand of operands) {
    const copies = new Map<Atom, Atom>()
    for (const [axis, atoms] of operand.logical.entries()) {
      const back = operand.logical.length - axis
      for (const atom of atoms) {
        const known = places.get(atom)
        if (known === undefined || atom.batch) places.set(atom, back)
        else if (known !== back) copies.set(atom, { ...atom })
      }
    }
    for (const [atom, copy] of copies) {
      operand.physical = replaced(operand.physical, atom, [copy])
      operand.logical = replaced(operand.logical, atom, [copy])
    }
  }
}

/** What the axes of several values become where they meet element by element, from the last on. */
export function met(operands: readonly Operandish[]): readonly (readonly Atom[])[] {
  const rank = Math.max(...operands.map(({ logical }) => logical.length))
  for (let back = 1; back <= rank; back++) {
    for (const [at, operand] of operands.entries()) {
      for (const other of operands.slice(0, at)) {
        const [x, y] = [other.logical.at(-back), operand.logical.at(-back)]
        if (x && y && back <= other.logical.length && back <= operand.logical.length && !isOne(x) && !isOne(y)) {
          unify(operands, x, y)
        }
      }
    }
  }
  return Array.from({ length: rank }, (_, axis) => {
    for (const { logical } of operands) {
      const at = axis - rank + logical.length
      const found = at >= 0 ? logical[at] : undefined
      if (found && !isOne(found)) return found
    }
    return []
  })
}

/** Axes of ours that hold atoms either completely or not at all, for every one of the sets. */
export function splitBy(axes: Axes, sets: readonly ReadonlySet<Atom>[]): Axes {
  const sign = (atom: Atom) => sets.map((set) => (set.has(atom) ? 1 : 0)).join('')
  return axes.flatMap((axis) => {
    const parts: Atom[][] = []
    for (const atom of axis) {
      const last = parts.at(-1)
      if (last && sign(last[0] as Atom) === sign(atom)) last.push(atom)
      else parts.push([atom])
    }
    return parts
  })
}

/** The elements of a constant in the order of axes; those that it does not have are of size 1. */
export function permuted(
  constant: Constant,
  logical: Axes,
  target: Axes,
): { readonly shape: number[]; readonly constant: Constant } {
  const atoms = logical.flat()
  const sizes = atoms.map(({ dim }) => dim as number)
  const strides = stridesTo(sizes, sizes)
  const order = target.flat().filter((atom) => atoms.includes(atom))
  const moved = order.map((atom) => atom.dim as number)
  const from = order.map((atom) => strides[atoms.indexOf(atom)] as number)
  const present = new Set(atoms)
  const shape = target.map((axis) => product(axis.filter((atom) => present.has(atom)).map(({ dim }) => dim)) as number)
  const inPlace = order.every((atom, at) => atom === atoms[at])
  return { shape, constant: inPlace ? constant : rearranged(constant, moved, from) }
}

const limit = 3.4028234663852886e38

/** A number that may stand for a constant of one element. */
export function numberOf(constant: Constant): number | undefined {
  const [only] = constant.values ?? []
  if (only === undefined || count(constant.shape) !== 1) return undefined
  if (Number.isNaN(only)) throw unsupported('a constant that is no number')
  // Additive masks are minus infinity.
  return Math.min(Math.max(only, -limit), limit)
}

/** Applies a function element by element, as numpy's rule has it. */
export function elementwise(
  builder: Builder,
  given: readonly (Computed | Constant)[],
  run: (operands: readonly Operand[]) => SymbolicValue,
  integer = false,
): Computed {
  const operands = given.map((each): Operandish & { readonly from: Computed | Constant } => {
    if (each.kind === 'computed') return { physical: each.physical, logical: each.logical, from: each }
    return { physical: [], logical: each.shape.map((size) => axisOf(size)), from: each }
  })
  setApart(operands)
  const logical = met(operands)
  const sets = operands.map(
    ({ from, physical, logical: own }) => new Set(from.kind === 'computed' ? physical.flat() : own.flat()),
  )
  const computed = operands.filter(({ from }) => from.kind === 'computed')
  const all = logical.flat().filter((atom) => sets.some((set) => set.has(atom)))
  const main = computed.toSorted((a, b) => b.physical.flat().length - a.physical.flat().length)[0] as Operandish
  const batch = main.physical[0] as readonly Atom[]
  const held = new Set(main.physical.flat())
  const physical: Axes = [
    batch,
    ...splitBy(
      all.every((atom) => held.has(atom))
        ? main.physical.slice(1).map((axis) => axis.filter((atom) => all.includes(atom)))
        : logical.map((axis) => axis.filter((atom) => !atom.batch && all.includes(atom))),
      sets,
    ),
  ]
  const args = operands.map((operand): Argument => {
    const { from } = operand
    if (from.kind === 'computed') {
      const own = new Set(operand.physical.flat())
      return arranged(
        builder,
        { ref: from.ref, physical: operand.physical },
        physical.map((axis) => axis.filter((atom) => own.has(atom))),
      )
    }
    if (isNumber(from, given)) return numberOf(from) as number
    if (hasBatch(operand.logical)) return rowConstant(builder, operand as never, physical)
    return builder.weight(from, operand.logical, physical.slice(1))
  })
  return { kind: 'computed', ref: builder.record(args, rowDims(physical), run), physical, logical, integer }
}

/** Whether a constant is a mere number there, not the weight of a single output. */
function isNumber(constant: Constant, beside: readonly (Computed | Constant)[]): boolean {
  if (numberOf(constant) === undefined) return false
  if (!constant.trainable || constant.shape.length === 0) return true
  const other = beside.find((each) => each.kind === 'computed')
  return other?.logical.at(-1) === undefined || !isOne(other.logical.at(-1) as readonly Atom[])
}

/** A constant that has an axis of the batch: it must be the same for all rows. */
function rowConstant(
  builder: Builder,
  { from, logical }: { readonly from: Constant; readonly logical: Axes },
  physical: Axes,
): Argument {
  const axis = logical.findIndex((atoms) => atoms.some(({ batch }) => batch))
  const first = sameAlong(from, axis)
  if (first === undefined || (logical[axis] as readonly Atom[]).length > 1) {
    throw unsupported('a constant that differs from row to row of the batch')
  }
  const number = numberOf(first)
  return number ?? builder.weight(first, logical.with(axis, []), physical.slice(1))
}

/** The first part of a constant along an axis, if all others are equal to it. */
export function sameAlong(constant: Constant, axis: number): Constant | undefined {
  const { shape, values } = constant
  if (shape[axis] === 1) return constant
  if (values === undefined) return undefined
  const inner = count(shape.slice(axis + 1))
  const size = shape[axis] as number
  for (let at = 0; at < values.length; at++) {
    const start = Math.floor(at / (inner * size)) * inner * size
    if (values[at] !== values[start + (at % inner)]) return undefined
  }
  const kept = shape.with(axis, 1)
  const strides = stridesTo(shape, shape).with(axis, 0)
  return folded(
    [constant],
    kept,
    ([x], into) => {
      walk(kept, [strides], (at, [from]) => {
        into[at] = x?.[from as number] as number
      })
    },
    { integer: constant.integer },
  )
}
