import { allocated } from '../../../data/allocated.js'
import { SeqloomError } from '../../../errors.js'
import type { SymbolicTensor } from '../../../layers/layer.js'
import { inOrder, type Move, type Pieces } from '../../../model/newWeights.js'
import { type Dim, multiply, product, showDims } from './dim.js'
import type { Segment } from './segment.js'

// What names in an ONNX graph stand for. Ours has the batch in front, and keeps it; theirs stands anywhere. So a
// computed value has two lists of axes, both made of the same atoms: how it lies in our tensor, and what ONNX sees.
// Transposing, squeezing and most reshaping change the second alone.

/** A part of an axis that is never taken apart, or only on both sides at once. */
export interface Atom {
  readonly dim: Dim
  readonly batch: boolean
  /** The axis of an input that it is. */
  readonly origin?: { readonly input: string; readonly axis: number }
}

/** Axes, each the product of its atoms, the first of them the outermost; an axis of size 1 may have none. */
export type Axes = readonly (readonly Atom[])[]

/** A tensor of ours: of the model, or of the traced function that is being recorded. */
export class Ref {
  tensor: SymbolicTensor | undefined

  constructor(
    /** The sizes without the batch. */
    readonly dims: readonly Dim[],
    from: SymbolicTensor | undefined,
    readonly segment?: Segment,
    readonly id = -1,
  ) {
    this.tensor = from
  }
}

/** A computed value. */
export interface Computed {
  readonly kind: 'computed'
  readonly ref: Ref
  /** Our axes; the first is the batch alone. */
  readonly physical: Axes
  /** ONNX's axes. An atom of theirs that ours do not have: the value is the same all along it. */
  readonly logical: Axes
  /** Whether its type is one of whole numbers. */
  readonly integer: boolean
  /** Whether all elements are whole numbers, though its type may have others. */
  readonly whole?: boolean
}

/** A constant: an initializer, or what follows from such. */
export interface Constant {
  readonly kind: 'constant'
  /** The name of the initializer that it comes from, for weights. */
  readonly name: string
  /** The shape of the stored elements: 1 where `dims` says that they are repeated. */
  readonly shape: readonly number[]
  readonly dims: readonly Dim[]
  readonly integer: boolean
  /** What the file calls the type of its elements, where it holds them. */
  readonly type?: string
  /** Whether training may change it. */
  readonly trainable: boolean
  /** The elements, of small constants. */
  readonly values: Float64Array | undefined
  read(): Promise<Float32Array | Float64Array>
  /** Where `read` takes them from: missing where they are computed, or the file does not have them as they are. */
  readonly stored: Stored | undefined
}

/** Floating-point elements in a file, and their places in a constant or a weight. */
export interface Stored {
  readonly pieces: Pieces
  readonly moves: readonly Move[]
}

/** Whole numbers that follow from shapes. */
export interface Sizes {
  readonly kind: 'sizes'
  /** One number has no dimension; otherwise the length, unless it is a constant that is repeated. */
  readonly scalar: boolean
  readonly items: readonly Dim[]
  /** Whether their type is one of numbers that are not whole, so that quotients are exact. */
  readonly real?: boolean
}

/** Whether one size is below another: what loops ask. */
export interface Below {
  readonly kind: 'below'
  readonly left: Dim
  readonly right: Dim
  /** What must hold besides: a number of each row, not zero. */
  readonly also?: Computed
}

/** An order into which the rows of the batch are put, such as by their lengths. They stay where they are here. */
export interface Order {
  readonly name: string
}

/** The numbers of rows: of each row itself, or the rows of an order, or where each row is in it. */
export interface Rows {
  readonly kind: 'rows'
  /** How many there are. */
  readonly count: Dim
  readonly order?: Order
  /** Whether it says where each row is. */
  readonly inverse?: boolean
  /** Whether they are a column, and what stands beside it: the number of an element of each row. */
  readonly column?: { readonly beside: Computed | Constant | undefined }
  /** Numbers of elements instead: of each row, which has so many, the one of a number. */
  readonly scale?: Dim
  readonly plus?: Computed | Constant
}

/** A list of values. */
export interface List {
  readonly kind: 'list'
  readonly items: readonly Value[]
  /** The list that a step of a loop begins with, which it has added the items to. */
  readonly base?: object
}

/** A list of the parts of a value along an axis, in order. */
export interface Parts {
  readonly kind: 'parts'
  readonly value: Computed | Constant
  readonly axis: number
  /** Whether each part has the axis still, with size 1. */
  readonly keeps: boolean
}

