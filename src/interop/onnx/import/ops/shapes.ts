import { type Call, dataOf, type Operator, rankOf } from '../call.js'
import { type Dim, divide, product, same, showDims, solved } from '../dim.js'
import { arranged, reshaped } from '../layout.js'
import {
  type Atom,
  type Axes,
  atomOf,
  type Computed,
  type Constant,
  count,
  dimsOf,
  FixedSize,
  malformed,
  rearranged,
  sizeOf,
  sizesIn,
  stridesTo,
  unsupported,
  type Value,
  writtenOut,
} from '../values.js'

/** A constant of the same elements under another shape. */
export const renamed = (x: Constant, shape: readonly number[], dims: readonly Dim[] = shape): Constant => ({
  ...x,
  shape,
  dims,
})

export function transposed(x: Value, permutation: readonly number[]): Value {
  const rank = rankOf(x)
  if (
    permutation.length !== rank ||
    !permutation.every((axis, at) => axis >= 0 && axis < rank && permutation.indexOf(axis) === at)
  ) {
    throw malformed(`the order [${permutation.join(', ')}] of ${rank} axes`)
  }
  const order = <T>(list: readonly T[]) => permutation.map((axis) => list[axis] as T)
  const data = dataOf(x)
  if (data.kind === 'computed') return { ...data, logical: order(data.logical) }
  const shape = order(data.shape)
  const moved = data.shape.some((size, axis) => size !== 1 && permutation.indexOf(axis) !== axis)
  if (!moved) return renamed(data, shape, order(data.dims))
  // Made once, since a constant that several nodes read is one weight.
  const made = turned.get(data) ?? new Map<string, Constant>()
  turned.set(data, made)
  const known = made.get(permutation.join())
  if (known) return known
  const result = { ...rearranged(data, shape, order(stridesTo(data.shape, data.shape))), dims: order(data.dims) }
  made.set(permutation.join(), result)
  return result
}

/** Constants with their axes in other orders. */
const turned = new WeakMap<Constant, Map<string, Constant>>()

/** The axes, after atoms were put together in memory where they must be to be divided otherwise. */
function regrouped(call: Call, x: Computed, target: readonly Dim[]): Computed {
  const found = grouped(x.logical.flat(), target)
  if (found) return { ...x, logical: found.axes, physical: found.split(x.physical) }
  // Sizes that are no products of the others', such as [6, 4] as [8, 3]: what lies between the axes that stay.
  const { builder } = call
  const batchFirst = [...x.logical.flat().filter(({ batch }) => batch)]
  const own = x.logical.flat().filter(({ batch }) => !batch)
  const at = x.logical.flat().findIndex(({ batch }) => batch)
  const other = () => {
    const error = unsupported(
      `the shape ${showDims(dimsOf(x))} as ${showDims(target)}; where the file holds for inputs of one size alone, the option inputShapes gives it`,
    )
    const only = solved(product(dimsOf(x)), product(target))
    return only ? new FixedSize(only.name, only.value, error) : error
  }
  if (at > 0) throw other()
  const whole = atomOf(sizeOf(own))
  const ref = reshaped(builder, arranged(builder, x, [builder.batch, own], true), [whole.dim])
  const again = grouped([...batchFirst, whole], target)
  if (!again) throw other()
  return { ...x, ref, logical: again.axes, physical: again.split([builder.batch, [whole]]) }
}

/** The atoms of a value as other axes, dividing those that lie across two of them. */
function grouped(
  atoms: readonly Atom[],
  target: readonly Dim[],
): { readonly axes: Axes; readonly split: (axes: Axes) => Axes } | undefined {
  const left = [...atoms]
  const divided = new Map<Atom, Atom[]>()
  const axes: Atom[][] = []
  for (const [at, dim] of target.entries()) {
    const axis: Atom[] = []
    let open: Dim = dim
    const next = target[at + 1]
    while (left.length > 0) {
      const [atom] = left as [Atom]
      if (same(atom.dim, 1) && !atom.batch) {
        left.shift()
        continue
      }
      // A batch of one row goes to the first axis that can hold it.
      if (same(atom.dim, 1) && open === 1 && axis.length > 0 && next !== undefined) break
      if (open === 1 && !same(atom.dim, 1)) break
      const rest = divide(open, atom.dim)
      if (rest !== undefined) {
        axis.push(atom)
        left.shift()
        open = rest
        continue
      }
      const inner = atom.batch ? undefined : divide(atom.dim, open)
      if (inner === undefined) return undefined
      const parts = [atomOf(open), atomOf(inner)]
      const owner = [...divided].find(([, all]) => all.includes(atom))
      if (owner) owner[1].splice(owner[1].indexOf(atom), 1, ...parts)
      else divided.set(atom, parts)
      axis.push(parts[0] as Atom)
      left.splice(0, 1, parts[1] as Atom)
      open = 1
    }
    if (open !== 1) return undefined
    axes.push(axis)
  }
  if (left.some(({ dim, batch }) => batch || dim !== 1)) return undefined
  const split = (all: Axes) => all.map((axis) => axis.flatMap((atom) => divided.get(atom) ?? [atom]))
  return { axes, split }
}

