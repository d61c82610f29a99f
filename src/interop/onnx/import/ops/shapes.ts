import { type Call, dataOf, first, type Operator, rankOf } from '../call.js'
import { add, type Dim, divide, multiply, product, same, showDim, showDims, subtract } from '../dim.js'
import { arranged, reshaped } from '../layout.js'
import {
  type Atom,
  type Axes,
  atomOf,
  axisOf,
  broadcastShapes,
  type Computed,
  type Constant,
  count,
  dimsOf,
  folded,
  isOne,
  known,
  malformed,
  mostKnown,
  numbersIn,
  sizeOf,
  sizesIn,
  stridesTo,
  unsupported,
  type Value,
  walk,
  writtenOut,
} from '../values.js'

/** The largest number that stands for the end of an axis, whatever its size is. */
const farAway = 2 ** 31 - 1

/** A constant whose elements are others' in another order. */
function rearranged(x: Constant, shape: readonly number[], strides: readonly number[], start = 0): Constant {
  return folded(
    [x],
    shape,
    ([elements], into) => {
      walk(shape, [strides], (at, [from]) => {
        into[at] = elements?.[start + (from as number)] as number
      })
    },
    { integer: x.integer },
  )
}

/** A constant of the same elements under another shape. */
const renamed = (x: Constant, shape: readonly number[], dims: readonly Dim[] = shape): Constant => ({
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
  return { ...rearranged(data, shape, order(stridesTo(data.shape, data.shape))), dims: order(data.dims) }
}

/** The axes, after atoms were put together in memory where they must be to be divided otherwise. */
function regrouped(call: Call, x: Computed, target: readonly Dim[]): Computed {
  const found = grouped(x.logical.flat(), target)
  if (found) return { ...x, logical: found.axes, physical: found.split(x.physical) }
  // Sizes that are no products of the others', such as [6, 4] as [8, 3]: what lies between the axes that stay.
  const { builder } = call
  const batchFirst = [...x.logical.flat().filter(({ batch }) => batch)]
  const own = x.logical.flat().filter(({ batch }) => !batch)
  const at = x.logical.flat().findIndex(({ batch }) => batch)
  if (at > 0) throw unsupported(`the shape ${showDims(dimsOf(x))} as ${showDims(target)}`)
  const whole = atomOf(sizeOf(own))
  const ref = reshaped(builder, arranged(builder, x, [builder.batch, own], true), [whole.dim])
  const again = grouped([...batchFirst, whole], target)
  if (!again) throw unsupported(`the shape ${showDims(dimsOf(x))} as ${showDims(target)}`)
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

function reshapedTo(call: Call, x: Value, given: readonly Dim[], copyZeros: boolean): Value {
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
  const data = dataOf(x)
  const put = <T>(list: readonly T[], one: T): T[] => {
    const left = [...list]
    return Array.from({ length: rank }, (_, axis) => (at.has(axis) ? one : (left.shift() as T)))
  }
  if (data.kind === 'computed') return { ...data, logical: put<readonly Atom[]>(data.logical, []) }
  return renamed(data, put(data.shape, 1), put<Dim>(data.dims, 1))
}

/** The value with one axis of ours for an axis of ONNX; `place` is its number. */
export function isolated(call: Call, x: Computed, axis: number): { readonly value: Computed; readonly place: number } {
  const atoms = x.logical[axis] as readonly Atom[]
  if (atoms.some(({ batch }) => batch)) throw unsupported(`it works along the batch (axis ${axis})`)
  const set = new Set(atoms)
  const present = new Set(x.physical.flat())
  const rest = (part: readonly Atom[]) => part.filter((atom) => !set.has(atom))
  const at = x.physical.findIndex((part) => part.some((atom) => set.has(atom)))
  const together = x.physical.find(
    (part) => atoms.length > 0 && part.length === atoms.length && part.every((atom, k) => atom === atoms[k]),
  )
  if (together) return { value: x, place: x.physical.indexOf(together) }
  const physical: Axes = [
    ...x.physical.slice(0, Math.max(at, 1)).map(rest),
    ...(at < 0 ? [] : [rest(x.physical[at] as readonly Atom[])]),
    atoms,
    ...x.physical.slice(Math.max(at + 1, 1)).map(rest),
  ].filter((part, k) => k === 0 || part === atoms || part.length > 0)
  const place = physical.indexOf(atoms)
  const all = atoms.every((atom) => present.has(atom))
  const ref = arranged(call.builder, x, physical, !all)
  return { value: { ...x, ref, physical }, place }
}

/** The range of an axis, which lies alone in memory. */
export function cut(call: Call, x: Computed, axis: number, start: number, end: number): Computed {
  const { value, place } = isolated(call, x, axis)
  const dims = value.ref.dims.with(place - 1, end - start)
  const ref = call.builder.record(
    [value.ref],
    dims,
    first((v) => v.slice(start, end, place)),
  )
  const atoms = axisOf(end - start)
  return {
    ...value,
    ref,
    physical: value.physical.with(place, atoms).filter((part, k) => k === 0 || part.length > 0 || k === place),
    logical: value.logical.with(axis, atoms),
  }
}

/** Some number of steps from the end, of a number of steps that is known only per call. */
function fromEnd(call: Call, x: Computed, axis: number, back: number): Computed {
  const { builder } = call
  const atoms = x.logical[axis] as readonly Atom[]
  const others = x.physical
    .slice(1)
    .map((part) => part.filter((atom) => !atoms.includes(atom)))
    .filter((part) => part.length > 0)
  const ref = arranged(builder, x, [builder.batch, atoms, others.flat()], true)
  const width = sizeOf(others.flat())
  const physical: Axes = [builder.batch, ...(others.length > 0 ? [others.flat()] : [[]])]
  const logical = x.logical.with(axis, [])
  if (back === 1 && !builder.isStep) {
    const [tensor] = builder.tensors([ref]) as [never]
    return { ...x, ...builder.computed(call.lowering.lastStep(tensor), physical.slice(1), logical, x.integer) }
  }
  const last = builder.record(
    [ref],
    [width],
    first((v) => {
      const one = v.slice(0, 1, 2)
      const place = one.less(one).add(1).cumulativeSum({ axis: 1, reverse: true })
      return place.equal(back).where(v, 0).sum({ axis: 1 })
    }),
  )
  return { ...x, ref: last, physical, logical }
}

/** One element of an axis, which stays with size 1. */
export function element(call: Call, x: Computed, axis: number, index: number): Computed {
  const atoms = x.logical[axis] as readonly Atom[]
  // How long it is when the model runs is not what the file says.
  if (atoms.some(({ batch }) => batch)) throw unsupported(`it works along the batch (axis ${axis})`)
  const size = sizeOf(atoms)
  if (typeof size === 'number') {
    const at = index < 0 ? index + size : index
    if (at < 0 || at >= size) throw malformed(`the index ${index} of ${size}`)
    return size === 1 && isOne(atoms) ? x : cut(call, x, axis, at, at + 1)
  }
  return index < 0 ? fromEnd(call, x, axis, -index) : cut(call, x, axis, index, index + 1)
}

function slice(call: Call): Value {
  const x = call.value(0)
  const starts = call.opset >= 10 ? sizesIn(call.value(1)) : call.node.ints('starts')
  const ends = call.opset >= 10 ? sizesIn(call.value(2)) : call.node.ints('ends')
  if (!starts || !ends) throw unsupported('the range must be constant')
  if (starts.length !== ends.length) throw malformed(`${starts.length} starts and ${ends.length} ends`)
  const rank = rankOf(x)
  const axes = call.numbers(3, 'axes') ?? starts.map((_, at) => at)
  const steps = call.given(4) ? numbersIn(call.given(4), 'steps') : starts.map(() => 1)
  let result = x
  if (axes.length !== starts.length || steps.length !== starts.length)
    throw malformed(`${axes.length} axes of ${starts.length} ranges`)
  for (const [at, given] of axes.entries()) {
    const axis = call.axis(given, rank)
    result = sliced(call, result, axis, starts[at] as Dim, ends[at] as Dim, steps[at] as number)
  }
  return result
}

/** Counted from the front, as far as that is known. */
function fromFront(bound: Dim, size: Dim): Dim {
  if (typeof bound !== 'number' || bound >= 0) return bound
  return typeof size === 'number' ? Math.max(bound + size, 0) : bound > -farAway ? add(size, bound) : 0
}

function sliced(call: Call, x: Value, axis: number, from: Dim, to: Dim, step: number): Value {
  const size = dimsOf(x)[axis] as Dim
  const isEnd = (bound: Dim) => (typeof bound === 'number' && bound >= farAway) || same(bound, size)
  if (x.kind === 'sizes') {
    if (typeof from !== 'number' || typeof to !== 'number') throw unsupported('a range that is known only per call')
    const { items } = x
    const chosen = step === 1 ? items.slice(from, to >= farAway ? items.length : to) : undefined
    if (!chosen) throw unsupported(`steps of ${step}`)
    return { ...x, items: chosen }
  }
  if (step === 0) throw malformed('steps of 0')
  const data = dataOf(x)
  if (step < 0) {
    const whole = isEnd(from) || from === -1 || same(from, subtract(size, 1))
    const toFront = typeof to === 'number' && (to < -farAway || (typeof size === 'number' && to < -size))
    if (step !== -1 || !whole || !toFront) throw unsupported(`steps of ${step}`)
    if (data.kind === 'computed') return call.lowering.flipped(data, axis)
    const strides = stridesTo(data.shape, data.shape)
    const stride = strides[axis] as number
    return rearranged(data, data.shape, strides.with(axis, -stride), stride * ((data.shape[axis] as number) - 1))
  }
  const start = fromFront(from, size)
  const end = isEnd(to) ? size : fromFront(to, size)
  if (data.kind === 'constant') {
    const all = data.shape[axis] === data.dims[axis] ? data : undefined
    if (!all) {
      const length = typeof end === 'number' && typeof size === 'number' ? Math.min(end, size) : end
      return { ...data, dims: data.dims.with(axis, subtract(length, start)) }
    }
    const length = Math.max(0, Math.ceil((Math.min(end as number, size as number) - (start as number)) / step))
    const strides = stridesTo(data.shape, data.shape)
    const stride = strides[axis] as number
    const shape = data.shape.with(axis, length)
    const cutOut = rearranged(data, shape, strides.with(axis, stride * step), stride * (start as number))
    return { ...cutOut, dims: data.dims.with(axis, length) }
  }
  if (start === 0 && same(end, size) && step === 1) return data
  if (typeof start === 'number' && typeof end === 'number') {
    const stop = typeof size === 'number' ? Math.min(end, size) : end
    if (stop <= start) throw unsupported(`an empty range, from ${start} to ${stop}`)
    if (step === 1) return cut(call, data, axis, start, stop)
    const places = Array.from({ length: Math.ceil((stop - start) / step) }, (_, k) => start + k * step)
    return concatenated(
      call,
      places.map((place) => cut(call, data, axis, place, place + 1)),
      axis,
    )
  }
  if (same(end, size) && same(start, subtract(size, 1)) && step === 1) return fromEnd(call, data, axis, 1)
  throw unsupported(
    `the range from ${showDim(start)} to ${showDim(end)} of ${showDim(size)} steps, a number that is known only per call`,
  )
}

function gather(call: Call): Value {
  const [x, indices] = [call.value(0), call.value(1)]
  const axis = call.axis(call.node.int('axis', 0), rankOf(x))
  if (x.kind === 'sizes') {
    const at = numbersIn(indices, 'the indices').map((index) => x.items[index < 0 ? index + x.items.length : index])
    if (at.includes(undefined)) throw malformed('an index behind the last size')
    return { kind: 'sizes', scalar: rankOf(indices) === 0, items: at as Dim[] }
  }
  const data = dataOf(x)
  const step = call.lowering.stepOf?.(data, indices, axis)
  if (step) return step
  const which = dataOf(indices)
  if (data.kind === 'constant') {
    if (which.kind === 'computed') return lookedUp(call, data, which, axis)
    return gathered(data, which, axis)
  }
  if (which.kind === 'computed') throw unsupported('each row of the batch chooses other elements')
  const list = numbersIn(which, 'the indices')
  if (which.dims.length === 0) return squeezed(element(call, data, axis, list[0] as number), [axis])
  const parts = list.map((index) => element(call, data, axis, index))
  const joinedParts = parts.length === 1 ? (parts[0] as Computed) : (concatenated(call, parts, axis) as Computed)
  if (which.dims.length === 1) return joinedParts
  const dims = dimsOf(joinedParts)
  return reshapedTo(call, joinedParts, [...dims.slice(0, axis), ...which.dims, ...dims.slice(axis + 1)], false)
}

/** Elements of a constant by constant indices. */
function gathered(data: Constant, indices: Constant, axis: number): Constant {
  const [x, which] = [writtenOut(data), writtenOut(indices)]
  const size = x.shape[axis] as number
  const inner = count(x.shape.slice(axis + 1))
  const outer = count(x.shape.slice(0, axis))
  const shape = [...x.shape.slice(0, axis), ...which.shape, ...x.shape.slice(axis + 1)]
  const chosen = numbersIn(which, 'the indices').map((index) => (index < 0 ? index + size : index))
  if (!chosen.every((index) => Number.isInteger(index) && index >= 0 && index < size))
    throw malformed('an index behind the end')
  return folded(
    [x],
    shape,
    ([elements], into) => {
      let at = 0
      for (let o = 0; o < outer; o++) {
        for (const index of chosen) {
          for (let i = 0; i < inner; i++) into[at++] = elements?.[(o * size + index) * inner + i] as number
        }
      }
    },
    { integer: x.integer },
  )
}

/** Rows of a table: an embedding, if whole tokens of an input are looked up. */
function lookedUp(call: Call, data: Constant, indices: Computed, axis: number): Value {
  const { builder } = call
  const table = writtenOut(
    transposed(data, [axis, ...data.dims.map((_, at) => at).filter((at) => at !== axis)]) as Constant,
  )
  const [rows, ...inner] = table.shape as [number, ...number[]]
  const width = count(inner)
  if (axis !== 0) throw unsupported(`values of the batch choose along axis ${axis} of a constant`)
  const logical = [...indices.logical, ...inner.map((size) => axisOf(size))]
  const features = logical.slice(indices.logical.length).flat()
  const isTokens =
    !builder.isStep && builder.parts.inputs.some(({ ref }) => ref === indices.ref) && indices.physical.length <= 3
  if (isTokens) {
    const output = call.lowering.embedding(call, indices.ref, data, renamed(table, [rows, width]))
    const axes: Axes = [...indices.physical.slice(1), features]
    return builder.computed(output, axes, logical)
  }
  const flat = renamed(table, [rows, width])
  const [a, b] = [atomOf(rows), atomOf(width)]
  const weight = builder.weight(flat, [[a], [b]], [[a], [b]])
  const ref = builder.record([weight, indices.ref], [...indices.ref.dims, width], ([w, i]) =>
    (w as never as { gather(indices: unknown): never }).gather(i),
  )
  return { kind: 'computed', ref, physical: [...indices.physical, features], logical, integer: data.integer }
}

/** Values one after the other along an axis. */
export function concatenated(call: Call, given: readonly Value[], axis: number): Value {
  const all = given.filter((each) => each.kind !== 'constant' || !each.dims.includes(0))
  if (all.length === 1) return all[0] as Value
  if (all.length === 0 || all.some((each) => rankOf(each) !== rankOf(all[0] as Value))) {
    throw malformed('the values that are joined have different numbers of axes')
  }
  const lists = all.map((each) => (rankOf(each) === 1 ? sizesIn(each) : undefined))
  if (all.some(({ kind }) => kind === 'sizes') && lists.every((each) => each !== undefined)) {
    return { kind: 'sizes', scalar: false, items: lists.flat() as Dim[] }
  }
  const data = all.map(dataOf)
  if (data.every((each) => each.kind === 'constant')) return joinedConstants(data, axis)
  return call.lowering.concatenated(call, data, axis)
}

function joinedConstants(all: readonly Constant[], axis: number): Constant {
  // Repeated alike, such as first states of two directions made from one shape.
  const [first] = all as [Constant]
  const alike = all.every(({ shape, values }) => count(shape) === 1 && values?.[0] === first.values?.[0])
  const sizes = all.map(({ dims }) => dims[axis] as Dim)
  if (alike && first.values) return { ...first, dims: first.dims.with(axis, sizes.reduce(add, 0)) }
  const whole = all.map(writtenOut)
  const shape = (whole[0] as Constant).shape.with(
    axis,
    whole.reduce((sum, each) => sum + (each.shape[axis] as number), 0),
  )
  const outer = count(shape.slice(0, axis))
  return folded(
    whole,
    shape,
    (elements, into) => {
      let at = 0
      for (let o = 0; o < outer; o++) {
        for (const [k, part] of elements.entries()) {
          const block = count((whole[k] as Constant).shape.slice(axis))
          for (let i = 0; i < block; i++) into[at++] = part[o * block + i] as number
        }
      }
    },
    { integer: all.every(({ integer }) => integer) },
  )
}

function split(call: Call): Value[] {
  const x = call.value(0)
  const axis = call.axis(call.node.int('axis', 0), rankOf(x))
  const size = dimsOf(x)[axis] as Dim
  const parts = call.node.int('num_outputs', call.node.outputs.length)
  let sizes = call.numbers(1, 'split')
  if (sizes === undefined) {
    if (typeof size !== 'number') throw unsupported('a number of steps that is known only per call is split')
    const part = Math.ceil(size / parts)
    sizes = Array.from({ length: parts }, (_, at) => Math.min(part, size - at * part))
  }
  let start = 0
  return sizes.map((part) => {
    const from = start
    start += part
    return sliced(call, x, axis, from, start, 1)
  })
}

function expand(call: Call): Value {
  const x = call.value(0)
  const target = sizesIn(call.value(1))
  if (target === undefined) throw unsupported('the shape must follow from constants and shapes')
  if (x.kind === 'sizes' && x.items.length === 1 && target.length === 1)
    return repeatedSize(x.items[0] as Dim, target[0] as Dim)
  return expanded(call, dataOf(x), target)
}

/** One size several times; how often does not matter to those that read it where that is known only per call. */
function repeatedSize(item: Dim, times: Dim): Value {
  const many = typeof times === 'number' && times <= mostKnown ? times : 1
  return { kind: 'sizes', scalar: false, items: Array<Dim>(many).fill(item) }
}

function expanded(_call: Call, x: Computed | Constant, target: readonly Dim[]): Value {
  const dims = broadcastShapes(dimsOf(x), target)
  const rank = dims.length
  if (x.kind === 'constant') {
    const shape = [...Array<number>(rank - x.shape.length).fill(1), ...x.shape]
    return renamed(x, shape, dims)
  }
  const logical = dims.map((dim, at): readonly Atom[] => {
    const own = x.logical[at - rank + x.logical.length] ?? []
    if (!isOne(own) || dim === 1) return own
    return _call.lowering.axisNamed(dim)
  })
  return { ...x, logical }
}

function tile(call: Call): Value {
  const x = call.value(0)
  const repeats = sizesIn(call.value(1))
  if (repeats === undefined) throw unsupported('how often it repeats must follow from constants and shapes')
  if (x.kind === 'sizes' && x.items.length === 1 && repeats.length === 1) {
    return repeatedSize(x.items[0] as Dim, repeats[0] as Dim)
  }
  const data = dataOf(x)
  const dims = dimsOf(data)
  const once = (at: number) => dims[at] === 1
  if (repeats.every((times, at) => times === 1 || once(at))) {
    return expanded(
      call,
      data,
      dims.map((dim, at) => multiply(dim, repeats[at] as Dim)),
    )
  }
  return repeats.reduce<Value>((all, times, axis) => {
    if (times === 1) return all
    if (typeof times !== 'number' || times > 1024) throw unsupported(`repeated ${showDim(times)} times`)
    return concatenated(call, Array<Value>(times).fill(all), axis)
  }, data)
}

function constantOfShape(call: Call): Value {
  const dims = sizesIn(call.value(0))
  if (dims === undefined) throw unsupported('the shape must follow from constants and shapes')
  const value = call.node.tensors.get('value') ?? known([0], [1], { integer: false })
  return renamed(
    value,
    dims.map(() => 1),
    dims,
  )
}

function range(call: Call): Value {
  const [start, limit, delta] = [0, 1, 2].map((index) => sizesIn(call.value(index))?.[0])
  if (start === undefined || limit === undefined || delta === undefined)
    throw unsupported('its bounds must be constant')
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number') {
    const length = Math.max(0, Math.ceil((limit - start) / delta))
    if (!(length <= 1 << 20)) throw unsupported(`${length} numbers`)
    return known(
      Array.from({ length }, (_, at) => start + at * delta),
      [length],
    )
  }
  if (delta !== 1) throw unsupported('steps that are known only per call')
  return call.lowering.counted(call, subtract(limit, start), start)
}

function constant(call: Call): Value {
  const { node } = call
  const tensor = node.tensors.get('value')
  if (tensor) return tensor
  if (node.has('value_float')) return known([node.float('value_float', 0)], [], { integer: false })
  if (node.has('value_int')) return known([node.int('value_int', 0)], [])
  const list = node.floats('value_floats')
  if (node.has('value_floats') && list) return known(list, [list.length], { integer: false })
  const whole = node.ints('value_ints')
  if (node.has('value_ints') && whole) return known(whole, [whole.length])
  throw unsupported('it holds no numbers')
}

function pad(call: Call): Value {
  const { node } = call
  const mode = node.text('mode', 'constant')
  const x = call.data(0)
  const rank = rankOf(x)
  const pads = call.numbers(1, 'pads')
  const axes = call.given(3) ? numbersIn(call.given(3), 'axes') : Array.from({ length: rank }, (_, at) => at)
  const value = call.given(2) ? (numbersIn(call.given(2), 'the value')[0] as number) : node.float('value', 0)
  if (pads === undefined) throw malformed('it has no pads')
  const repeat = mode === 'constant' ? undefined : repeats.get(mode)
  if (mode !== 'constant' && repeat === undefined) throw unsupported(`the mode '${mode}'`)
  let result: Value = x
  for (const [at, given] of axes.entries()) {
    const axis = call.axis(given, rank)
    const [before = -1, after = -1] = [pads[at], pads[at + axes.length]]
    if (before < 0 || after < 0) throw unsupported('padding that takes away')
    result = repeat
      ? continued(call, result, axis, before, after, repeat)
      : padded(call, result, axis, before, after, value)
  }
  return result
}

/** Which elements padding repeats: their places from the front, or negative from the end, by the distance from the edge. */
interface Repeat {
  readonly before: (distance: number) => number
  readonly after: (distance: number) => number
  /** How many elements an axis needs for some padding. */
  readonly needs: (padding: number) => number
}

const repeats: ReadonlyMap<string, Repeat> = new Map<string, Repeat>([
  ['edge', { before: () => 0, after: () => -1, needs: () => 1 }],
  ['reflect', { before: (distance) => distance, after: (distance) => -1 - distance, needs: (padding) => padding + 1 }],
  ['wrap', { before: (distance) => -distance, after: (distance) => distance - 1, needs: (padding) => padding }],
])

/** Elements that are put beside an axis one by one, at most. */
const mostRepeated = 1024

/** A value with elements of its own before and behind an axis. */
function continued(call: Call, x: Value, axis: number, before: number, after: number, repeat: Repeat): Value {
  if (before + after === 0) return x
  const data = dataOf(x)
  const size = dimsOf(data)[axis] as Dim
  const needed = repeat.needs(Math.max(before, after))
  if (typeof size === 'number' && size < needed) {
    throw unsupported(`padding of ${Math.max(before, after)} with elements of an axis of ${size}`)
  }
  if (before + after > mostRepeated) throw unsupported(`padding of ${before + after} with elements of the axis`)
  const front = Array.from({ length: before }, (_, k) => repeat.before(before - k))
  const back = Array.from({ length: after }, (_, k) => repeat.after(k + 1))
  if (data.kind === 'constant') {
    const all = Array.from({ length: writtenOut(data).shape[axis] as number }, (_, k) => k)
    return gathered(data, known([...front, ...all, ...back], [before + all.length + after]), axis)
  }
  // The same element again and again is cut out once.
  const cutOut = new Map<number, Computed>()
  const at = (place: number) => {
    const found = cutOut.get(place) ?? element(call, data, axis, place)
    cutOut.set(place, found)
    return found
  }
  return concatenated(call, [...front.map(at), data, ...back.map(at)], axis)
}

/** A value with a number before and behind an axis. */
export function padded(call: Call, x: Value, axis: number, before: number, after: number, value: number): Value {
  const rank = rankOf(x)
  const block = (length: number) => {
    const dims = dimsOf(x).with(axis, length)
    return renamed(known([value], [1], { integer: false }), Array<number>(rank).fill(1), dims)
  }
  const parts = [...(before > 0 ? [block(before)] : []), x, ...(after > 0 ? [block(after)] : [])]
  return parts.length === 1 ? x : concatenated(call, parts, axis)
}

function trilu(call: Call): Value {
  const x = writtenOut(call.constant(0, 'what it takes'))
  const k = call.given(1) ? (numbersIn(call.given(1), 'k')[0] as number) : 0
  const upper = call.node.int('upper', 1) === 1
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  return folded(
    [x],
    x.shape,
    ([elements], into) => {
      for (let at = 0; at < into.length; at++) {
        const [row, column] = [Math.floor(at / columns) % rows, at % columns]
        const kept = upper ? column - row >= k : column - row <= k
        into[at] = kept ? (elements?.[at] as number) : 0
      }
    },
    { integer: x.integer },
  )
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
  Concat: (call) => {
    const axis = call.axis(call.node.int('axis', 0), rankOf(call.value(0)))
    return concatenated(call, call.inputs as Value[], axis)
  },
  Slice: slice,
  Gather: gather,
  Split: split,
  Expand: expand,
  Tile: tile,
  ConstantOfShape: constantOfShape,
  Range: range,
  Constant: constant,
  Identity: (call) => call.value(0),
  Pad: pad,
  Trilu: trilu,
}