/**
 * A value with as much before and behind an axis as gives a window for each stride, where that depends on how many
 * steps there are when the model runs. Slices with these strides are elements of windows.
 */
export interface Padded {
  readonly kind: 'padded'
  /** The elements of windows as a further, last axis. */
  readonly windows: Computed
  readonly axis: number
  readonly stride: number
  /** Elements from the first to the last one of a window. */
  readonly span: number
}

/** What could not be mapped, and what follows from that. */
export interface Unknown {
  readonly kind: 'unknown'
}

export type Value = Computed | Constant | Sizes | Below | Rows | List | Parts | Padded | Unknown

export const unsupported = (message: string): SeqloomError => new SeqloomError('ERR_UNSUPPORTED', message)

export const malformed = (message: string): SeqloomError => new SeqloomError('ERR_FORMAT', message)

/** A size that the file leaves open can only be one number: all is done again with it. */
export class FixedSize extends Error {
  constructor(
    readonly size: string,
    readonly value: number,
    readonly otherwise: SeqloomError,
  ) {
    super(otherwise.message)
  }
}

export const sizeOf = (axis: readonly Atom[]): Dim => product(axis.map(({ dim }) => dim))

/** Whether an axis has one element, whatever the batch is. */
export const isOne = (axis: readonly Atom[]): boolean => axis.every(({ dim, batch }) => dim === 1 && !batch)

export const hasBatch = (axes: Axes): boolean => axes.some((axis) => axis.some(({ batch }) => batch))

export const atomOf = (dim: Dim): Atom => ({ dim, batch: false })

/** The axis of a size. */
export const axisOf = (dim: Dim): readonly Atom[] => (dim === 1 ? [] : [atomOf(dim)])

/** The shape that ONNX sees. */
export function dimsOf(value: Value): readonly Dim[] {
  if (value.kind === 'computed') return value.logical.map(sizeOf)
  if (value.kind === 'constant') return value.dims
  if (value.kind === 'rows') return value.column ? [value.count, value.column.beside ? 2 : 1] : [value.count]
  if (value.kind === 'padded') return value.windows.logical.slice(0, -1).map(sizeOf)
  return value.kind === 'sizes' && !value.scalar ? [value.items.length] : []
}

/** Constants of so many elements at most are known while the graph is read. */
export const mostKnown = 1 << 16

/** Constants of so many elements at most may be computed from others. */
const mostComputed = 2 ** 30

export const count = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1)

/** A constant of known elements. */
export function known(values: ArrayLike<number>, shape: readonly number[], options: Partial<Constant> = {}): Constant {
  const elements = Float64Array.from(values)
  return {
    kind: 'constant',
    name: 'constant',
    shape,
    dims: shape,
    integer: elements.every(Number.isInteger),
    trainable: false,
    values: elements,
    read: async () => elements,
    stored: undefined,
    ...options,
  }
}

/** Elements of constants. */
export type Elements = Float32Array | Float64Array

/** A constant computed from others, at once if all of them are small, otherwise when it is read. */
export function folded(
  from: readonly Constant[],
  shape: readonly number[],
  compute: (elements: readonly Elements[], into: Elements) => void,
  options: Partial<Constant> = {},
): Constant {
  const size = count(shape)
  if (!(size <= mostComputed)) throw unsupported(`a constant of shape ${showDims(shape)}`)
  const first = from.find(({ trainable }) => trainable) ?? from[0]
  const values = from.map((each) => each.values)
  const all = { name: first?.name ?? 'constant', trainable: from.some(({ trainable }) => trainable), ...options }
  if (size <= mostKnown && values.every((each) => each !== undefined)) {
    const into = new Float64Array(size)
    compute(values, into)
    return known(into, shape, all)
  }
  return {
    kind: 'constant',
    shape,
    dims: shape,
    integer: false,
    values: undefined,
    async read() {
      const elements: Elements[] = []
      for (const each of from) elements.push(await each.read())
      const into = allocated('a constant', Float32Array, size)
      compute(elements, into)
      return into
    },
    stored: undefined,
    ...all,
  }
}

/** A constant whose elements are others' in another order: where `strides` lead to from `start`. */
export function rearranged(x: Constant, shape: readonly number[], strides: readonly number[], start = 0): Constant {
  return folded(
    [x],
    shape,
    ([elements], into) => {
      walk(shape, [strides], (at, [from]) => {
        into[at] = elements?.[start + (from as number)] as number
      })
    },
    { integer: x.integer, stored: storedIn(x, shape, strides, start) },
  )
}