export function reshapedTo(call: Call, x: Value, given: readonly Dim[], copyZeros: boolean): Value {
  const dims = dimsOf(x)
  let target = given.map((dim, at): Dim => (dim === 0 && copyZeros ? (dims[at] ?? 1) : dim))
  const open = target.indexOf(-1)
  if (open >= 0) {
    const others = product(target.filter((_, at) => at !== open))
    const all = product(dims)
    const rest = divide(all, others)
    if (rest === undefined) throw unsupported(`the shape ${showDims(dims)} as ${showDims(target)}`)
    target = target.with(open, rest)
  }
  if (x.kind === 'sizes') {
    if (target.length <= 1) return { ...x, scalar: target.length === 0 }
    throw unsupported('sizes in two dimensions')
  }
  const data = dataOf(x)
  if (data.kind === 'computed') {
    // A size of the file that the batch happened to have when it was written stands for the batch.
    return regrouped(call, data, target)
  }
  if (!same(product(target), product(dims))) throw malformed(`the shape ${showDims(dims)} as ${showDims(target)}`)
  if (count(data.shape) === 1)
    return renamed(
      data,
      target.map(() => 1),
      target,
    )
  const whole = writtenOut(data)
  return renamed(whole, target as number[])
}

function reshape(call: Call): Value {
  const given = call.given(1)
  const target = given ? sizesIn(given) : call.node.ints('shape')
  if (target === undefined) throw unsupported('the shape must follow from constants and shapes')
  return reshapedTo(call, call.value(0), target, call.node.int('allowzero', 0) === 0)
}

function flatten(call: Call): Value {
  const x = call.value(0)
  const dims = dimsOf(x)
  const given = call.node.int('axis', 1)
  const axis = given < 0 ? given + dims.length : given
  return reshapedTo(call, x, [product(dims.slice(0, axis)), product(dims.slice(axis))], false)
}

export function squeezed(x: Value, axes: readonly number[] | undefined): Value {
  const rank = rankOf(x)
  const gone = axes?.map((axis) => (axis < 0 ? axis + rank : axis))
  if (x.kind === 'sizes') return { ...x, scalar: x.items.length === 1 }
  const data = dataOf(x)
  const dims = dimsOf(x)
  for (const axis of gone ?? []) {
    if (dims[axis] === undefined) throw malformed(`there is no axis ${axis} among ${rank}`)
    if (dims[axis] !== 1)
      throw unsupported(`the axis ${axis} of ${showDims(dims)}, which is not of size 1, is squeezed`)
  }
  const keep = (_: unknown, at: number) => (gone ? !gone.includes(at) : dims[at] !== 1)
  if (data.kind === 'computed') return { ...data, logical: data.logical.filter(keep) }
  return renamed(data, data.shape.filter(keep), data.dims.filter(keep))
}

export function unsqueezed(x: Value, axes: readonly number[]): Value {
  const rank = rankOf(x) + axes.length
  const at = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))
  if (at.size !== axes.length || ![...at].every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank)) {
    throw malformed(`the axes [${axes.join(', ')}] of ${rank}`)
  }
  if (x.kind === 'sizes' && x.scalar && rank === 1) return { ...x, scalar: false }
  if (x.kind === 'rows' && rank === 2 && at.has(1) && x.order === undefined) {
    return { ...x, column: { beside: undefined } }
  }
  const data = dataOf(x)
  const put = <T>(list: readonly T[], one: T): T[] => {
    const left = [...list]
    return Array.from({ length: rank }, (_, axis) => (at.has(axis) ? one : (left.shift() as T)))
  }
  if (data.kind === 'computed') return { ...data, logical: put<readonly Atom[]>(data.logical, []) }
  return renamed(data, put(data.shape, 1), put<Dim>(data.dims, 1))
}

export const shapeOperators: Readonly<Record<string, Operator>> = {
  Shape: (call) => {
    const dims = dimsOf(call.value(0))
    const end = call.node.int('end', dims.length)
    return { kind: 'sizes', scalar: false, items: dims.slice(call.node.int('start', 0), end) }
  },
  Size: (call) => ({ kind: 'sizes', scalar: true, items: [product(dimsOf(call.value(0)))] }),
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: (call) => squeezed(call.value(0), call.numbers(1, 'axes')),
  Unsqueeze: (call) => unsqueezed(call.value(0), call.numbers(1, 'axes') ?? []),
  Transpose: (call) => {
    const x = call.value(0)
    const rank = rankOf(x)
    return transposed(x, call.node.ints('perm') ?? Array.from({ length: rank }, (_, at) => rank - 1 - at))
  },
  Identity: (call) => call.value(0),
}