/** Where a file has the elements that strides lead to, if they are a box that lies there in one piece. */
function storedIn(
  { stored }: Constant,
  shape: readonly number[],
  strides: readonly number[],
  start: number,
): Stored | undefined {
  const [whole, more] = stored?.moves ?? []
  if (stored === undefined || whole?.sizes.length !== 1 || more) return undefined
  const places = stridesTo(shape, shape)
  const axes = shape
    .map((size, axis) => ({ size, there: strides[axis] as number, here: places[axis] as number }))
    .filter(({ size }) => size !== 1)
    .sort((a, b) => b.there - a.there)
  let inner = 1
  for (const { size, there } of axes.toReversed()) {
    if (there !== inner) return undefined
    inner *= size
  }
  const [sizes, to] = [axes.map(({ size }) => size), axes.map(({ here }) => here)]
  return { ...stored, moves: [{ from: whole.from + start, sizes, strides: to, to: 0 }] }
}

/** Where a file has so many elements one after the other. */
export const storedAs = (pieces: Pieces, count: number): Stored => ({ pieces, moves: [inOrder(count)] })

/** A constant with every repeated element written out. */
export function writtenOut(constant: Constant): Constant {
  const { shape, dims } = constant
  if (shape.every((size, axis) => size === dims[axis])) return constant
  if (!dims.every((dim) => typeof dim === 'number')) {
    throw unsupported(`a constant of shape ${showDims(dims)}, which is known only per call`)
  }
  return broadcasted(constant, dims as readonly number[])
}

/** A constant repeated to a shape. */
export function broadcasted(constant: Constant, shape: readonly number[]): Constant {
  const strides = stridesTo(constant.shape, shape)
  return folded(
    [constant],
    shape,
    ([x], into) => {
      walk(shape, [strides], (at, [from]) => {
        into[at] = x?.[from as number] as number
      })
    },
    { integer: constant.integer },
  )
}

/** Steps in elements for each axis of a shape, from the right; 0 where the array is repeated. */
export function stridesTo(from: readonly number[], to: readonly number[]): number[] {
  const strides = Array<number>(to.length).fill(0)
  let stride = 1
  for (let back = 1; back <= from.length; back++) {
    const size = from[from.length - back] as number
    if (size !== 1) strides[to.length - back] = stride
    stride *= size
  }
  return strides
}

/** Visits the elements of a shape in order, with the places that strides lead to. */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (at: number, from: readonly number[]) => void,
): void {
  const total = count(shape)
  const index = Array<number>(shape.length).fill(0)
  const from = Array<number>(strides.length).fill(0)
  for (let at = 0; at < total; at++) {
    visit(at, from)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1
      const wraps = next === shape[axis]
      index[axis] = wraps ? 0 : next
      const moved = wraps ? 1 - (shape[axis] as number) : 1
      for (const [k, each] of strides.entries()) from[k] = (from[k] as number) + moved * (each[axis] as number)
      if (!wraps) break
    }
  }
}

/** The numpy shape of two. `ERR_FORMAT` where they do not fit. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1]
    if (x === 1) return y
    if (y === 1) return x
    if (typeof x === 'number' && typeof y === 'number' && x !== y) {
      throw malformed(`the shapes ${showDims(a)} and ${showDims(b)} do not fit`)
    }
    return typeof x === 'number' ? x : y
  })
}

/** Whole numbers as sizes, if that is what a value holds. */
export function sizesIn(value: Value): readonly Dim[] | undefined {
  if (value.kind === 'sizes') return value.items
  if (value.kind !== 'constant' || value.values === undefined || value.shape.length > 1) return undefined
  if (!value.shape.every((size, axis) => size === value.dims[axis])) {
    const [length] = value.dims
    return typeof length === 'number' && length <= mostKnown
      ? Array<Dim>(length).fill(value.values[0] as number)
      : undefined
  }
  return value.values.every(Number.isInteger) ? [...value.values] : undefined
}

/** The numbers of a small constant. */
export function numbersIn(value: Value | undefined, what: string): number[] {
  const items = value && sizesIn(value)
  if (items?.every((item) => typeof item === 'number')) return items as number[]
  if (value?.kind === 'constant' && value.values) return [...(writtenOut(value).values as Float64Array)]
  throw unsupported(`${what} must be constant`)
}

/** The product of sizes, as a number if it is one. */
export const total = (dims: readonly Dim[]): Dim => dims.reduce(multiply, 1)
